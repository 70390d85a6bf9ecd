import { dot } from '@observablehq/plot'
import { printable } from '../src/printable'
import type { LayerVariant, ReportData, ReportLayer } from '../src/report/data'
import { chart, shapes, ticks } from './chart'
import { activates, h, name, responsive, roving, segments } from './dom'
import * as format from './format'
import { histograms } from './histograms'
import type { Outcome } from './outcome'
import { precisionOf } from './precision'
import { explains, type Lines } from './tooltip'

/** A layer in the variant that is shown. */
export interface Row {
  readonly layer: ReportLayer
  readonly after: LayerVariant | undefined
}

type Order = 'model' | 'size' | 'noise'

/** Noise of every layer, and of one of them what its numbers look like. */
export function layersSection(report: ReportData, { variant }: Outcome): HTMLElement | string {
  if (report.layers.length === 0) return ''
  const rows = report.layers.map(
    (layer): Row => ({ layer, after: layer.variants.find(({ file }) => file === variant.file) }),
  )
  const panel = h('div', { class: 'panel', attributes: { 'aria-live': 'polite' } })
  const list = h('div', { class: 'list-holder' })
  let order: Order = 'model'
  let selected = rows.reduce((best, row) => (interest(row) > interest(best) ? row : best))
  const select = (row: Row) => {
    selected = row
    for (const element of document.querySelectorAll('[data-layer]'))
      element.classList.toggle('selected', element.getAttribute('data-layer') === String(rows.indexOf(row)))
    for (const element of list.querySelectorAll('[role=option]'))
      element.setAttribute('aria-selected', String(element.classList.contains('selected')))
    panel.replaceChildren(histograms(row))
  }
  const drawList = () => {
    list.replaceChildren(listOf(sorted(rows, order), rows, () => selected, select))
  }
  drawList()
  panel.replaceChildren(histograms(selected))
  const choices = [
    { value: 'model' as const, label: 'In order' },
    { value: 'size' as const, label: 'Largest' },
    { value: 'noise' as const, label: 'Noisiest' },
  ]
  return h(
    'section',
    {},
    h(
      'div',
      { class: 'section-head' },
      h('h2', {}, 'Layer by layer'),
      segments<Order>('Order of the layers', choices, order, (value) => {
        order = value
        drawList()
      }),
    ),
    h(
      'p',
      { class: 'note' },
      'How well each layer’s weights survived: circles are the weights themselves',
      rows.some(({ layer }) => layer.noise) &&
        ', diamonds the model’s outputs with that layer alone quantized',
      '. Higher is better.',
    ),
    responsive('chart', (width) => noiseChart(rows, width, () => selected, select)),
    h('div', { class: 'layers' }, list, panel),
  )
}

/** A layer worth looking at first: one with a grid, large, and noisy. */
const interest = ({ layer, after }: Row): number =>
  (after?.grid ? 1 : 0) * layer.bytes * (layer.activations ? 2 : 1) + layer.bytes * 1e-6

function sorted(rows: readonly Row[], order: Order): readonly Row[] {
  if (order === 'model') return rows
  const key = ({ layer, after }: Row) =>
    order === 'size' ? -layer.bytes : (layer.noise?.sqnr ?? (after?.sqnr ?? 200) + 1000)
  return [...rows].sort((a, b) => key(a) - key(b))
}

interface Measure {
  readonly row: Row
  readonly x: number
  readonly y: number
  readonly symbol: 'circle' | 'diamond'
}

