import type { Opened } from '../model'
import type { Segment } from '../vad/segments'
import { byId, element } from './dom'

const seconds = (value: number) => `${value.toFixed(2)} s`

/** The list of segments; each plays when its button is pressed. */
export function listSegments(segments: readonly Segment[], play: (segment: Segment) => void): void {
  const items = segments.map((segment) => {
    const label = `${seconds(segment.start)} – ${seconds(segment.end)}`
    const button = element('button', { type: 'button', 'aria-label': `Play ${label}` }, '▶')
    button.addEventListener('click', () => play(segment))
    const length = element('span', { class: 'length' }, seconds(segment.end - segment.start))
    return element('li', {}, button, element('span', {}, label), length)
  })
  const none = element('li', { class: 'none' }, 'No speech yet.')
  byId('segments', HTMLOListElement).replaceChildren(...(items.length > 0 ? items : [none]))
}

export interface Run {
  readonly opened: Opened
  /** Milliseconds: opening the model, and listening to `duration` seconds. */
  readonly load: number
  readonly listen: number
  readonly duration: number
}

export function showRun({ opened, load, listen, duration }: Run): void {
  const figures = {
    Provider: opened.provider,
    Variant: opened.recipe,
    Size: `${(opened.bytes / 1e6).toFixed(2)} MB`,
    Load: `${Math.round(load)} ms`,
    Listen: `${Math.round(listen)} ms`,
    'Faster than speech': `${Math.round((duration * 1000) / listen)} ×`,
  }
  byId('figures', HTMLDListElement).replaceChildren(
    ...Object.entries(figures).map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value)),
    ),
  )
}
