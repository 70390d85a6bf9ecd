import { below, lowestOf } from './lowest'

/** Which weights of a matrix go: a share of them, or all but n of every m neighbours of a row. */
export type Sparsity =
  | { readonly kind: 'share'; readonly amount: number }
  | { readonly kind: 'n:m'; readonly n: number; readonly m: number }

/**
 * Prunes rows of weights so that their products with the inputs change least: SparseGPT (Frantar & Alistarh 2023,
 * Algorithm 1). Columns go from left to right. In each block the weights of a row with the least w^2 / [H^-1]jj go, and
 * what each took from the product is given to the columns after it, as optimal brain surgery does. The paper compares
 * across rows; but outputs of very different scale, as depthwise convolutions have them, would lose all their weights.
 * @param rows [count, n], changed in place; what goes is exactly 0, and so is what was 0
 * @param upper upper factor of the inverse Hessian, [n, n], see inverseUpperFactor
 */
export function sparseGpt(
  rows: Float64Array,
  n: number,
  upper: Float64Array,
  sparsity: Sparsity,
  blockSize = 128,
): void {
  const size = sparsity.kind === 'n:m' ? sparsity.m : blockSize
  const count = rows.length / n
  const saliency = new Float32Array(size)
  for (let row = 0; row < count; row++) {
    const values = rows.subarray(row * n, (row + 1) * n)
    const share = sparsity.kind === 'share' ? partOf(sparsity.amount * n, row) : 0
    for (let start = 0; start < n; start += size) {
      const end = Math.min(n, start + size)
      if (sparsity.kind === 'n:m' && end - start < size) break
      const budget = sparsity.kind === 'n:m' ? size - sparsity.n : part(share, start, end, n)
      let zeros = 0
      for (let j = start; j < end; j++) {
        const value = values[j] as number
        if (value === 0) zeros++
        saliency[j - start] = (value / (upper[j * n + j] as number)) ** 2
      }
      const goes = below(lowestOf(saliency.subarray(0, end - start), Math.max(budget, zeros)))
      for (let j = start; j < end; j++) if (goes(saliency[j - start] as number)) takeOut(values, n, upper, j)
    }
  }
}

/** Sums of consecutive parts are whole and those of the exact shares, rounded down. */
const partOf = (each: number, index: number): number =>
  Math.floor(each * (index + 1) + 1e-6) - Math.floor(each * index + 1e-6)

const part = (total: number, start: number, end: number, n: number): number =>
  Math.floor((total * end) / n + 1e-6) - Math.floor((total * start) / n + 1e-6)

function takeOut(values: Float64Array, n: number, upper: Float64Array, j: number): void {
  const at = j * n
  const error = (values[j] as number) / (upper[at + j] as number)
  values[j] = 0
  if (error === 0) return
  for (let k = j + 1; k < n; k++) values[k] = (values[k] as number) - error * (upper[at + k] as number)
}

/**
 * Moves the weights that aren't 0 towards the least (w - v)^T H (w - v) with their zeros where they are, by coordinate
 * descent: a few rounds after SparseGPT, whose columns see only those before them, take out most of what is left of the
 * error.
 * @param rows [count, n], changed in place
 * @param target what the rows were
 * @param hessian [n, n], damped as `upper` was
 * @param rounds at most so many; a row is done where a round gains no more than a thousandth of what the first did
 */
export function settle(
  rows: Float64Array,
  target: ArrayLike<number>,
  n: number,
  hessian: Float64Array,
  rounds: number,
): void {
  const count = rows.length / n
  // A few rows at once: each row of the Hessian is read once for all of them.
  const TOGETHER = 8
  const gradients = new Float64Array(TOGETHER * n)
  for (let top = 0; top < count; top += TOGETHER) {
    const many = Math.min(TOGETHER, count - top)
    gradients.fill(0)
    for (let k = 0; k < n; k++) {
      for (let row = 0; row < many; row++) {
        const at = (top + row) * n + k
        const difference = (target[at] as number) - (rows[at] as number)
        if (difference !== 0) addScaled(gradients, row * n, n, difference, hessian, k * n)
      }
    }
    const first = new Float64Array(many)
    const isDone = new Uint8Array(many)
    for (let round = 0; round < rounds && isDone.includes(0); round++) {
      const gains = new Float64Array(many)
      for (let j = 0; j < n; j++) {
        for (let row = 0; row < many; row++) {
          const at = (top + row) * n + j
          if (isDone[row] === 1 || rows[at] === 0) continue
          const gradient = gradients[row * n + j] as number
          const step = gradient / (hessian[j * n + j] as number)
          if (step === 0) continue
          gains[row] = (gains[row] as number) + step * gradient
          rows[at] = (rows[at] as number) + step
          addScaled(gradients, row * n, n, -step, hessian, j * n)
        }
      }
      if (round === 0) first.set(gains)
      for (let row = 0; row < many; row++)
        if ((gains[row] as number) <= (first[row] as number) * 1e-3) isDone[row] = 1
    }
  }
}

function addScaled(
  to: Float64Array,
  at: number,
  n: number,
  factor: number,
  from: Float64Array,
  start: number,
): void {
  for (let k = 0; k < n; k++) to[at + k] = (to[at + k] as number) + factor * (from[start + k] as number)
}
