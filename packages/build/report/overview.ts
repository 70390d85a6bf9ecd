import { printable } from '../src/printable'
import type { ReportData } from '../src/report/data'
import { h, name } from './dom'
import * as format from './format'
import { smallest } from './outcome'

/** One line for each model, to choose from: sizes before and after on one scale. */
export function overview(reports: readonly ReportData[], current: ReportData): HTMLElement {
  const most = Math.max(1, ...reports.map(({ manifest }) => manifest.source.bytes))
  const before = reports.reduce((sum, { manifest }) => sum + manifest.source.bytes, 0)
  const after = reports.reduce((sum, report) => sum + (smallest(report)?.bytes ?? 0), 0)
  return h(
    'nav',
    { class: 'overview', attributes: { 'aria-label': 'Models' } },
    h(
      'p',
      { class: 'overview-head' },
      h('b', {}, format.plural(reports.length, 'model')),
      h('span', {}, `${format.bytes(before)} → ${format.bytes(after)}`),
    ),
    h(
      'ul',
      {},
      reports.map((report) => {
        const { manifest } = report
        const small = smallest(report)
        const { folder, base } = format.splitPath(manifest.source.file)
        const share = manifest.source.bytes === 0 ? 1 : (small?.bytes ?? 0) / manifest.source.bytes
        return h(
          'li',
          {},
          h(
            'a',
            {
              attributes: {
                href: hashOf(report),
                'aria-current': report === current ? 'page' : undefined,
              },
            },
            h('span', { class: 'overview-name' }, name(base), folder !== '' && name(folder, 'name folder')),
            h(
              'span',
              { class: 'overview-share' },
              share <= 1 ? `−${format.percent(1 - share)}` : `+${format.percent(share - 1)}`,
            ),
            h(
              'span',
              { class: 'track' },
              h('span', { class: 'before', style: { width: `${(manifest.source.bytes / most) * 100}%` } }),
              h('span', { class: 'fill', style: { width: `${((small?.bytes ?? 0) / most) * 100}%` } }),
            ),
            h(
              'span',
              { class: 'overview-sizes' },
              `${format.bytes(manifest.source.bytes)} → ${format.bytes(small?.bytes ?? 0)}`,
              manifest.warnings.length > 0 &&
                h('em', { title: format.plural(manifest.warnings.length, 'warning') }, ' ⚠'),
            ),
          ),
        )
      }),
    ),
  )
}

/** The same file may be there twice, for other targets. */
const identity = ({ manifest }: ReportData): string =>
  `${manifest.source.file}#${manifest.variants.map(({ target }) => target).join()}`

/** Half of a surrogate pair is no URI: it becomes an escape first. */
export const hashOf = (report: ReportData): string => `#${encodeURIComponent(printable(identity(report)))}`

export const byHash = (reports: readonly ReportData[], hash: string): ReportData | undefined =>
  reports.find((report) => hashOf(report) === hash)
