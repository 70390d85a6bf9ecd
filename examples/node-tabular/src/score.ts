/** Share of the variance that predictions explain: 1 is perfect, 0 is as good as always saying the mean. */
export function r2(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  const actual = Array.from(truth)
  const mean = actual.reduce((sum, value) => sum + value, 0) / actual.length
  let residual = 0
  let total = 0
  for (const [index, value] of actual.entries()) {
    residual += (value - (predicted[index] ?? Number.NaN)) ** 2
    total += (value - mean) ** 2
  }
  return 1 - residual / total
}

export function meanAbsoluteError(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  const actual = Array.from(truth)
  return (
    actual.reduce((sum, value, index) => sum + Math.abs(value - (predicted[index] ?? Number.NaN)), 0) /
    actual.length
  )
}
