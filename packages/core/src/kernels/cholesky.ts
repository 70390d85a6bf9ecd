/**
 * Lower factor L of a symmetric positive definite matrix, A = L L^T.
 * @param matrix [n, n], row-major; the upper half isn't read
 * @returns undefined where it is not positive definite
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array | undefined {
  const lower = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j] as number
      const a = i * n
      const b = j * n
      for (let k = 0; k < j; k++) sum -= (lower[a + k] as number) * (lower[b + k] as number)
      if (i === j) {
        if (!(sum > 0)) return undefined
        lower[a + i] = Math.sqrt(sum)
      } else lower[a + j] = sum / (lower[b + j] as number)
    }
  }
  return lower
}

/** Solves A x = b for each row b of `rows` in place, given A's lower factor. @param rows [count, n] */
export function solveCholesky(lower: Float64Array, n: number, rows: Float64Array, count: number): void {
  for (let row = 0; row < count; row++) {
    const at = row * n
    for (let i = 0; i < n; i++) {
      let sum = rows[at + i] as number
      for (let k = 0; k < i; k++) sum -= (lower[i * n + k] as number) * (rows[at + k] as number)
      rows[at + i] = sum / (lower[i * n + i] as number)
    }
    for (let i = n - 1; i >= 0; i--) {
      const x = (rows[at + i] as number) / (lower[i * n + i] as number)
      rows[at + i] = x
      for (let k = 0; k < i; k++) rows[at + k] = (rows[at + k] as number) - (lower[i * n + k] as number) * x
    }
  }
}

/** Inverse of A from its lower factor, [n, n]. */
export function inverseFromCholesky(lower: Float64Array, n: number): Float64Array {
  // L^-1 by forward substitution, column by column, kept as rows of its transpose so that inner loops are contiguous.
  const inverse = new Float64Array(n * n)
  for (let column = 0; column < n; column++) {
    const at = column * n
    inverse[at + column] = 1 / (lower[column * n + column] as number)
    for (let i = column + 1; i < n; i++) {
      let sum = 0
      for (let k = column; k < i; k++) sum += (lower[i * n + k] as number) * (inverse[at + k] as number)
      inverse[at + i] = -sum / (lower[i * n + i] as number)
    }
  }
  // A^-1 = L^-T L^-1; row a of `inverse` is column a of L^-1.
  const result = new Float64Array(n * n)
  for (let a = 0; a < n; a++) {
    for (let b = a; b < n; b++) {
      let sum = 0
      for (let k = b; k < n; k++) sum += (inverse[a * n + k] as number) * (inverse[b * n + k] as number)
      result[a * n + b] = sum
      result[b * n + a] = sum
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
