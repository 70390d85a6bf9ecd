import type { SourcePage } from '../compare'
import type { Opened } from '../models'
import type { Line, Page } from '../ocr/read'
import { byId, element, megabytes, milliseconds, percent } from './dom'

const status = byId('status', HTMLParagraphElement)

export function say(text: string, state: 'working' | 'done' | 'failed' = 'working'): void {
  status.textContent = text
  status.dataset.state = state
}

/** The list of lines; `onPoint` hears which one the pointer or the keyboard is on. */
export function listLines(lines: readonly Line[], onPoint: (index: number | undefined) => void): void {
  const items = lines.map(({ text, confidence }, index) => {
    const item = element(
      'li',
      { tabindex: '0' },
      element('span', {}, text),
      element(
        'span',
        { class: 'bar', 'aria-hidden': 'true' },
        element('span', { style: `width: ${confidence * 100}%` }),
      ),
      element('output', { 'aria-label': `${percent(confidence)} sure` }, percent(confidence)),
    )
    for (const event of ['pointerenter', 'focus']) item.addEventListener(event, () => onPoint(index))
    for (const event of ['pointerleave', 'blur']) item.addEventListener(event, () => onPoint(undefined))
    return item
  })
  const none = element('li', { class: 'none' }, 'No text was found.')
  byId('lines', HTMLOListElement).replaceChildren(...(items.length > 0 ? items : [none]))
}

/** Timings, and which variant of each model ran where. */
export function showRun(page: Page, load: number, opened: readonly Opened[]): void {
  const figures = { Load: load, 'Find lines': page.detect, 'Read lines': page.recognize }
  byId('figures', HTMLDListElement).replaceChildren(
    ...Object.entries(figures).map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, milliseconds(value))),
    ),
  )
  const rows = opened.map(({ name, provider, recipe, bytes, skipped }) => [
    name,
    element('span', { class: 'tag', title: skipped.map(reasonText).join('\n') }, provider),
    recipe,
    megabytes(bytes),
  ])
  const total = opened.reduce((sum, { bytes }) => sum + bytes, 0)
  byId('models', HTMLTableElement).replaceChildren(
    ...table(['Model', 'Provider', 'Variant', 'Size'], [...rows, ['Together', '', '', megabytes(total)]]),
  )
}

const reasonText = ({ target, reason }: Opened['skipped'][number]) => `${target}: ${reason}`

/** What the source models read beside what the variants read, with both sizes and times. */
export function showComparison(variants: Page & { readonly bytes: number }, source: SourcePage): void {
  const count = Math.max(variants.lines.length, source.lines.length)
  const rows = Array.from({ length: count }, (_, index) => {
    const [theirs, ours] = [source.lines[index]?.text ?? '—', variants.lines[index]?.text ?? '—']
    return [theirs, ours, theirs === ours ? '✓ same' : '≠']
  })
  const time = ({ detect, recognize }: Page) => milliseconds(detect + recognize)
  const sizes = [megabytes(source.bytes), megabytes(variants.bytes), percent(variants.bytes / source.bytes)]
  const times = [time(source), time(variants), 'warm']
  byId('comparison', HTMLDivElement).replaceChildren(
    element('table', {}, ...table(['Source models', 'Variants', ''], [...rows, sizes, times])),
  )
}

function table(heads: readonly string[], rows: readonly (readonly (Node | string)[])[]): Node[] {
  const kind = (index: number): Record<string, string> =>
    index === heads.length - 1 && index > 0 ? { class: 'number' } : {}
  return [
    element(
      'thead',
      {},
      element('tr', {}, ...heads.map((head, index) => element('th', { scope: 'col', ...kind(index) }, head))),
    ),
    element(
      'tbody',
      {},
      ...rows.map((row) => element('tr', {}, ...row.map((cell, index) => element('td', kind(index), cell)))),
    ),
  ]
}
