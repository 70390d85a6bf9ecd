import type { ValueSignature } from '@unplugin-onnx/runtime'
import type { ReportData } from '../src/report/data'
import { type Child, h, name } from './dom'
import * as format from './format'
import { table } from './table'

/** What the numbers above rest on. */
export function verificationSection({ manifest, budget, prefer, effort }: ReportData): HTMLElement {
  const { source, verifiedOn, engines } = manifest
  const synthesized = verifiedOn.source === 'synthesized'
  const limits = [
    budget.sqnr !== undefined && `SQNR of ${budget.sqnr} dB`,
    budget.cosine !== undefined && `cosine of ${budget.cosine}`,
    budget.top1 !== undefined && `top-1 of ${format.percent(budget.top1, 1)}`,
    budget.maxDrop !== undefined && `loss of at most ${budget.maxDrop} at your task`,
  ].filter((each) => each !== false)
  const rows: readonly (readonly [string, Child])[] = [
    [
      'Inputs',
      verifiedOn.samples === 0
        ? 'None: no engine ran the source.'
        : synthesized
          ? `${format.plural(verifiedOn.samples, 'sample')}, synthesized from names, types and shapes of the inputs. With calibration data of yours the numbers would say what your users get.`
          : `${format.plural(verifiedOn.samples, 'sample')} of your calibration data.`,
    ],
    [
      'Budget',
      [budget.preset !== undefined && [h('b', {}, name(budget.preset)), ': '], limits.join(', ') || 'none'],
    ],
    ['Preferred', `${prefer === 'balanced' ? 'size and speed' : prefer}, with ${effort} effort`],
    [
      'Engines',
      Object.entries(engines).map(([engine, version]) => h('div', {}, name(engine), ' ', name(version))),
    ],
    ['SHA-256', h('code', {}, name(source.sha256))],
    ...source.external.map(
      ({ location, bytes, sha256 }) =>
        ['External data', [name(location), ` ${format.bytes(bytes)} `, h('code', {}, name(sha256))]] as const,
    ),
  ]
  return h(
    'section',
    { class: 'verification' },
    h('h2', {}, 'What the numbers rest on'),
    h(
      'div',
      { class: 'columns' },
      h(
        'dl',
        {},
        rows.map(([term, value]) => [h('dt', {}, term), h('dd', {}, value)]),
      ),
      h(
        'div',
        {},
        h('h3', {}, 'Inputs'),
        signatures('Inputs of the model', manifest.inputs),
        h('h3', {}, 'Outputs'),
        signatures('Outputs of the model', manifest.outputs),
      ),
    ),
  )
}

const signatures = (caption: string, values: readonly ValueSignature[]): HTMLElement =>
  table(
    caption,
    [
      { label: 'Name', cell: (value) => name(value.name) },
      {
        label: 'Type',
        className: 'whole',
        cell: ({ type, optional }) => name(optional ? `${type}, optional` : type),
      },
      { label: 'Shape', cell: ({ dims }) => name(format.shape(dims)) },
    ],
    values,
  )
