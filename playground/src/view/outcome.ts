import { candidatesSection } from '@report/candidates'
import { type Child, h, name } from '@report/dom'
import * as format from '@report/format'
import { layersSection } from '@report/layers'
import { outcomesOf, type Outcome as Shown } from '@report/outcome'
import { sizesSection } from '@report/sizes'
import { absent, table } from '@report/table'
import { verificationSection } from '@report/verification'
import type { ReportData } from '@unplugin-onnx/build/browser'
import type { Outcome } from '../worker'

/** Variants for targets, or the one that passes made; the chosen one in detail. */
export function outcomeView(outcome: Outcome, model: string, snippets: HTMLElement): HTMLElement {
  const { report, files, passes, problem, seconds } = outcome
  const shown = outcomesOf(report)
  const details = h('div', { class: 'details' })
  const cards = h('div', { class: 'cards', attributes: { role: 'group', 'aria-label': 'Results' } })
  const show = (chosen: Shown) => {
    for (const [index, element] of [...cards.children].entries())
      element.querySelector('.show')?.setAttribute('aria-pressed', String(shown[index] === chosen))
    const parts: readonly Child[] = [
      comparison(chosen),
      sizesSection(report, chosen),
      passes === undefined ? candidatesSection(report, chosen) : passesSection(passes),
      layersSection(report, chosen),
      passes === undefined ? verificationSection(report) : basis(report),
    ]
    details.replaceChildren(h('div', {}, parts))
  }
  cards.append(
    ...shown.map((each) => {
      const bytes = files.get(each.variant.file)
      return card(
        report,
        each,
        problem !== undefined,
        () => show(each),
        () => {
          if (bytes !== undefined) save(bytes, fileName(model, each.variant.recipe, passes !== undefined))
        },
      )
    }),
  )
  const [first] = shown
  if (first !== undefined) show(first)
  return h(
    'div',
    { class: 'outcome' },
    h('h2', { class: 'result-title', attributes: { tabindex: -1 } }, 'The result'),
    h('p', { class: 'note' }, `Made and measured in ${seconds.toFixed(1)} s, in this page.`),
    problem !== undefined &&
      h(
        'section',
        { class: 'warnings' },
        h('h2', {}, 'Not compared'),
        h('p', {}, name(`${problem.charAt(0).toUpperCase()}${problem.slice(1)}`, 'text'), '.'),
      ),
    report.manifest.warnings.length > 0 &&
      h(
        'section',
        { class: 'warnings', attributes: { 'aria-label': 'Warnings' } },
        h('h2', {}, format.plural(report.manifest.warnings.length, 'warning')),
        h(
          'ul',
          {},
          report.manifest.warnings.map((warning) => h('li', {}, name(warning, 'text'))),
        ),
      ),
    cards,
    snippets,
    details,
  )
}

/** One result: how small, how exact, how fast, and the file. */
function card(
  { manifest }: ReportData,
  { variant, targets, chosen, missed }: Shown,
  unmeasured: boolean,
  onShow: () => void,
  onSave: () => void,
): HTMLElement {
  const { source } = manifest
  const { accuracy, requires } = variant
  const latency = variant.latency ?? chosen?.latency
  const share = source.bytes === 0 ? 1 : variant.bytes / source.bytes
  const label = targets.join(', ')
  return h(
    'article',
    { class: 'card result', attributes: { 'aria-label': label } },
    h(
      'div',
      { class: 'card-head' },
      h(
        'span',
        { class: 'targets' },
        targets.map((target, index) => [index > 0 && ', ', name(target)]),
        requires && h('em', {}, ` with ${requires.join(', ')}`),
      ),
      h('span', { class: 'recipe' }, name(variant.recipe)),
    ),
    h(
      'div',
      { class: 'card-size' },
      h('b', {}, format.bytes(variant.bytes)),
      h(
        'span',
        {},
        share <= 1 ? `${format.percent(1 - share)} smaller` : `${format.percent(share - 1)} larger`,
      ),
    ),
    h(
      'div',
      { class: 'track', attributes: { 'aria-hidden': 'true' } },
      h('span', { class: 'fill', style: { width: `${Math.min(100, Math.max(0.5, share * 100))}%` } }),
    ),
    h(
      'div',
      { class: 'facts' },
      !unmeasured && [
        fact('SQNR', format.decibels(accuracy.sqnr)),
        fact('cosine', format.cosine(accuracy.cosine)),
        fact('largest error', format.short(accuracy.maxError)),
        accuracy.top1 !== undefined && fact('top-1', format.percent(accuracy.top1, 1)),
      ],
      latency !== undefined &&
        fact(
          'a run',
          `${format.milliseconds(latency.milliseconds)}, ${format.times(latency.ratio)} the source's`,
        ),
    ),
    chosen !== undefined &&
      h(
        'p',
        { class: 'reason' },
        missed && h('strong', { class: 'missed' }, 'Missed the budget. '),
        name(chosen.reason, 'text'),
      ),
    h(
      'div',
      { class: 'actions' },
      h(
        'button',
        {
          class: 'button primary',
          attributes: { type: 'button', 'data-sha256': variant.sha256, 'data-targets': label },
          on: { click: onSave },
        },
        'Download',
        h('span', { class: 'hidden' }, ` the result for ${label}`),
      ),
      h(
        'button',
        {
          class: 'button show',
          attributes: { type: 'button', 'aria-pressed': 'false' },
          on: { click: onShow },
        },
        'Details',
        h('span', { class: 'hidden' }, ` of the result for ${label}`),
      ),
    ),
  )
}

