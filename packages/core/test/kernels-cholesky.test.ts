import { describe, expect, it } from 'vitest'
import { cholesky, inverseFromCholesky, solveCholesky } from '../src/kernels/cholesky'
import { Gram } from '../src/kernels/gram'
import { weights } from './random'

function momentsOf(n: number): Float64Array {
  const gram = new Gram(n)
  gram.add(weights(3 * n * n, 7, 1), 3 * n)
  return gram.matrix
}

const product = (a: Float64Array, b: Float64Array, n: number): Float64Array =>
  Float64Array.from({ length: n * n }, (_, at) => {
    let sum = 0
    for (let k = 0; k < n; k++) sum += a[Math.floor(at / n) * n + k]! * b[k * n + (at % n)]!
    return sum
  })

const farthest = (a: Float64Array, b: ArrayLike<number>): number =>
  a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index]!)), 0)

// Sizes about those of the blocks that the sums are made in.
describe.each([1, 3, 4, 5, 63, 64, 65, 130])('cholesky of [%i, %i]', (n) => {
  const matrix = momentsOf(n)
  const lower = cholesky(matrix, n)!

  it('gives factors whose product is the matrix', () => {
    const upper = Float64Array.from(lower, (_, at) => lower[(at % n) * n + Math.floor(at / n)]!)
    expect(farthest(product(lower, upper, n), matrix)).toBeLessThan(1e-9 * matrix[0]!)
    for (const [at, value] of lower.entries()) if (at % n > at / n) expect(value).toBe(0)
  })

  it('inverts', () => {
    const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0))
    expect(farthest(product(matrix, inverseFromCholesky(lower, n), n), identity)).toBeLessThan(1e-9)
  })

  it('solves for one row and for several', () => {
    for (const count of [1, 4, 6]) {
      const rows = Float64Array.from(weights(count * n, count, 1))
      const wanted = rows.slice()
      solveCholesky(lower, n, rows, count)
      for (let row = 0; row < count; row++)
        for (let i = 0; i < n; i++) {
          let sum = 0
          for (let k = 0; k < n; k++) sum += matrix[i * n + k]! * rows[row * n + k]!
          expect(sum).toBeCloseTo(wanted[row * n + i]!, 9)
        }
    }
  })
})

it('says of a matrix that is not positive definite that it has no factor', () => {
  expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined()
})
