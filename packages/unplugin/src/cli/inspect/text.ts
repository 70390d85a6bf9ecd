import { printable, type UnsupportedNode } from '@unplugin-onnx/build'
import type { Amount } from '@unplugin-onnx/core'
import { bytes as shown } from '../units'
import type { Macs, ModelSummary, Place, Signature } from './summary'

type Row = readonly [label: string, text: string]

/** Names of the model's are escaped. */
export function textOf(summary: ModelSummary, layers: number): string {
  const { inputs, outputs, nodes, subgraphs, operators, weights, external } = summary
  const rows: Row[] = [
    ['size', shown(summary.bytes)],
    ['producer', printable(summary.producer) || 'unknown'],
    ['IR version', String(summary.irVersion)],
    ['opsets', listed(summary.opsets)],
    ['parameters', summary.parameters.toLocaleString('en')],
    ...inputs.map((input): Row => ['input', signatureText(input)]),
    ...outputs.map((output): Row => ['output', signatureText(output)]),
    ['nodes', `${nodes}${subgraphs > 0 ? ` in ${subgraphs + 1} graphs` : ''}`],
    ['operators', listed(operators)],
    ...macRows(summary.macs),
    ...table(
      'weights',
      weights.map(({ type, tensors, bytes, share }) => [
        type,
        shown(bytes),
        percent(share),
        tensors === 1 ? 'in 1 tensor' : `in ${tensors} tensors`,
      ]),
    ),
    ...layerRows(summary, layers),
    ...external.map((location): Row => ['external data', printable(location)]),
    ...placeRows(summary.targets),
  ]
  let before = ''
  return rows
    .map(([label, text]) => {
      const line = `${(label === before ? '' : label).padEnd(14)}${text}`.trimEnd()
      before = label
      return `${line}\n`
    })
    .join('')
}

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${printable(name)} ${count}`)
    .join(', ')

function signatureText({ name, type, shape }: Signature): string {
  const lengths = shape?.map((length) => (length === null ? '?' : printable(String(length))))
  return `${printable(name)}: ${type}${lengths === undefined ? '' : `[${lengths.join(', ')}]`}`
}

/** A length as a factor: exporters name some by formulas, `floor(height/2) + 1`. */
const lengthText = (name: string): string => (/^[\w.:]+$/.test(name) ? name : `(${printable(name)})`)

/** `1,234 * batch + 56 * batch * seq`. */
const amountText = (amounts: readonly Amount[]): string =>
  amounts
    .map(({ factor, per }) => [factor.toLocaleString('en'), ...per.map(lengthText)].join(' * '))
    .join(' + ')

function macRows({ total, operators, uncounted, ranOn }: Macs): Row[] {
  const rows: Row[] = []
  if (total.length > 0) rows.push(['MACs', amountText(total)])
  if (operators.length > 1)
    for (const { operator, macs } of operators)
      rows.push(['MACs', `  ${printable(operator)} ${amountText(macs)}`])
  if (uncounted.length > 0) {
    const nodes = uncounted.length === 1 ? '1 node' : `${uncounted.length} nodes`
    const without = total.length > 0 ? `without ${nodes}` : `unknown: shapes of ${nodes}`
    const cure = ranOn === undefined ? '; --run finds out' : ''
    rows.push([
      'MACs',
      total.length > 0
        ? `${without} whose shapes the model leaves open${cure}`
        : `${without} are left open${cure}`,
    ])
  }
  if (total.length === 0 && uncounted.length === 0) rows.push(['MACs', '0'])
  if (ranOn !== undefined) {
    const shapes = Object.entries(ranOn).map(([name, dims]) => `${printable(name)} [${dims.join(', ')}]`)
    rows.push(['MACs', `on ${shapes.join(', ')}`])
  }
  return rows
}

function layerRows({ layers }: ModelSummary, count: number): Row[] {
  const cells = layers
    .slice(0, count)
    .map(({ node, operator, types, shape, bytes, share }) => [
      shown(bytes),
      percent(share),
      printable(operator),
      `${types[0] ?? ''}[${shape.join(', ')}]`,
      shortened(printable(node)),
    ])
  const rows = table('layers', cells)
  const rest = layers.slice(count)
  const bytes = rest.reduce((sum, layer) => sum + layer.bytes, 0)
  if (rest.length > 0 && count > 0) rows.push(['layers', `and ${rest.length} more with ${shown(bytes)}`])
  return rows
}

/** Nodes of one operator and reason together, the first by name. */
function placeRows(places: readonly Place[]): Row[] {
  const nameOf = ({ target, requires }: Place) => [printable(target), ...requires].join(' with ')
  const whole = places.filter(({ nodes }) => nodes.length === 0).map(nameOf)
  const rows: Row[] = whole.length > 0 ? [['runs on', whole.join(', ')]] : []
  const label = ({ runs }: Place) => (runs ? 'runs on' : 'not on')
  const others = places.filter(({ nodes }) => nodes.length > 0)
  others.sort((a, b) => Number(b.runs) - Number(a.runs))
  for (const place of others)
    for (const group of grouped(place.nodes))
      rows.push([label(place), `${nameOf(place)}${place.runs ? ', but ' : ': '}${group}`])
  return rows
}

function grouped(nodes: readonly UnsupportedNode[]): string[] {
  const groups = new Map<string, UnsupportedNode[]>()
  for (const node of nodes) {
    const key = `${node.opType} ${node.reason}`
    groups.set(key, [...(groups.get(key) ?? []), node])
  }
  return [...groups.values()].map(([first, ...others]) => {
    const { opType = '', node = '', reason = '' } = first ?? {}
    const more = others.length > 0 ? ` and ${others.length} more` : ''
    return `${printable(opType)} (${shortened(printable(node))}${more}): ${reason}`
  })
}

/** Columns as wide as their widest cell; the last is left as it is. */
function table(label: string, cells: readonly (readonly string[])[]): Row[] {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  )
  return cells.map((row) => [
    label,
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  '),
  ])
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(7)

/** Exporters' paths of modules: the end says most. */
const shortened = (name: string): string => (name.length > 60 ? `…${name.slice(-59)}` : name)
