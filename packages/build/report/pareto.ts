import { dot, line, ruleX, ruleY, text } from '@observablehq/plot'
import { printable } from '../src/printable'
import type { ReportCandidate } from '../src/report/data'
import { chart, shapes } from './chart'
import { h, roving } from './dom'
import * as format from './format'
import { explains, type Lines } from './tooltip'

/** A candidate in a chart. */
export interface Point {
  readonly candidate: ReportCandidate
  readonly x: number
  readonly y: number
  /** It was not run: it only has a size. */
  readonly unmeasured?: true
}

/** Of the frame around a chart, in pixels. */
const margins = { left: 60, right: 24, top: 36, bottom: 44 }
const height = 320
/** A line of text, and what a letter takes of it. */
const lineHeight = 14
const letter = 6.6

export interface Pareto {
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

/** Candidates by size and one other measure, and the line of those that none beats in both. */
export function pareto({ title, label, points, source, width, y, better, rules }: Pareto): HTMLElement {
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
        dy: -15,
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
    ...(latency ? ([['time', `${format.times(latency.ratio)} the source's`]] as const) : []),
    ...(task ? ([['score', format.short(task.variant)]] as const) : []),
    printable(reason),
  ]
}
