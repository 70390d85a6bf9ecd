/** Scores as probabilities. */
export function softmax(scores: Float32Array): number[] {
  const largest = Math.max(...scores)
  const powers = Array.from(scores, (score) => Math.exp(score - largest))
  const sum = powers.reduce((all, power) => all + power, 0)
  return powers.map((power) => power / sum)
}
