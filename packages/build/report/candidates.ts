import type { ReportCandidate, ReportData } from '../src/report/data'
import { ticks } from './chart'
import { decisions } from './decisions'
import { h, name, responsive } from './dom'
import * as format from './format'
import type { Outcome } from './outcome'
import { type Point, pareto } from './pareto'

/** Where identical outputs, 200 dB, are drawn: a bit above the best of the others, lest they be squeezed together. */
const identicalAbove = 8

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
      candidates.some(({ bytes, accuracy }) => bytes > 0 && accuracy === undefined) &&
        ' Small dots on the axis were not measured: the table says why.',
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
    rules: [{ y: 1, label: 'source' }],
  })
}
