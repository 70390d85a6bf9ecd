import { type HierarchyRectangularNode, hierarchy, treemap, treemapSquarify } from 'd3-hierarchy'
import { printable } from '../src/printable'
import type { ReportData, ReportLayer } from '../src/report/data'
import { h, name, responsive, roving, segments, svg } from './dom'
import * as format from './format'
import type { Outcome } from './outcome'
import { type Precision, precisionOf, precisions } from './precision'
import { asTable, type Column } from './table'
import { explains, type Lines } from './tooltip'

type Grouping = 'layer' | 'kind'

/** A rectangle: a layer's weight, or what is not in one. */
interface Cell {
  readonly layer: ReportLayer | undefined
  readonly label: string
  readonly kind: string
  readonly bytes: number
  readonly precision: Precision
  readonly dataType: string
}

interface Side {
  readonly title: string
  readonly bytes: number
  readonly cells: readonly Cell[]
}

interface Tree {
  readonly label: string
  readonly cell?: Cell
  readonly children?: readonly Tree[]
}

/** Bytes before and after, on one scale: equal areas are equal bytes. */
export function sizesSection(report: ReportData, { variant }: Outcome): HTMLElement {
  const { source } = report.manifest
  const before = sideOf('Before', source.bytes, report.layers, (layer) => layer)
  const after = sideOf(`After: ${printable(variant.recipe)}`, variant.bytes, report.layers, (layer) =>
    layer.variants.find(({ file }) => file === variant.file),
  )
  return section(
    [before, after],
    'Equal areas are equal bytes, before and after; colours tell the bits of an element.',
    asTable(
      'Bytes of each layer, before and after',
      [
        ...columns,
        { label: 'Before', number: true, cell: (layer) => format.bytes(layer.bytes) },
        {
          label: 'After',
          number: true,
          cell: (layer) => {
            const found = layer.variants.find(({ file }) => file === variant.file)
            return found === undefined ? '' : format.bytes(found.bytes)
          },
        },
      ],
      report.layers,
    ),
  )
}

/** Bytes of a model that nothing was done to yet. */
export function sourceSizesSection(bytes: number, layers: readonly ReportLayer[]): HTMLElement {
  return section(
    [sideOf('All bytes', bytes, layers, (layer) => layer)],
    'Areas are bytes; colours tell the bits of an element.',
    asTable(
      'Bytes of each layer',
      [
        ...columns,
        { label: 'Shape', cell: ({ dims, dataType }) => [`${dims.join(' × ')} `, name(dataType)] },
        { label: 'Bytes', number: true, cell: (layer) => format.bytes(layer.bytes) },
      ],
      layers,
    ),
  )
}

const columns: readonly Column<ReportLayer>[] = [
  { label: 'Layer', cell: ({ node }) => name(node) },
  { label: 'Kind', cell: ({ opType }) => name(opType) },
]

function section(sides: readonly Side[], note: string, tableOfLayers: HTMLElement): HTMLElement {
  let grouping: Grouping = 'layer'
  const holder = h('div')
  const draw = () =>
    holder.replaceChildren(responsive('treemaps', (width) => treemaps(sides, grouping, width)))
  draw()
  const choices = [
    { value: 'layer' as const, label: 'By layer' },
    { value: 'kind' as const, label: 'By kind' },
  ]
  return h(
    'section',
    {},
    h(
      'div',
      { class: 'section-head' },
      h('h2', {}, 'Where the bytes are'),
      segments<Grouping>('Group the weights', choices, grouping, (value) => {
        grouping = value
        draw()
      }),
    ),
    h('p', { class: 'note' }, note),
    sides.every(({ cells }) => cells.every(({ layer }) => layer === undefined))
      ? h('p', { class: 'empty' }, 'Sizes of single layers are not known.')
      : holder,
    legend(sides),
    tableOfLayers,
  )
}

function sideOf(
  title: string,
  bytes: number,
  layers: readonly ReportLayer[],
  stored: (layer: ReportLayer) => { readonly bytes: number; readonly dataType: string } | undefined,
): Side {
  const cells: Cell[] = []
  let rest = bytes
  for (const layer of layers) {
    const found = stored(layer)
    if (found === undefined || found.bytes === 0) continue
    rest -= found.bytes
    cells.push({
      layer,
      label: layer.node,
      kind: layer.opType,
      bytes: found.bytes,
      precision: precisionOf(found.dataType),
      dataType: found.dataType,
    })
  }
  if (rest > 0) {
    const label = 'graph and small constants'
    cells.push({
      layer: undefined,
      label,
      kind: label,
      bytes: rest,
      precision: precisionOf(''),
      dataType: '',
    })
  }
  return { title, bytes, cells }
}

function treemaps(sides: readonly Side[], grouping: Grouping, width: number): HTMLElement {
  const total = sides.reduce((sum, side) => sum + side.bytes, 0) || 1
  const narrow = width < 640
  const gap = 20
  const height = Math.min(420, Math.max(240, width * 0.36))
  return h(
    'div',
    { class: narrow ? 'sides stacked' : 'sides' },
    sides.map((side) => {
      const share = side.bytes / total
      // Side by side the same height, one upon the other the same width: the areas stay comparable.
      const w = narrow ? width : Math.max(24, Math.round((width - gap * (sides.length - 1)) * share))
      const hgt = narrow ? Math.max(24, Math.round(height * 1.6 * share)) : height
      return h(
        'figure',
        { style: { width: `${w}px` } },
        h('figcaption', {}, h('b', {}, side.title), ` ${format.bytes(side.bytes)}`),
        treemapOf(side, grouping, w, hgt),
      )
    }),
  )
}

