import type { Histogram } from './histogram'
import { type Range, withZero } from './range'

/** Levels that the candidates of the entropy calibrator are told apart by, as TensorRT takes for int8. */
const LEVELS = 128

/**
 * The threshold on magnitudes that loses least information: the Kullback-Leibler divergence of the counts up to it, with
 * what lies beyond added to the last bin, from the same counts spread evenly over 128 levels.
 *
 * Migacz 2017, "8-bit Inference with TensorRT", slides 34 to 38; the entropy calibrator of onnxruntime.quantization.
 */
export function entropyRange(histogram: Histogram): Range {
  const { counts, min, max } = histogram
  const half = counts.length / 2
  const magnitudes = new Float64Array(half)
  for (let bin = 0; bin < half; bin++)
    magnitudes[bin] = (counts[half + bin] as number) + (counts[half - 1 - bin] as number)
  let used = half
  while (used > 0 && magnitudes[used - 1] === 0) used--
  const sums = sumsOf(magnitudes, used)
  let threshold = used
  let least = Number.POSITIVE_INFINITY
  // As many candidates as there are levels are enough to find the least.
  const step = Math.max(1, Math.floor((used - LEVELS) / LEVELS))
  for (let bins = LEVELS; bins <= used; bins += step) {
    const divergence = divergenceAt(sums, bins)
    if (divergence >= least) continue
    least = divergence
    threshold = bins
  }
  const limit = threshold * histogram.width
  return withZero(Math.max(min, -limit), Math.min(max, limit))
}

/** Sums over all bins before each: of counts, of bins that hold anything, of count times its logarithm. */
interface EntropySums {
  readonly counts: Float64Array
  readonly filled: Uint32Array
  readonly logs: Float64Array
}

const timesLog = (count: number): number => (count === 0 ? 0 : count * Math.log(count))

function sumsOf(magnitudes: Float64Array, used: number): EntropySums {
  const counts = new Float64Array(used + 1)
  const filled = new Uint32Array(used + 1)
  const logs = new Float64Array(used + 1)
  for (let bin = 0; bin < used; bin++) {
    const count = magnitudes[bin] as number
    counts[bin + 1] = (counts[bin] as number) + count
    filled[bin + 1] = (filled[bin] as number) + (count > 0 ? 1 : 0)
    logs[bin + 1] = (logs[bin] as number) + timesLog(count)
  }
  return { counts, filled, logs }
}

/**
 * With counts r in the bins, all of them together t, those within the threshold w, and the mean m of the level that a bin
 * lies in: the sum of r/t log(r/t / (m/w)). The sum of r log r is there for every threshold, that of r log m has one term
 * a level.
 */
function divergenceAt({ counts, filled, logs }: EntropySums, bins: number): number {
  const total = counts.at(-1) as number
  const within = counts[bins] as number
  const beyond = total - within
  const last = within - (counts[bins - 1] as number)
  let sum = (logs[bins - 1] as number) + timesLog(last + beyond)
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor((level * bins) / LEVELS)
    const to = Math.floor(((level + 1) * bins) / LEVELS)
    const inside = (counts[to] as number) - (counts[from] as number)
    const clipped = to === bins ? beyond : 0
    if (inside + clipped === 0) continue
    const holding = (filled[to] as number) - (filled[from] as number) + (clipped > 0 && last === 0 ? 1 : 0)
    // Where only clipped numbers lie, the candidate has nothing: as little as one number in all.
    const candidate = inside === 0 ? 1 : inside / holding
    sum -= (inside + clipped) * Math.log(candidate)
  }
  return sum / total - Math.log(total) + Math.log(Math.max(1, within))
}
