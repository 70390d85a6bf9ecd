import type { ReportCandidate, ReportData } from '../src/report/data'
import { type Child, h, name } from './dom'
import * as format from './format'
import { absent, table } from './table'

/** Every candidate in numbers and words. */
export function decisions({ manifest }: ReportData, candidates: readonly ReportCandidate[]): HTMLElement {
  const { source } = manifest
  const has = (key: 'accuracy' | 'latency' | 'task' | 'brotliBytes') =>
    candidates.some((candidate) => candidate[key] !== undefined)
  const top1 = candidates.some(({ accuracy }) => accuracy?.top1 !== undefined)
  const number = true as const
  const none = absent
  return table<ReportCandidate>(
    'Every candidate, and why it was taken or dropped',
    [
      {
        label: 'Recipe',
        className: 'recipe-cell',
        cell: ({ recipe, chosen }) => [name(recipe), chosen && h('span', { class: 'tick' }, ' ✓ chosen')],
      },
      { label: 'Size', number, cell: ({ bytes }) => (bytes > 0 ? format.bytes(bytes) : none) },
      {
        label: 'of source',
        number,
        cell: ({ bytes }) => (bytes > 0 && source.bytes > 0 ? format.percent(bytes / source.bytes) : none),
      },
      ...(has('brotliBytes')
        ? [
            {
              label: 'brotli',
              number,
              cell: ({ brotliBytes }: ReportCandidate) =>
                brotliBytes === undefined ? none : format.bytes(brotliBytes),
            },
          ]
        : []),
      { label: 'SQNR', number, cell: ({ accuracy }) => (accuracy ? format.decibels(accuracy.sqnr) : none) },
      { label: 'cosine', number, cell: ({ accuracy }) => (accuracy ? format.cosine(accuracy.cosine) : none) },
      {
        label: 'max error',
        number,
        cell: ({ accuracy }) => (accuracy ? format.short(accuracy.maxError) : none),
      },
      ...(top1
        ? [
            {
              label: 'top-1',
              number,
              cell: ({ accuracy }: ReportCandidate) =>
                accuracy?.top1 === undefined ? none : format.percent(accuracy.top1, 1),
            },
          ]
        : []),
      ...(has('latency')
        ? [
            {
              label: 'time',
              number,
              cell: ({ latency }: ReportCandidate) =>
                latency ? `${format.times(latency.ratio)} the source's` : none,
            },
          ]
        : []),
      ...(has('task')
        ? [
            {
              label: 'score',
              number,
              cell: ({ task }: ReportCandidate) => (task ? format.short(task.variant) : none),
            },
          ]
        : []),
      { label: 'Why', className: 'why', cell: why },
    ],
    candidates,
    ({ chosen }) => (chosen ? 'chosen' : undefined),
  )
}

function why({ reason, skipped = [], outputs = [] }: ReportCandidate): Child {
  return [
    name(reason, 'text'),
    outputs.length > 1 &&
      h(
        'details',
        {},
        h('summary', {}, format.plural(outputs.length, 'output')),
        h(
          'ul',
          {},
          outputs.map((output) => h('li', {}, name(output.name), ` ${format.decibels(output.sqnr)}`)),
        ),
      ),
    skipped.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, `${format.plural(skipped.length, 'layer')} kept`),
        h(
          'ul',
          {},
          skipped.map((each) => h('li', {}, name(each.node), ' ', name(each.reason, 'text'))),
        ),
      ),
  ]
}
