/**
 * Softmax importance of groups of weights in a scope:
 *
 *   P(g) = sum over w in g of exp(|w| / tau) / sum over w in the scope of exp(|w| / tau)
 *
 * with w in place of |w| where it is signed. Computed as logarithms with the largest term taken out, so that no
 * temperature overflows.
 */

/** Mean, mean square and number of what a scope holds, added up tensor by tensor. */
export class Moments {
  count = 0
  #sum = 0
  #squares = 0

  add(values: Float32Array): void {
    for (const value of values) {
      this.#sum += value
      this.#squares += value * value
    }
    this.count += values.length
  }

  merge(other: Moments): void {
    this.count += other.count
    this.#sum += other.#sum
    this.#squares += other.#squares
  }

  /** Standard deviation; 0 of nothing. */
  get deviation(): number {
    if (this.count === 0) return 0
    const mean = this.#sum / this.count
    return Math.sqrt(Math.max(0, this.#squares / this.count - mean * mean))
  }
}

/** log of sum of exp of the terms; -Infinity of none. */
export function logSumExp(terms: ArrayLike<number>, from = 0, to = terms.length): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let index = from; index < to; index++) largest = Math.max(largest, terms[index] ?? 0)
  if (!Number.isFinite(largest)) return largest
  let sum = 0
  for (let index = from; index < to; index++) sum += Math.exp((terms[index] ?? 0) - largest)
  return largest + Math.log(sum)
}

/** |w| / tau, or w / tau: the log-importance of single weights, before it is normalized. */
export function logits(weights: Float32Array, tau: number, signed: boolean): Float32Array {
  const out = new Float32Array(weights.length)
  for (let index = 0; index < out.length; index++) {
    const weight = weights[index] ?? 0
    out[index] = (signed ? weight : Math.abs(weight)) / tau
  }
  return out
}

/** Logarithms of the importance of consecutive groups of `size` terms; the last may be shorter. */
export function logGroups(terms: Float32Array, size: number): Float32Array {
  const out = new Float32Array(Math.ceil(terms.length / size))
  for (let group = 0; group < out.length; group++)
    out[group] = logSumExp(terms, group * size, Math.min(terms.length, (group + 1) * size))
  return out
}

/** P(g) of consecutive groups of `size` weights of one scope. */
export function softmaxImportance(
  weights: Float32Array,
  {
    size = 1,
    tau,
    signed = false,
  }: { readonly size?: number; readonly tau: number; readonly signed?: boolean },
): Float64Array {
  const groups = logGroups(logits(weights, tau, signed), size)
  const all = logSumExp(groups)
  return Float64Array.from(groups, (group) => Math.exp(group - all))
}
