import { below, lowestOf } from './lowest'

/** Which weights of a matrix go: a share of them, or all but n of every m neighbours of a row. */
export type Sparsity =
  | { readonly kind: 'share'; readonly amount: number }
  | { readonly kind: 'n:m'; readonly n: number; readonly m: number }

/**
 * Prunes rows of weights so that their products with the inputs change least: SparseGPT (Frantar & Alistarh 2023,
 * Algorithm 1). Columns go from left to right. In each block the weights with the least w^2 / [H^-1]jj go, and what each
 * took from the product is given to the columns after it, as optimal brain surgery does.
 * @param rows [count, n], changed in place; what goes is exactly 0
 * @param upper upper factor of the inverse Hessian, [n, n], see inverseUpperFactor
 */
export function sparseGpt(
  rows: Float64Array,
  n: number,
  upper: Float64Array,
  sparsity: Sparsity,
  blockSize = 128,
): void {
  const size =
    sparsity.kind === 'n:m' ? sparsity.m * Math.max(1, Math.round(blockSize / sparsity.m)) : blockSize
  const count = rows.length / n
  const mask = new Uint8Array(count * size)
  let gone = 0
  for (let start = 0; start < n; start += size) {
    const end = Math.min(n, start + size)
    if (sparsity.kind === 'share') {
      // Rounded so that the shares of all blocks together are that of the matrix.
      const budget = Math.floor(sparsity.amount * count * end + 1e-9) - gone
      gone += budget
      chooseLowest(rows, n, upper, start, end, budget, mask)
    }
    for (let row = 0; row < count; row++) {
      const at = row * n
      for (let j = start; j < end; j++) {
        if (sparsity.kind === 'n:m' && (j - start) % sparsity.m === 0)
          chooseOfBlock(rows, at, upper, n, j, sparsity, mask, row * (end - start) + j - start)
        if (mask[row * (end - start) + j - start] === 0) continue
        const diagonal = upper[j * n + j] as number
        const error = (rows[at + j] as number) / diagonal
        for (let k = j + 1; k < n; k++)
          rows[at + k] = (rows[at + k] as number) - error * (upper[j * n + k] as number)
        rows[at + j] = 0
      }
    }
  }
}

function chooseLowest(
  rows: Float64Array,
  n: number,
  upper: Float64Array,
  start: number,
  end: number,
  budget: number,
  mask: Uint8Array,
): void {
  const width = end - start
  const count = rows.length / n
  const saliency = new Float32Array(count * width)
  for (let row = 0, at = 0; row < count; row++) {
    for (let j = start; j < end; j++, at++)
      saliency[at] = ((rows[row * n + j] as number) / (upper[j * n + j] as number)) ** 2
  }
  const goes = below(lowestOf(saliency, budget))
  for (const [index, each] of saliency.entries()) mask[index] = goes(each) ? 1 : 0
}

/** Chooses within one block of m columns, by what the weights have become until here. */
function chooseOfBlock(
  rows: Float64Array,
  at: number,
  upper: Float64Array,
  n: number,
  first: number,
  { n: kept, m }: { readonly n: number; readonly m: number },
  mask: Uint8Array,
  place: number,
): void {
  const whole = first + m <= n
  const saliency = (j: number) => ((rows[at + j] as number) / (upper[j * n + j] as number)) ** 2
  for (let j = first; j < Math.min(n, first + m); j++) {
    let better = 0
    const own = saliency(j)
    for (let other = first; whole && other < first + m; other++) {
      const rival = saliency(other)
      if (rival > own || (rival === own && other < j)) better++
    }
    mask[place + j - first] = better >= kept ? 1 : 0
  }
}

/**
 * Moves the weights that aren't 0 towards the least (w - v)^T H (w - v) with their zeros where they are, by coordinate
 * descent: a few rounds after SparseGPT, whose columns see only those before them, take out most of what is left of the
 * error.
 * @param rows [count, n], changed in place
 * @param target what the rows were
 * @param hessian [n, n], damped as `upper` was
 */
export function settle(
  rows: Float64Array,
  target: ArrayLike<number>,
  n: number,
  hessian: Float64Array,
  rounds: number,
): void {
  const count = rows.length / n
  const gradient = new Float64Array(n)
  for (let row = 0; row < count; row++) {
    const at = row * n
    gradient.fill(0)
    for (let k = 0; k < n; k++) {
      const difference = (target[at + k] as number) - (rows[at + k] as number)
      if (difference === 0) continue
      for (let j = 0; j < n; j++)
        gradient[j] = (gradient[j] as number) + difference * (hessian[k * n + j] as number)
    }
    for (let round = 0; round < rounds; round++) {
      for (let j = 0; j < n; j++) {
        if (rows[at + j] === 0) continue
        const step = (gradient[j] as number) / (hessian[j * n + j] as number)
        rows[at + j] = (rows[at + j] as number) + step
        for (let k = 0; k < n; k++)
          gradient[k] = (gradient[k] as number) - step * (hessian[j * n + k] as number)
      }
    }
  }
}
