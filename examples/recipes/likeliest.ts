/** The class with the highest score, for each row. */
export function likeliest(scores: Float32Array, rows = 1): number[] {
  const width = scores.length / rows
  return Array.from({ length: rows }, (_, row) => {
    const own = scores.subarray(row * width, (row + 1) * width)
    return own.indexOf(Math.max(...own))
  })
}
