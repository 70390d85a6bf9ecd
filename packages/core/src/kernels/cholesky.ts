/**
 * Lower factor L of a symmetric positive definite matrix, A = L L^T.
 * @param matrix [n, n], row-major; the upper half isn't read
 * @returns undefined where it is not positive definite
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array | undefined {
  const lower = new Float64Array(n * n)
  const sums = new Float64Array(4)
  // By blocks of columns, whose rows stay in the cache, and four of them at once. Sums are made in the same order anyway.
  for (let left = 0; left < n; left += EDGE) {
    const right = Math.min(n, left + EDGE)
    for (let i = left; i < n; i++) {
      const a = i * n
      const last = Math.min(right - 1, i)
      for (let first = left; first <= last; first += 4) {
        const columns = Math.min(4, last - first + 1)
        for (let c = 0; c < columns; c++) sums[c] = matrix[a + first + c] as number
        if (columns === 4) subtractDots(sums, lower, a, lower, first * n, n, 0, first)
        for (let c = 0; c < columns; c++) {
          const j = first + c
          const b = j * n
          let sum = sums[c] as number
          for (let k = columns === 4 ? first : 0; k < j; k++)
            sum -= (lower[a + k] as number) * (lower[b + k] as number)
          if (i === j) {
            if (!(sum > 0)) return undefined
            lower[a + i] = Math.sqrt(sum)
          } else lower[a + j] = sum / (lower[b + j] as number)
        }
      }
    }
  }
  return lower
}

const EDGE = 64

/** sums[c] -= one[a + k] * four[b + c * n + k] for k from `from` to `to` - 1. */
function subtractDots(
  sums: Float64Array,
  one: Float64Array,
  a: number,
  four: Float64Array,
  b: number,
  n: number,
  from: number,
  to: number,
): void {
  let [first, second, third, fourth] = [
    sums[0] as number,
    sums[1] as number,
    sums[2] as number,
    sums[3] as number,
  ]
  for (let k = from; k < to; k++) {
    const x = one[a + k] as number
    first -= x * (four[b + k] as number)
    second -= x * (four[b + n + k] as number)
    third -= x * (four[b + 2 * n + k] as number)
    fourth -= x * (four[b + 3 * n + k] as number)
  }
  sums[0] = first
  sums[1] = second
  sums[2] = third
  sums[3] = fourth
}

/** Solves A x = b for each row b of `rows` in place, given A's lower factor. @param rows [count, n] */
export function solveCholesky(lower: Float64Array, n: number, rows: Float64Array, count: number): void {
  const sums = new Float64Array(4)
  // Four rows at once: each row of the factor is read once for them.
  for (let row = 0; row < count; row += 4) {
    const at = row * n
    const many = Math.min(4, count - row)
    for (let i = 0; i < n; i++) {
      const diagonal = lower[i * n + i] as number
      for (let c = 0; c < many; c++) sums[c] = rows[at + c * n + i] as number
      if (many === 4) subtractDots(sums, lower, i * n, rows, at, n, 0, i)
      for (let c = 0; c < many; c++) {
        let sum = sums[c] as number
        for (let k = many === 4 ? i : 0; k < i; k++)
          sum -= (lower[i * n + k] as number) * (rows[at + c * n + k] as number)
        rows[at + c * n + i] = sum / diagonal
      }
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let c = 0; c < many; c++) {
        const own = at + c * n
        const x = (rows[own + i] as number) / (lower[i * n + i] as number)
        rows[own + i] = x
        for (let k = 0; k < i; k++)
          rows[own + k] = (rows[own + k] as number) - (lower[i * n + k] as number) * x
      }
    }
  }
}

/** Inverse of A from its lower factor, [n, n]. */
export function inverseFromCholesky(lower: Float64Array, n: number): Float64Array {
  // L^-1 by forward substitution, kept as rows of its transpose so that inner loops are contiguous; four columns at once.
  // What lies before a column's diagonal is 0 and changes no sum.
  const inverse = new Float64Array(n * n)
  const sums = new Float64Array(4)
  for (let column = 0; column < n; column += 4) {
    const many = Math.min(4, n - column)
    for (let i = column; i < n; i++) {
      sums.fill(0)
      if (many === 4) subtractDots(sums, lower, i * n, inverse, column * n, n, column, i)
      const diagonal = lower[i * n + i] as number
      for (let c = 0; c < many && column + c <= i; c++) {
        const at = (column + c) * n
        let sum = sums[c] as number
        for (let k = many === 4 ? i : column; k < i; k++)
          sum -= (lower[i * n + k] as number) * (inverse[at + k] as number)
        inverse[at + i] = column + c === i ? 1 / diagonal : sum / diagonal
      }
    }
  }
  // A^-1 = L^-T L^-1; row a of `inverse` is column a of L^-1.
  const result = new Float64Array(n * n)
  for (let b = 0; b < n; b += 4) {
    const many = Math.min(4, n - b)
    for (let a = 0; a < Math.min(n, b + 4); a++) {
      sums.fill(0)
      if (many === 4) subtractDots(sums, inverse, a * n, inverse, b * n, n, b, n)
      for (let c = Math.max(0, a - b); c < many; c++) {
        let sum = sums[c] as number
        for (let k = many === 4 ? n : b; k < n; k++)
          sum -= (inverse[a * n + k] as number) * (inverse[(b + c) * n + k] as number)
        result[a * n + b + c] = -sum
        result[(b + c) * n + a] = -sum
      }
    }
  }
  return result
}

/**
 * Upper factor U with (H + damping * mean(diag H) * I)^-1 = U^T U: row i holds what GPTQ and SparseGPT need to spread the
 * error of column i over the columns after it. Features that are always zero get 1 on the diagonal; where the matrix isn't
 * positive definite, damping is raised tenfold until it is.
 *
 * Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", Algorithm 1,
 * step "Cholesky(H^-1)^T".
 * @param matrix [n, n], row-major
 * @param damping share of the mean of the diagonal; 0.01 in both papers
 */
export function inverseUpperFactor(matrix: Float64Array, n: number, damping = 0.01): Float64Array {
  let mean = 0
  for (let i = 0; i < n; i++) mean += (matrix[i * n + i] as number) / n
  if (!(mean > 0)) mean = 1
  for (let share = Math.max(damping, 1e-8); ; share *= 10) {
    const damped = Float64Array.from(matrix)
    for (let i = 0; i < n; i++) {
      const diagonal = damped[i * n + i] as number
      damped[i * n + i] = (diagonal === 0 ? mean : diagonal) + share * mean
    }
    const lower = cholesky(damped, n)
    if (lower !== undefined) {
      const again = cholesky(inverseFromCholesky(lower, n), n)
      if (again !== undefined) return transpose(again, n)
    }
    // An identity is what is left where the data says nothing at all.
    if (share > 1e6) return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0))
  }
}

function transpose(matrix: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) result[j * n + i] = matrix[i * n + j] as number
  return result
}
