import type { Opened } from '../model'
import { side } from '../picture'
import { byId, element } from './dom'

const percent = (share: number) => `${(share * 100).toFixed(share > 0.0995 ? 0 : 1)} %`

/** The picture that the model sees. */
export function showPicture(picture: Float32Array): void {
  const canvas = byId('picture', HTMLCanvasElement)
  canvas.width = side
  canvas.height = side
  const image = new ImageData(side, side)
  for (const [index, value] of picture.entries())
    image.data.set([value * 255, value * 255, value * 255, 255], index * 4)
  canvas.getContext('2d')?.putImageData(image, 0, 0)
}

/** A bar for each digit; without probabilities all are empty. */
export function showBars(probabilities: readonly number[] | undefined): void {
  const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const share = probabilities?.[digit] ?? 0
    return element(
      'li',
      digit === best ? { class: 'best' } : {},
      element('span', { class: 'share' }, probabilities ? percent(share) : ''),
      element(
        'span',
        { class: 'track', 'aria-hidden': 'true' },
        element('span', { style: `height: ${share * 100}%` }),
      ),
      element('span', { class: 'digit' }, String(digit)),
    )
  })
  byId('bars', HTMLOListElement).replaceChildren(...bars)
}

export interface Run {
  readonly opened: Opened
  /** Milliseconds: opening the model, and one picture. */
  readonly load: number
  readonly run: number
}

export function showRun({ opened, load, run }: Run): void {
  const figures = {
    Provider: opened.provider,
    Variant: opened.recipe,
    Size: `${(opened.bytes / 1e3).toFixed(1)} kB`,
    Load: `${Math.round(load)} ms`,
    'One picture': `${run.toFixed(1)} ms`,
  }
  byId('figures', HTMLDListElement).replaceChildren(
    ...Object.entries(figures).map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value)),
    ),
  )
}
