/**
 * Sum of x x^T over rows x of layer inputs: what GPTQ and SparseGPT call the Hessian of a layer's squared output error,
 * up to a factor 2 (Frantar et al. 2022, "GPTQ", section 3).
 */
export class Gram {
  readonly features: number
  /** [features, features], symmetric, row-major. */
  readonly matrix: Float64Array
  /** Sum of the rows, [features]. */
  readonly sum: Float64Array
  count = 0

  constructor(features: number) {
    this.features = features
    this.matrix = new Float64Array(features * features)
    this.sum = new Float64Array(features)
  }

  /** @param rows [count, features], row-major */
  add(rows: Float32Array, count: number): void {
    const { features: n, matrix, sum } = this
    this.count += count
    // Feature by feature: a column of the rows lies in a short array of its own, so that inner loops are contiguous.
    const columns = new Float64Array(n * count)
    for (let row = 0, at = 0; row < count; row++) {
      for (let feature = 0; feature < n; feature++, at++) {
        const x = rows[at] as number
        columns[feature * count + row] = x
        sum[feature] = (sum[feature] as number) + x
      }
    }
    const EDGE = 32
    for (let top = 0; top < n; top += EDGE) {
      for (let left = top; left < n; left += EDGE) {
        for (let i = top; i < Math.min(n, top + EDGE); i++) {
          for (let j = Math.max(i, left); j < Math.min(n, left + EDGE); j++) {
            const dot = dotOf(columns, i * count, j * count, count)
            matrix[i * n + j] = (matrix[i * n + j] as number) + dot
            if (i !== j) matrix[j * n + i] = matrix[i * n + j] as number
          }
        }
      }
    }
  }

  /** Mean square of each feature, [features]. */
  meanSquares(): Float64Array {
    const n = this.features
    return Float64Array.from({ length: n }, (_, index) =>
      this.count === 0 ? 0 : (this.matrix[index * n + index] as number) / this.count,
    )
  }
}

function dotOf(data: Float64Array, a: number, b: number, count: number): number {
  let first = 0
  let second = 0
  let third = 0
  let fourth = 0
  let index = 0
  for (; index + 3 < count; index += 4) {
    first += (data[a + index] as number) * (data[b + index] as number)
    second += (data[a + index + 1] as number) * (data[b + index + 1] as number)
    third += (data[a + index + 2] as number) * (data[b + index + 2] as number)
    fourth += (data[a + index + 3] as number) * (data[b + index + 3] as number)
  }
  for (; index < count; index++) first += (data[a + index] as number) * (data[b + index] as number)
  return first + second + third + fourth
}