function noiseChart(
  rows: readonly Row[],
  width: number,
  selected: () => Row,
  select: (row: Row) => void,
): HTMLElement {
  const measures = rows.flatMap((row, x): Measure[] => {
    const weights = row.after?.sqnr
    const outputs = row.layer.noise?.sqnr
    return [
      ...(weights === undefined ? [] : [{ row, x, y: weights, symbol: 'circle' as const }]),
      ...(outputs === undefined ? [] : [{ row, x, y: outputs, symbol: 'diamond' as const }]),
    ]
  })
  const finite = measures.map(({ y }) => y).filter((y) => y < 200 && Number.isFinite(y))
  const top = Math.max(30, ...finite) + 8
  const bottom = Math.min(0, ...finite)
  const held = measures.map((each) => ({ ...each, y: Math.min(top, Math.max(bottom, each.y)) }))
  const drawn = chart('Noise of each layer', {
    width,
    height: 230,
    marginLeft: 60,
    marginRight: 16,
    marginTop: 32,
    marginBottom: 34,
    x: {
      domain: [-0.6, rows.length - 0.4],
      label: 'layers, in the order of the computation',
      ticks: [],
      labelAnchor: 'center',
    },
    y: {
      domain: [bottom, top + 2],
      grid: true,
      ticks: [...ticks(bottom, top - 4), top],
      tickFormat: (value: number) => (value === top ? 'identical' : String(value)),
      label: 'SQNR in dB',
    },
    symbol: { type: 'identity' },
    marks: [
      dot(held, {
        x: 'x',
        y: 'y',
        symbol: 'symbol',
        r: rows.length > 120 ? 3 : 5,
        fill: ({ row }: Measure) => precisionOf(row.after?.dataType ?? '').color,
        stroke: 'var(--surface)',
        strokeWidth: 1,
        className: 'noises',
      }),
    ],
  })
  const marks = shapes(drawn, 'noises', held)
  for (const { shape, datum } of marks) {
    const lines = linesOf(datum.row)
    shape.setAttribute('role', 'img')
    shape.setAttribute('data-mark', 'noise')
    shape.setAttribute('data-layer', String(datum.x))
    shape.setAttribute(
      'aria-label',
      lines.map((each) => (typeof each === 'string' ? each : each.join(' '))).join(', '),
    )
    shape.classList.toggle('selected', datum.row === selected())
    explains(shape, () => lines)
    activates(shape, () => select(datum.row))
  }
  roving([...marks].sort((a, b) => a.datum.x - b.datum.x).map(({ shape }) => shape))
  return h('figure', {}, drawn)
}

function linesOf({ layer, after }: Row): Lines {
  return [
    printable(layer.node),
    ['kind', printable(layer.opType)],
    ['stored', `${printable(layer.dataType)} → ${after ? printable(after.dataType) : '?'}`],
    ...(after?.sqnr === undefined ? [] : ([['weights', format.decibels(after.sqnr)]] as const)),
    ...(layer.noise === undefined
      ? []
      : ([['outputs', `${format.decibels(layer.noise.sqnr)} in ${printable(layer.noise.recipe)}`]] as const)),
    ...(after?.kept === undefined ? [] : [printable(after.kept)]),
  ]
}

function listOf(
  rows: readonly Row[],
  all: readonly Row[],
  selected: () => Row,
  select: (row: Row) => void,
): HTMLElement {
  const most = Math.max(1, ...rows.map(({ layer }) => layer.bytes))
  const items = rows.map((row) => {
    const { layer, after } = row
    const chosen = row === selected()
    const item = h(
      'li',
      {
        class: chosen ? 'selected' : undefined,
        attributes: {
          role: 'option',
          'aria-selected': String(chosen),
          'data-layer': all.indexOf(row),
          'data-mark': 'layer',
        },
      },
      h(
        'span',
        { class: 'layer-name' },
        name(layer.node),
        h('span', { class: 'layer-kind' }, name(layer.opType), ` ${layer.dims.join(' × ')}`),
      ),
      h(
        'span',
        { class: 'layer-type' },
        h('i', { style: { background: precisionOf(after?.dataType ?? '').color } }),
        name(after?.dataType ?? '?'),
        after?.kept !== undefined && h('em', {}, 'kept'),
      ),
      h(
        'span',
        { class: 'layer-size' },
        h(
          'span',
          { class: 'track' },
          h('span', { class: 'before', style: { width: `${(layer.bytes / most) * 100}%` } }),
          h('span', { class: 'fill', style: { width: `${((after?.bytes ?? 0) / most) * 100}%` } }),
        ),
        `${format.bytes(layer.bytes)} → ${after ? format.bytes(after.bytes) : '?'}`,
      ),
      h('span', { class: 'layer-noise' }, noiseText(row)),
    )
    activates(item, () => select(row))
    item.addEventListener('focus', () => {
      if (item.matches(':focus-visible')) select(row)
    })
    return item
  })
  roving(items)
  const at = rows.indexOf(selected())
  for (const [index, item] of items.entries())
    item.setAttribute('tabindex', index === Math.max(0, at) ? '0' : '-1')
  return h('ul', { class: 'layer-list', attributes: { role: 'listbox', 'aria-label': 'Layers' } }, items)
}

function noiseText({ layer, after }: Row): string {
  if (layer.noise !== undefined) return format.decibels(layer.noise.sqnr)
  return after?.sqnr === undefined ? '' : format.decibels(after.sqnr)
}
