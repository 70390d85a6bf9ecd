/** Share of the variance that predictions explain: 1 is perfect, 0 is as good as always saying the mean. */
export function r2(predicted: Float32Array, truth: Float32Array): number {
  const mean = truth.reduce((sum, value) => sum + value, 0) / truth.length
  const squares = (other: (row: number) => number) =>
    truth.reduce((sum, value, row) => sum + (value - other(row)) ** 2, 0)
  return 1 - squares((row) => predicted[row] ?? Number.NaN) / squares(() => mean)
}