function treeOf({ cells }: Side, grouping: Grouping): Tree {
  if (grouping === 'layer') {
    return { label: '', children: cells.map((cell) => ({ label: cell.label, cell })) }
  }
  const kinds = new Map<string, Cell[]>()
  for (const cell of cells) kinds.set(cell.kind, [...(kinds.get(cell.kind) ?? []), cell])
  return {
    label: '',
    children: [...kinds].map(([label, group]) => ({
      label,
      children: group.map((cell) => ({ label: cell.label, cell })),
    })),
  }
}

function treemapOf(side: Side, grouping: Grouping, width: number, height: number): SVGElement {
  const root = hierarchy<Tree>(treeOf(side, grouping))
    .sum(({ cell }) => cell?.bytes ?? 0)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0))
  const laid = treemap<Tree>()
    .tile(treemapSquarify.ratio(1.2))
    .size([width, height])
    .paddingInner(1.5)
    .paddingTop((node) => (node.depth === 1 && node.x1 - node.x0 > 50 && node.y1 - node.y0 > 34 ? 18 : 0))
    .round(true)(root)
  const leaves = laid.leaves().filter(({ x0, x1, y0, y1 }) => x1 > x0 && y1 > y0)
  const marks = leaves.map((leaf) => mark(leaf, side.bytes))
  roving(marks, (from, key) => neighbour(leaves, from, key))
  const heads = grouping === 'kind' ? (laid.children ?? []).map(kindLabel) : []
  return svg(
    'svg',
    {
      class: 'treemap',
      attributes: {
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        role: 'group',
        'aria-label': `${side.title}: ${format.bytes(side.bytes)} in ${format.plural(side.cells.length, 'part')}. Arrow keys go from one to the next.`,
      },
    },
    heads,
    marks,
  )
}

function kindLabel({ x0, x1, y0, y1, data, value }: HierarchyRectangularNode<Tree>): SVGElement | undefined {
  if (x1 - x0 <= 50 || y1 - y0 <= 34) return undefined
  const text = `${printable(data.label)} ${format.bytes(value ?? 0)}`
  return svg(
    'text',
    { class: 'kind', attributes: { x: x0 + 2, y: y0 + 13, 'aria-hidden': 'true' } },
    fitted(text, x1 - x0 - 4),
  )
}

function mark({ x0, x1, y0, y1, data }: HierarchyRectangularNode<Tree>, total: number): SVGElement {
  const { cell } = data
  if (cell === undefined) return svg('g')
  const width = x1 - x0
  const height = y1 - y0
  const lines = explanation(cell, total)
  const texts =
    width > 44 && height > 20
      ? [
          svg('text', { attributes: { x: 6, y: 15 } }, fitted(shortName(cell.label), width - 10)),
          height > 36 &&
            svg(
              'text',
              { class: 'bytes', attributes: { x: 6, y: 30 } },
              fitted(format.bytes(cell.bytes), width - 10),
            ),
        ]
      : []
  const group = svg(
    'g',
    {
      class: cell.layer === undefined ? 'cell rest' : 'cell',
      attributes: {
        transform: `translate(${x0},${y0})`,
        role: 'img',
        'data-mark': 'treemap',
        'aria-label': lines.map((line) => (typeof line === 'string' ? line : line.join(' '))).join(', '),
      },
    },
    svg('rect', { attributes: { width, height, rx: 2 }, style: { fill: cell.precision.color } }),
    texts,
  )
  explains(group, () => lines)
  return group
}

function explanation({ label, layer, kind, bytes, dataType }: Cell, total: number): Lines {
  const share = `${format.bytes(bytes)}, ${format.percent(bytes / total, 1)}`
  if (layer === undefined) return [label, ['size', share]]
  return [
    printable(label),
    ['kind', printable(kind)],
    ['weight', printable(layer.name)],
    ['shape', `${layer.dims.join(' × ')} ${printable(dataType)}`],
    ['size', share],
  ]
}

/** The nearest cell in the direction of an arrow key. */
function neighbour(
  leaves: readonly HierarchyRectangularNode<Tree>[],
  from: number,
  key: string,
): number | undefined {
  const here = leaves[from]
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key]
  if (here === undefined || direction === undefined) return undefined
  const [dx = 0, dy = 0] = direction
  let best: number | undefined
  let least = Number.POSITIVE_INFINITY
  for (const [index, leaf] of leaves.entries()) {
    const x = (leaf.x0 + leaf.x1 - here.x0 - here.x1) / 2
    const y = (leaf.y0 + leaf.y1 - here.y0 - here.y1) / 2
    const along = x * dx + y * dy
    const across = Math.abs(x * dy) + Math.abs(y * dx)
    if (along <= 0.5 || along + 2 * across >= least) continue
    least = along + 2 * across
    best = index
  }
  return best ?? from
}

/** The end of a path says more than its beginning, which is the same for many. */
const shortName = (label: string): string => {
  const parts = printable(label).split('/').filter(Boolean)
  return parts.slice(-2).join('/') || printable(label)
}

/** Cut to about a width, at 6.3 pixels a letter. */
function fitted(text: string, width: number): string {
  const letters = Math.max(1, Math.floor(width / 6.3))
  const characters = [...text]
  return characters.length <= letters ? text : `${characters.slice(0, letters - 1).join('')}…`
}

function legend(sides: readonly Side[]): HTMLElement {
  const there = precisions.filter((each) =>
    sides.some(({ cells }) => cells.some((cell) => cell.precision === each)),
  )
  return h(
    'ul',
    { class: 'legend' },
    there.map(({ label, color }) => h('li', {}, h('i', { style: { background: color } }), label)),
  )
}
