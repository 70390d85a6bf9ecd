import type { Sparsity } from './sparse-gpt'

/** Most rounds of a row: swaps, then a step of coordinate descent for each weight that is left. */
const ROUNDS = 10
/** Most swaps of a row in a round; in blocks of m neighbours, of a block. */
const SWAPS = 16
const BLOCK_SWAPS = 2

/**
 * Lets weights that went change places with weights of their row that stayed (n:m: of their block), where that makes
 * (w - v)^T H (w - v) smaller: SparseGPT decides in one go from left to right, and sees neither what comes after nor what
 * its own changes bring. A pair goes and comes by what each alone would cost and gain, and is swapped if the two together
 * gain. Masks that follow the error of the output in this way are what Zhang et al. 2024, "Dynamic Sparse No Training"
 * have; here with the second moments in place of their means and variances.
 * @param rows [count, n], changed in place; as many zeros as before
 * @param target what the rows were; what is 0 there stays 0
 * @param hessian [n, n], damped, with a positive diagonal
 */
export function swapZeros(
  rows: Float64Array,
  target: ArrayLike<number>,
  n: number,
  hessian: Float64Array,
  sparsity: Sparsity,
): void {
  const [size, most] = sparsity.kind === 'n:m' ? [sparsity.m, BLOCK_SWAPS] : [n, SWAPS]
  const row: Row = { n, hessian, weights: rows, source: new Float64Array(n), gradient: new Float64Array(n) }
  for (let at = 0; at < rows.length; at += n) {
    row.weights = rows.subarray(at, at + n)
    for (let j = 0; j < n; j++) row.source[j] = target[at + j] as number
    startGradient(row)
    let first = 0
    for (let round = 0; round < ROUNDS; round++) {
      let gain = 0
      for (let start = 0; start + size <= n; start += size) {
        for (let times = 0; times < most; times++) {
          const own = swapOne(row, start, start + size)
          if (own === 0) break
          gain += own
        }
      }
      if (round === 0) first = gain
      if (gain <= first * 1e-3) break
      descend(row)
    }
  }
}

interface Row {
  readonly n: number
  readonly hessian: Float64Array
  weights: Float64Array
  readonly source: Float64Array
  /** H (source - weights): half of how fast the error falls as a weight grows. */
  readonly gradient: Float64Array
}

function startGradient({ n, hessian, weights, source, gradient }: Row): void {
  gradient.fill(0)
  for (let k = 0; k < n; k++) {
    const difference = (source[k] as number) - (weights[k] as number)
    if (difference === 0) continue
    for (let j = 0; j < n; j++)
      gradient[j] = (gradient[j] as number) + difference * (hessian[k * n + j] as number)
  }
}

function move({ n, hessian, weights, gradient }: Row, index: number, by: number): void {
  weights[index] = (weights[index] as number) + by
  for (let j = 0; j < n; j++) gradient[j] = (gradient[j] as number) - by * (hessian[index * n + j] as number)
}

/** @returns by how much the error got smaller; 0 where no swap was found */
function swapOne(row: Row, start: number, end: number): number {
  const { n, hessian, weights, source, gradient } = row
  let goes = -1
  let comes = -1
  let cost = Number.POSITIVE_INFINITY
  let gain = 0
  for (let j = start; j < end; j++) {
    const weight = weights[j] as number
    const slope = gradient[j] as number
    const curvature = hessian[j * n + j] as number
    if (weight !== 0) {
      const own = weight * (weight * curvature + 2 * slope)
      if (own < cost) {
        cost = own
        goes = j
      }
    } else if (source[j] !== 0 && slope * slope > gain * curvature) {
      gain = (slope * slope) / curvature
      comes = j
    }
  }
  if (goes < 0 || comes < 0) return 0
  const weight = weights[goes] as number
  const slope = (gradient[comes] as number) + weight * (hessian[goes * n + comes] as number)
  const step = slope / (hessian[comes * n + comes] as number)
  const left = slope * step - cost
  // Rounding must not make two weights change places for ever, nor one be 0 that counts as kept.
  if (step === 0 || !(left > 1e-6 * Math.abs(cost))) return 0
  move(row, goes, -weight)
  weights[goes] = 0
  move(row, comes, step)
  return left
}

function descend(row: Row): void {
  const { n, hessian, weights, gradient } = row
  for (let j = 0; j < n; j++)
    if (weights[j] !== 0) move(row, j, (gradient[j] as number) / (hessian[j * n + j] as number))
}
