import { dot, line, ruleX, ruleY, text } from '@observablehq/plot'
import { printable } from '../src/printable'
import type { ReportCandidate, ReportData } from '../src/report/data'
import { chart, shapes, ticks } from './chart'
import { h, name, responsive, roving } from './dom'
import * as format from './format'
import type { Outcome } from './outcome'
import { table } from './table'
import { explains, type Lines } from './tooltip'

/** Where identical outputs, 200 dB, are drawn: a bit above the best of the others, lest they be squeezed together. */
const identicalAbove = 8

interface Point {
  readonly candidate: ReportCandidate
  readonly x: number
  readonly y: number
  /** It was not run: it only has a size. */
  readonly unmeasured?: true
}

/** Of the frame around a chart, in pixels. */
const margins = { left: 60, right: 24, top: 30, bottom: 44 }
const height = 320
/** A line of text, and what a letter takes of it. */
const lineHeight = 14
const letter = 6.6

/** Everything that was tried for a target: two charts against size, and each decision in words. */
export function candidatesSection(report: ReportData, outcome: Outcome): HTMLElement {
  const { candidates, targets } = outcome
  const timed = candidates.filter(({ latency }) => latency !== undefined)
  return h(
    'section',
    {},
    h('h2', {}, 'What was tried'),
    h(
      'p',
      { class: 'note' },
      `${format.plural(candidates.length, 'candidate')} for `,
      targets.map((target, index) => [index > 0 && ', ', name(target)]),
      '. Up and to the left is better; the line joins those that none beats in both.',
    ),
    h(
      'div',
      { class: timed.length > 0 ? 'charts two' : 'charts' },
      responsive('chart', (width) => accuracyChart(report, candidates, width)),
      timed.length > 0 && responsive('chart', (width) => latencyChart(report, timed, width)),
    ),
    decisions(report, candidates),
  )
}

function accuracyChart(
  { manifest, budget }: ReportData,
  candidates: readonly ReportCandidate[],
  width: number,
): HTMLElement {
  const finite = candidates
    .map(({ accuracy }) => accuracy?.sqnr ?? 200)
    .filter((sqnr) => sqnr < 200 && Number.isFinite(sqnr))
  const top = Math.max(30, budget.sqnr ?? 0, ...finite) + identicalAbove
  const bottom = Math.min(0, ...finite)
  const points = candidates
    .filter(({ bytes }) => bytes > 0)
    .map((candidate): Point => {
      const { bytes: x, accuracy } = candidate
      return accuracy === undefined
        ? { candidate, x, y: bottom, unmeasured: true }
        : { candidate, x, y: Math.min(top, Math.max(bottom, accuracy.sqnr)) }
    })
  const { sqnr: limit } = budget
  return pareto({
    title: 'Size against accuracy',
    label: 'Size and signal-to-noise ratio of each candidate',
    points,
    source: manifest.source.bytes,
    width,
    y: {
      label: 'SQNR in dB',
      domain: [bottom, top + 2],
      ticks: [...ticks(bottom, top - identicalAbove / 2), top],
      tickFormat: (value) => (value === top ? 'identical' : String(value)),
    },
    better: (a, b) => a >= b,
    rules: [...(limit === undefined ? [] : [{ y: limit, label: `budget ${limit} dB` }])],
  })
}

function latencyChart(
  { manifest }: ReportData,
  timed: readonly ReportCandidate[],
  width: number,
): HTMLElement {
  const points = timed.map(
    (candidate): Point => ({ candidate, x: candidate.bytes, y: candidate.latency?.ratio ?? 1 }),
  )
  const most = Math.max(1.2, ...points.map(({ y }) => y)) * 1.05
  return pareto({
    title: 'Size against time',
    label: 'Size and time of a run of each candidate',
    points,
    source: manifest.source.bytes,
    width,
    // Fast is up, as exact is in the other chart.
    y: {
      label: 'time of a run, source = 1',
      domain: [most, 0],
      ticks: 6,
      tickFormat: (value) => `${value}×`,
    },
    better: (a, b) => a <= b,
    rules: [{ y: 1, label: 'as fast as the source' }],
  })
}

