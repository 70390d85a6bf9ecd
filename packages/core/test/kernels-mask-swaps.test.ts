/** Which weights go, against what SparseGPT alone decides and against all masks that there are. */
import { describe, expect, it } from 'vitest'
import { cholesky, inverseUpperFactor, solveCholesky } from '../src/kernels/cholesky'
import { Gram } from '../src/kernels/gram'
import { swapZeros } from '../src/kernels/mask-swaps'
import { type Sparsity, settle, sparseGpt } from '../src/kernels/sparse-gpt'
import { weights } from './random'

function hessianOf(n: number): Float64Array {
  const gram = new Gram(n)
  const x = weights(100 * n, 5, 1)
  for (let row = 0; row < 100; row++)
    for (let j = 1; j < n; j += 2) x[row * n + j] = 0.7 * x[row * n + j - 1]! + 0.5 * x[row * n + j]!
  gram.add(x, 100)
  return gram.matrix
}

function errorOf(rows: Float64Array, source: Float64Array, matrix: Float64Array, n: number): number {
  let sum = 0
  for (let at = 0; at < rows.length; at += n)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        sum += (rows[at + i]! - source[at + i]!) * matrix[i * n + j]! * (rows[at + j]! - source[at + j]!)
  return sum
}

function pruned(source: Float64Array, n: number, matrix: Float64Array, sparsity: Sparsity, swaps: boolean) {
  const rows = source.slice()
  sparseGpt(rows, n, inverseUpperFactor(matrix, n, 1e-8), sparsity)
  if (swaps) swapZeros(rows, source, n, matrix, sparsity)
  settle(rows, source, n, matrix, 100)
  return rows
}

const zeros = (data: Float64Array) => data.filter((value) => value === 0).length

describe('swapZeros', () => {
  const n = 48
  const matrix = hessianOf(n)
  const source = Float64Array.from(weights(20 * n, 1, 1))

  it.each<[Sparsity, number]>([
    [{ kind: 'share', amount: 0.5 }, 0.9],
    [{ kind: 'share', amount: 0.7 }, 0.9],
    [{ kind: 'n:m', n: 2, m: 4 }, 0.97],
  ])('leaves less error with as many zeros, %j', (sparsity, ratio) => {
    const plain = pruned(source, n, matrix, sparsity, false)
    const better = pruned(source, n, matrix, sparsity, true)
    for (let at = 0; at < source.length; at += n)
      expect(zeros(better.slice(at, at + n))).toBe(zeros(plain.slice(at, at + n)))
    expect(errorOf(better, source, matrix, n)).toBeLessThan(errorOf(plain, source, matrix, n) * ratio)
    if (sparsity.kind === 'n:m')
      for (let at = 0; at < source.length; at += 4) expect(zeros(better.slice(at, at + 4))).toBe(2)
  })

  it('comes near to the best of all masks', () => {
    const few = 10
    const small = hessianOf(few)
    const all = Float64Array.from(weights(8 * few, 2, 1))
    const found = pruned(all, few, small, { kind: 'share', amount: 0.5 }, true)
    let least = 0
    for (let at = 0; at < all.length; at += few) {
      const row = all.slice(at, at + few)
      let best = Number.POSITIVE_INFINITY
      for (let mask = 0; mask < 2 ** few; mask++) {
        const kept = Array.from({ length: few }, (_, j) => j).filter((j) => (mask >> j) & 1)
        if (kept.length !== few / 2) continue
        best = Math.min(best, errorOf(solved(row, kept, small, few), row, small, few))
      }
      least += best
    }
    expect(errorOf(found, all, small, few)).toBeLessThan(least * 1.1)
  })

  it('leaves zeros of the source where they are', () => {
    const sparse = source.map((weight, at) => (at % 3 === 0 ? 0 : weight))
    const rows = pruned(sparse, n, matrix, { kind: 'share', amount: 0.5 }, true)
    for (let at = 0; at < rows.length; at += 3) expect(rows[at]).toBe(0)
    expect(zeros(rows)).toBe(rows.length / 2)
  })
})

/** Least squares over the kept weights. */
function solved(row: Float64Array, kept: readonly number[], matrix: Float64Array, n: number): Float64Array {
  const size = kept.length
  const normal = new Float64Array(size * size)
  const right = new Float64Array(size)
  for (const [i, a] of kept.entries()) {
    for (const [j, b] of kept.entries()) normal[i * size + j] = matrix[a * n + b]!
    for (let k = 0; k < n; k++) right[i] = right[i]! + matrix[a * n + k]! * row[k]!
  }
  solveCholesky(cholesky(normal, size)!, size, right, 1)
  const result = new Float64Array(n)
  for (const [i, a] of kept.entries()) result[a] = right[i]!
  return result
}
