import { Gram } from './gram'

/**
 * Second moments of what a layer reads in two versions of a model, row by row of the same samples: x now, and o in the
 * version that is to be matched.
 */
export class PairedGram {
  /** Sum of x x^T. */
  readonly now: Gram
  /** Sum of (o - x) x^T, [features, features], row-major: rows are those of o - x. Undefined while all of it is 0. */
  change: Float64Array | undefined
  /** Sum of o - x, [features]. */
  readonly changeSum: Float64Array

  constructor(features: number) {
    this.now = new Gram(features)
    this.changeSum = new Float64Array(features)
  }

  /** @param rows x, and `other` o where it isn't the same: [count, features], row-major */
  add(rows: Float32Array, other: Float32Array | undefined, count: number): void {
    const { now, changeSum } = this
    const { features: n } = now
    now.add(rows, count)
    if (other === undefined) return
    // Feature by feature, so that inner loops are contiguous.
    const columns = new Float64Array(n * count)
    const differences = new Float64Array(n * count)
    let isSame = true
    for (let row = 0, at = 0; row < count; row++) {
      for (let i = 0; i < n; i++, at++) {
        const own = (other[at] as number) - (rows[at] as number)
        if (own !== 0) isSame = false
        columns[i * count + row] = rows[at] as number
        differences[i * count + row] = own
        changeSum[i] = (changeSum[i] as number) + own
      }
    }
    if (isSame) return
    this.change ??= new Float64Array(n * n)
    addProducts(this.change, differences, columns, n, count)
  }

  /** Adds what another saw. */
  merge(other: PairedGram): void {
    addTo(this.now.matrix, other.now.matrix)
    addTo(this.now.sum, other.now.sum)
    if (other.change !== undefined) {
      this.change ??= new Float64Array(other.change.length)
      addTo(this.change, other.change)
    }
    addTo(this.changeSum, other.changeSum)
    this.now.count += other.now.count
  }
}

function addTo(to: Float64Array, from: Float64Array): void {
  for (let index = 0; index < to.length; index++) to[index] = (to[index] as number) + (from[index] as number)
}

const EDGE = 32

/** matrix += A B^T. @param a, b [n, count] */
function addProducts(matrix: Float64Array, a: Float64Array, b: Float64Array, n: number, count: number): void {
  for (let top = 0; top < n; top += EDGE) {
    for (let j = 0; j < n; j += 4) {
      // Four columns at once; where fewer are left, what is too much is not kept.
      const [b0, b1, b2, b3] = [j, j + 1, j + 2, j + 3].map((column) => Math.min(column, n - 1) * count) as [
        number,
        number,
        number,
        number,
      ]
      for (let i = top; i < Math.min(n, top + EDGE); i++) {
        const at = i * n + j
        let first = matrix[at] as number
        let second = matrix[at + 1] as number
        let third = matrix[at + 2] as number
        let fourth = matrix[at + 3] as number
        for (let row = 0, from = i * count; row < count; row++, from++) {
          const x = a[from] as number
          first += x * (b[b0 + row] as number)
          second += x * (b[b1 + row] as number)
          third += x * (b[b2 + row] as number)
          fourth += x * (b[b3 + row] as number)
        }
        matrix[at] = first
        if (j + 1 < n) matrix[at + 1] = second
        if (j + 2 < n) matrix[at + 2] = third
        if (j + 3 < n) matrix[at + 3] = fourth
      }
    }
  }
}