interface Pareto {
  readonly title: string
  readonly label: string
  readonly points: readonly Point[]
  readonly source: number
  readonly width: number
  readonly y: {
    readonly label: string
    readonly domain: readonly [number, number]
    readonly ticks: number | number[]
    readonly tickFormat: (value: number) => string
  }
  readonly better: (a: number, b: number) => boolean
  readonly rules: readonly { readonly y: number; readonly label: string }[]
}

function pareto({ title, label, points, source, width, y, better, rules }: Pareto): HTMLElement {
  const front = points
    .filter(({ unmeasured }) => !unmeasured)
    .filter(
      (point) => !points.some((other) => !other.unmeasured && other !== point && beats(other, point, better)),
    )
    .sort((a, b) => a.x - b.x)
  const right = Math.max(source, ...points.map(({ x }) => x)) * 1.06
  const [low, high] = y.domain
  const labels = placed(
    points,
    (x) => margins.left + (x / right) * (width - margins.left - margins.right),
    (value) =>
      height - margins.bottom - ((value - low) / (high - low)) * (height - margins.top - margins.bottom),
    width - margins.right,
  )
  const drawn = chart(label, {
    width,
    height,
    marginLeft: margins.left,
    marginRight: margins.right,
    marginTop: margins.top,
    marginBottom: margins.bottom,
    x: {
      domain: [0, right],
      label: 'size',
      ticks: 5,
      tickFormat: format.roundBytes,
      nice: false,
    },
    y: { ...y, domain: [...y.domain], grid: true, nice: false },
    marks: [
      ruleX([source], { stroke: 'var(--muted)', strokeDasharray: '2 3' }),
      text([source], {
        x: (value: number) => value,
        frameAnchor: 'top',
        text: () => 'source',
        dy: -9,
        fill: 'var(--muted)',
      }),
      ...rules.flatMap((rule) => [
        ruleY([rule.y], {
          stroke: 'var(--warn)',
          strokeDasharray: '5 4',
        }),
        text([rule.y], {
          y: (value: number) => value,
          frameAnchor: 'left',
          text: () => rule.label,
          textAnchor: 'start',
          dx: 6,
          dy: -8,
          fill: 'var(--warn)',
          stroke: 'var(--paper)',
          strokeWidth: 4,
          paintOrder: 'stroke',
        }),
      ]),
      line(front, { x: 'x', y: 'y', stroke: 'var(--accent)', strokeOpacity: 0.45, curve: 'step-after' }),
      dot(points, {
        x: 'x',
        y: 'y',
        r: ({ candidate, unmeasured }: Point) => (candidate.chosen ? 8 : unmeasured ? 3.5 : 5.5),
        fill: ({ candidate }: Point) => (candidate.chosen ? 'var(--accent)' : 'var(--surface)'),
        stroke: ({ candidate }: Point) => (candidate.chosen ? 'var(--accent)' : 'var(--ink-2)'),
        strokeWidth: 1.5,
        className: 'points',
      }),
      ...labels.map(({ point: { candidate, x, y: value, unmeasured }, dx, dy, anchor }) =>
        text([value], {
          x: () => x,
          y: () => value,
          text: () => labelOf(candidate),
          textAnchor: anchor,
          dx,
          dy,
          fill: unmeasured ? 'var(--muted)' : 'var(--ink)',
          fontWeight: candidate.chosen ? 650 : 400,
          stroke: 'var(--paper)',
          strokeWidth: 4,
          paintOrder: 'stroke',
        }),
      ),
    ],
    r: { type: 'identity' },
  })
  const marks = shapes(drawn, 'points', points)
  for (const { shape, datum } of marks) {
    const lines = linesOf(datum.candidate)
    shape.setAttribute('role', 'img')
    shape.setAttribute('data-mark', 'candidate')
    shape.setAttribute(
      'aria-label',
      lines.map((each) => (typeof each === 'string' ? each : each.join(' '))).join(', '),
    )
    explains(shape, () => lines)
  }
  roving([...marks].sort((a, b) => a.datum.x - b.datum.x).map(({ shape }) => shape))
  return h('figure', {}, h('figcaption', {}, h('b', {}, title)), drawn)
}

