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
import { card } from './result-card'
import { fileName, save } from './save'

/** Variants for targets, or the one that passes made; the chosen one in detail. */
export function outcomeView(
  outcome: Outcome,
  model: string,
  snippets: HTMLElement,
  onCandidate: (recipe: string) => Promise<Uint8Array<ArrayBuffer> | undefined>,
): HTMLElement {
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
      passes === undefined
        ? [candidatesSection(report, chosen), others(chosen, model, onCandidate)]
        : passesSection(passes),
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

/** Candidates that were dropped can be had all the same. */
function others(
  { candidates, variant }: Shown,
  model: string,
  onCandidate: (recipe: string) => Promise<Uint8Array<ArrayBuffer> | undefined>,
): Child {
  const dropped = candidates.filter(({ recipe, bytes }) => bytes > 0 && recipe !== variant.recipe)
  if (dropped.length === 0) return undefined
  return h(
    'p',
    { class: 'others' },
    'Download another: ',
    dropped.map(({ recipe, bytes }) =>
      h(
        'button',
        {
          class: 'small',
          attributes: { type: 'button', 'data-recipe': recipe },
          on: {
            click: async () => {
              const file = await onCandidate(recipe)
              if (file !== undefined) save(file, fileName(model, recipe, false))
            },
          },
        },
        name(recipe),
        ` ${format.bytes(bytes)}`,
      ),
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