const fact = (label: string, value: string): HTMLElement =>
  h(
    'span',
    { class: 'fact' },
    h('span', { class: 'fact-label' }, label),
    h('span', { class: 'fact-value' }, value),
  )

/** Source and result, output by output. */
function comparison({ chosen, variant }: Shown): Child {
  const outputs = chosen?.outputs ?? []
  if (outputs.length === 0) return undefined
  return h(
    'section',
    {},
    h('h2', {}, 'Beside the source'),
    h(
      'p',
      { class: 'note' },
      'The worst of all inputs, for each output. 20 dB is 10 % noise by amplitude, 40 dB is 1 %.',
      chosen?.latency === undefined &&
        variant.provider !== 'wasm' &&
        ' Times are not taken: WebAssembly says nothing of them.',
    ),
    table(
      'Agreement of each output',
      [
        { label: 'Output', cell: (output) => name(output.name) },
        { label: 'SQNR', number: true, cell: ({ sqnr }) => format.decibels(sqnr) },
        { label: 'cosine', number: true, cell: ({ cosine }) => format.cosine(cosine) },
        { label: 'largest error', number: true, cell: ({ maxError }) => format.short(maxError) },
        {
          label: 'top-1',
          number: true,
          cell: ({ top1 }) => (top1 === undefined ? absent : format.percent(top1, 1)),
        },
      ],
      outputs,
    ),
  )
}

const passesSection = (passes: NonNullable<Outcome['passes']>): HTMLElement =>
  h(
    'section',
    {},
    h('h2', {}, 'What each pass did'),
    table(
      'What each pass did',
      [
        { label: 'Pass', className: 'recipe-cell', cell: ({ pass }) => name(pass) },
        { label: 'changed', number: true, cell: ({ changed }) => changed.toLocaleString('en') },
        { label: 'skipped', number: true, cell: ({ skipped }) => skipped.length.toLocaleString('en') },
        {
          label: 'Why',
          className: 'why',
          cell: ({ skipped }) =>
            skipped.length === 0
              ? absent
              : h(
                  'details',
                  {},
                  h('summary', {}, `${format.plural(skipped.length, 'reason')}`),
                  h(
                    'ul',
                    {},
                    skipped
                      .slice(0, 50)
                      .map((each) => h('li', {}, name(each.node), ' ', name(each.reason, 'text'))),
                    skipped.length > 50 && h('li', {}, `and ${skipped.length - 50} more`),
                  ),
                ),
        },
      ],
      passes,
    ),
  )

/** What the numbers rest on, where there was no budget and no choice. */
function basis({ manifest }: ReportData): HTMLElement {
  const { samples, source, notes = [] } = manifest.verifiedOn
  const inputs = source === 'synthesized' ? 'made up from the signature' : 'of your file'
  return h(
    'section',
    {},
    h('h2', {}, 'What the numbers rest on'),
    h('p', { class: 'note' }, `${format.plural(samples, 'input')} ${inputs}.`),
    h(
      'ul',
      {},
      notes.map((note) => h('li', {}, name(note, 'text'))),
    ),
  )
}

const fileName = (model: string, recipe: string, ofPasses: boolean): string =>
  `${model.replace(/\.onnx$/i, '')}.${ofPasses ? 'transformed' : recipe}.onnx`

function save(bytes: Uint8Array<ArrayBuffer>, file: string): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  h('a', { attributes: { href: url, download: file } }).click()
  // The download has begun by then, and holds the bytes itself.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
