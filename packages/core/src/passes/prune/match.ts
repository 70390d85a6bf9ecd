import { cholesky, solveCholesky } from '../../kernels/cholesky'
import { PairedGram } from '../../kernels/paired-gram'
import { dampingFor } from '../damping'
import { centered } from './offset'
import type { Halves } from './paired-grams'

/** Of the damping that pruning goes by: what little has changed is fitted from the same samples. */
const DAMPINGS = [1, 10, 100]

/**
 * Weights for what a layer reads now that give what it gave: W + W (sum (o - x) x^T) (sum x x^T)^-1, x now and o as it was,
 * so that a layer makes up for what was done to those before it. Frantar et al. 2023 match the outputs that the layer's own
 * weights give now; Li et al. 2025, "GPTAQ: Efficient Finetuning-Free Quantization for Asymmetric Calibration", those of the
 * model as it was.
 *
 * The change is small and full of chance where samples are few. So it is fitted to each half of the samples and tried on the
 * other: that tells the damping, and how much of it is true. Where it helps none, the rows stay.
 * @param rows [outputs, n]; what is 0 there stays 0
 * @param isCentered a bias makes up for the mean
 */
export function matchedRows(
  rows: Float64Array,
  n: number,
  [even, odd]: Halves,
  isCentered: boolean,
): Float64Array {
  let best = { gain: 0, damping: 0, share: 0 }
  if (even.now.count === 0 || odd.now.count === 0) return rows
  if (even.change === undefined || odd.change === undefined) return rows
  const halves = [even, odd].map((half) => sideOf(rows, n, half, isCentered))
  for (const damping of DAMPINGS) {
    let along = 0
    let power = 0
    for (const [index, fitted] of halves.entries()) {
      const tried = halves[1 - index]
      const step = stepOf(rows, n, fitted, damping)
      if (step === undefined || tried === undefined) continue
      along += dot(step, tried.pull)
      power += dot(step, product(step, n, tried.moments))
    }
    // The error on the other half falls by 2 s along - s^2 power with the share s of the step.
    const share = power > 0 ? Math.min(1, Math.max(0, along / power)) : 0
    const gain = 2 * share * along - share * share * power
    if (gain > best.gain) best = { gain, damping, share }
  }
  if (best.share === 0) return rows
  const step = stepOf(rows, n, sideOf(rows, n, merged([even, odd]), isCentered), best.damping)
  return step === undefined ? rows : rows.map((weight, index) => weight + best.share * (step[index] ?? 0))
}

/** What both halves saw. */
export function merged([even, odd]: Halves): PairedGram {
  if (odd.now.count === 0) return even
  const all = new PairedGram(even.now.features)
  all.merge(even)
  all.merge(odd)
  return all
}

/** What some of the samples say. */
interface Side {
  /** sum x x^T */
  readonly moments: Float64Array
  /** W sum (o - x) x^T */
  readonly pull: Float64Array
  /** What dampings are multiples of. */
  readonly damping: number
}

function sideOf(rows: Float64Array, n: number, gram: PairedGram, isCentered: boolean): Side {
  const moments = isCentered ? centered(gram.now) : gram.now.matrix
  let mean = 0
  for (let i = 0; i < n; i++) mean += (moments[i * n + i] ?? 0) / n
  return {
    moments,
    pull: product(rows, n, changeOf(gram, isCentered)),
    damping: dampingFor(gram.now) * (mean || 1),
  }
}

function stepOf(
  rows: Float64Array,
  n: number,
  { moments, pull, damping }: Side,
  times: number,
): Float64Array | undefined {
  const damped = moments.slice()
  for (let i = 0; i < n; i++) damped[i * n + i] = (moments[i * n + i] ?? 0) + times * damping
  const lower = cholesky(damped, n)
  if (lower === undefined) return undefined
  const step = pull.slice()
  solveCholesky(lower, n, step, rows.length / n)
  for (const [index, weight] of rows.entries()) if (weight === 0) step[index] = 0
  return step
}

function changeOf({ now, change, changeSum }: PairedGram, isCentered: boolean): Float64Array {
  if (change === undefined) return new Float64Array(now.features ** 2)
  if (!isCentered) return change
  const { features: n, sum, count } = now
  const result = change.slice()
  for (let i = 0; i < n; i++) {
    const mean = (changeSum[i] ?? 0) / count
    for (let j = 0; j < n; j++) result[i * n + j] = (change[i * n + j] ?? 0) - mean * (sum[j] ?? 0)
  }
  return result
}

/** rows times matrix, [outputs, n]; a few rows at once, so that each row of the matrix is read once for them. */
function product(rows: Float64Array, n: number, matrix: Float64Array): Float64Array {
  const TOGETHER = 8 * n
  const out = new Float64Array(rows.length)
  for (let top = 0; top < rows.length; top += TOGETHER) {
    for (let i = 0; i < n; i++) {
      for (let at = top; at < Math.min(rows.length, top + TOGETHER); at += n) {
        const weight = rows[at + i] as number
        if (weight === 0) continue
        for (let j = 0; j < n; j++)
          out[at + j] = (out[at + j] as number) + weight * (matrix[i * n + j] as number)
      }
    }
  }
  return out
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index++) sum += (a[index] as number) * (b[index] as number)
  return sum
}
