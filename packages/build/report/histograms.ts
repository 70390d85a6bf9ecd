import { rectY, ruleX, ruleY } from '@observablehq/plot'
import type { Grid, Histogram } from '../src/report/data'
import { chart } from './chart'
import { type Child, h, name, responsive, segments } from './dom'
import * as format from './format'
import type { Row } from './layers'
import { asTable } from './table'

/** Grid lines closer than this many pixels are a grey area. */
const leastPixels = 3
const leastBarPixels = 5

interface Bin {
  readonly from: number
  readonly to: number
  readonly share: number
}

/** What one layer's weights and inputs are, and what of them its variant can tell apart. */
export function histograms({ layer, after }: Row): HTMLElement {
  const facts: readonly (readonly [string, Child])[] = [
    ['Weight', name(layer.name)],
    ['Shape', layer.dims.join(' × ')],
    [
      'Stored',
      [
        name(layer.dataType),
        ' → ',
        after ? name(after.dataType === 'none' ? 'not at all' : after.dataType) : '?',
      ],
    ],
    ['Size', `${format.bytes(layer.bytes)} → ${after ? format.bytes(after.bytes) : '?'}`],
    ...(after?.sqnr === undefined ? [] : [['Weights', format.decibels(after.sqnr)] as const]),
    ...(layer.noise === undefined
      ? []
      : [
          [
            'Outputs',
            [format.decibels(layer.noise.sqnr), ' with it alone in ', name(layer.noise.recipe)],
          ] as const,
        ]),
  ]
  return h(
    'div',
    {},
    h('h3', {}, name(layer.node)),
    after?.kept !== undefined && h('p', { class: 'kept' }, h('b', {}, 'Kept: '), name(after.kept, 'text')),
    h(
      'dl',
      { class: 'inline' },
      facts.map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value))),
    ),
    layer.weights && figure('Weights', layer.weights, after?.grid, 'Stored as floating point: no grid.'),
    layer.activations &&
      figure(
        'Inputs of the layer',
        layer.activations,
        after?.inputGrid,
        'Computed in floating point: no grid.',
      ),
  )
}

function figure(title: string, histogram: Histogram, grid: Grid | undefined, none: string): HTMLElement {
  const bins = binsOf(histogram)
  let zoom = 1
  const holder = h('div')
  const draw = () =>
    holder.replaceChildren(responsive('chart', (width) => drawn(title, histogram, bins, grid, zoom, width)))
  draw()
  const choices = [1, 4, 16].map((value) => ({ value, label: `${value}×` }))
  return h(
    'figure',
    { class: 'histogram' },
    h(
      'div',
      { class: 'section-head' },
      h('figcaption', {}, h('b', {}, title)),
      grid &&
        segments('Zoom', choices, zoom, (value) => {
          zoom = value
          draw()
        }),
    ),
    holder,
    h('p', { class: 'note' }, gridText(grid, none)),
    asTable(
      `${title}: share in each bin`,
      [
        { label: 'From', number: true, cell: ({ from }) => format.short(from) },
        { label: 'To', number: true, cell: ({ to }) => format.short(to) },
        { label: 'Share', number: true, cell: ({ share }) => format.percent(share, 2) },
      ],
      bins,
    ),
  )
}

const gridText = (grid: Grid | undefined, none: string): string =>
  grid === undefined
    ? none
    : `The grid: ${grid.count.toLocaleString('en')} values from ${format.short(grid.from)} to ${format.short(end(grid))}, ${format.short(grid.step)} apart. Where channels have scales of their own, it is that of the widest.`

const end = ({ from, step, count }: Grid): number => from + step * (count - 1)

function binsOf({ from, to, counts }: Histogram): Bin[] {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1
  const width = (to - from) / counts.length
  return counts.map((count, index) => ({
    from: from + index * width,
    to: from + (index + 1) * width,
    share: count / total,
  }))
}

function drawn(
  title: string,
  { from, to }: Histogram,
  bins: readonly Bin[],
  grid: Grid | undefined,
  zoom: number,
  width: number,
): SVGSVGElement {
  // Around 0, or around the middle of numbers that are all on one side of it.
  const center = from < 0 && to > 0 ? 0 : (from + to) / 2
  const domain = zoom === 1 ? [from, to] : [center - (to - from) / 2 / zoom, center + (to - from) / 2 / zoom]
  const [low = from, high = to] = domain
  const marginLeft = 44
  const marginRight = 12
  const pixels = grid === undefined ? 0 : (grid.step / (high - low)) * (width - marginLeft - marginRight)
  const lines = grid === undefined || pixels < leastPixels ? [] : linesOf(grid, low, high)
  const ends =
    grid === undefined || lines.length > 0
      ? []
      : [grid.from, end(grid)].filter((at) => at >= low && at <= high)
  const shown = merged(
    bins.filter((bin) => bin.to > low && bin.from < high),
    (width - marginLeft - marginRight) / leastBarPixels,
  )
  const most = Math.max(1e-9, ...shown.map(({ share }) => share))
  return chart(`${title}: histogram${grid ? ' with the values that can be stored' : ''}`, {
    width,
    height: 190,
    marginLeft,
    marginRight,
    marginTop: 10,
    marginBottom: 30,
    clip: true,
    x: { domain: [low, high], ticks: 5, label: null },
    y: {
      type: 'sqrt',
      domain: [0, most * 1.05],
      ticks: 4,
      label: null,
      tickFormat: (value: number) =>
        format.percent(value, value > 0 && value < 0.01 ? 2 : value < 0.1 ? 1 : 0),
    },
    marks: [
      grid !== undefined && lines.length === 0
        ? rectY([grid], {
            x1: () => Math.max(low, grid.from),
            x2: () => Math.min(high, end(grid)),
            y1: () => 0,
            y2: () => most * 1.05,
            fill: 'var(--grid)',
            fillOpacity: 0.08,
          })
        : null,
      rectY(shown, {
        x1: ({ from: start }: Bin) => Math.max(low, start),
        x2: ({ to: stop }: Bin) => Math.min(high, stop),
        y1: () => 0,
        y2: 'share',
        fill: 'var(--bars)',
        className: 'bars',
        insetLeft: 0.5,
        insetRight: 0.5,
      }),
      ruleX(ends, { stroke: 'var(--grid)', strokeDasharray: '3 3' }),
      ruleX(lines, {
        stroke: 'var(--grid)',
        strokeWidth: 1,
        strokeOpacity: Math.min(0.9, 0.25 + pixels / 30),
      }),
      ruleY([0], { stroke: 'var(--ink-2)' }),
    ],
  })
}

/** Neighbours together, until there are few enough to be told apart. */
function merged(bins: readonly Bin[], most: number): readonly Bin[] {
  const size = 2 ** Math.max(0, Math.ceil(Math.log2(bins.length / most)))
  if (size === 1) return bins
  return Array.from({ length: Math.ceil(bins.length / size) }, (_, index): Bin => {
    const group = bins.slice(index * size, (index + 1) * size)
    const share = group.reduce((sum, bin) => sum + bin.share, 0)
    return { from: group[0]?.from ?? 0, to: group.at(-1)?.to ?? 0, share }
  })
}

function linesOf({ from, step, count }: Grid, low: number, high: number): number[] {
  const first = Math.max(0, Math.ceil((low - from) / step))
  const last = Math.min(count - 1, Math.floor((high - from) / step))
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => from + (first + index) * step)
}