interface Label {
  readonly point: Point
  readonly dx: number
  readonly dy: number
  readonly anchor: 'start' | 'end'
}

const labelOf = ({ recipe, chosen }: ReportCandidate): string => {
  const text = printable(recipe)
  return `${text.length > 22 ? `${text.slice(0, 21)}…` : text}${chosen ? ' ✓' : ''}`
}

/** Labels beside their points, moved apart where they would lie on each other. */
function placed(
  points: readonly Point[],
  x: (value: number) => number,
  y: (value: number) => number,
  right: number,
): Label[] {
  const taken: { readonly from: number; readonly to: number; readonly at: number }[] = []
  return [...points]
    .sort((a, b) => y(a.y) - y(b.y) || b.x - a.x)
    .map((point): Label => {
      const gap = point.candidate.chosen ? 13 : 10
      const width = labelOf(point.candidate).length * letter
      const fits = x(point.x) + gap + width < right
      const from = fits ? x(point.x) + gap : x(point.x) - gap - width
      const to = from + width
      let at = y(point.y)
      for (;;) {
        const over = taken.find(
          (other) => other.from < to && from < other.to && Math.abs(other.at - at) < lineHeight,
        )
        if (over === undefined) break
        // The first ones stand highest, so there is room below.
        at = over.at + lineHeight
      }
      // On the axis there is none below: names of what was not run stand above it, one upon the other.
      if (point.unmeasured) {
        at = y(point.y) - 10
        while (
          taken.some((other) => other.from < to && from < other.to && Math.abs(other.at - at) < lineHeight)
        )
          at -= lineHeight
      }
      taken.push({ from, to, at })
      return { point, dx: fits ? gap : -gap, dy: at - y(point.y), anchor: fits ? 'start' : 'end' }
    })
}

/** At least as good in both, and better in one. */
const beats = (a: Point, b: Point, better: Pareto['better']): boolean =>
  a.x <= b.x && better(a.y, b.y) && (a.x < b.x || !better(b.y, a.y))

function linesOf({ recipe, bytes, accuracy, latency, task, reason, chosen }: ReportCandidate): Lines {
  return [
    `${printable(recipe)}${chosen ? ', chosen' : ''}`,
    ['size', format.bytes(bytes)],
    ...(accuracy ? ([['SQNR', format.decibels(accuracy.sqnr)]] as const) : []),
    ...(latency ? ([['time', format.times(latency.ratio)]] as const) : []),
    ...(task ? ([['score', format.short(task.variant)]] as const) : []),
    printable(reason),
  ]
}

function decisions({ manifest }: ReportData, candidates: readonly ReportCandidate[]): HTMLElement {
  const { source } = manifest
  const has = (key: 'accuracy' | 'latency' | 'task' | 'brotliBytes') =>
    candidates.some((candidate) => candidate[key] !== undefined)
  const top1 = candidates.some(({ accuracy }) => accuracy?.top1 !== undefined)
  const number = true as const
  const none = '–'
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
              cell: ({ latency }: ReportCandidate) => (latency ? format.times(latency.ratio) : none),
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

function why({ reason, skipped = [], outputs = [] }: ReportCandidate) {
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
        h('summary', {}, `${format.plural(skipped.length, 'weight')} left as they were`),
        h(
          'ul',
          {},
          skipped.map((each) => h('li', {}, name(each.node), ' ', name(each.reason, 'text'))),
        ),
      ),
  ]
}
