import type { Histogram } from './histogram'

/** What 8 or 16 bits are to stand for: at most 0 and at least 0, so that 0 is exact. */
export interface Range {
  readonly low: number
  readonly high: number
}

export type Calibrator = 'min-max' | 'percentile' | 'entropy' | 'mse'

export interface CalibratorOptions {
  readonly calibrator: Calibrator
  /** Share of the numbers within the range, in per cent. */
  readonly percentile: number
  /** Of the quantized type: 256 or 65536. */
  readonly steps: number
}

const withZero = (low: number, high: number): Range => ({ low: Math.min(0, low), high: Math.max(0, high) })

/** The range for what a histogram has counted. Nothing counted, or only zeros, gives 0 to 0. */
export function calibrated(histogram: Histogram, options: CalibratorOptions): Range {
  const { min, max } = histogram
  if (min > max) return { low: 0, high: 0 }
  switch (options.calibrator) {
    case 'min-max':
      return withZero(min, max)
    case 'percentile':
      return percentileRange(histogram, options.percentile)
    case 'entropy':
      return entropyRange(histogram)
    case 'mse':
      return leastErrorRange(histogram, options.steps)
  }
}

/**
 * Leaves (100 - percentile) / 2 per cent of the numbers out at each end, as the percentile calibrator of
 * onnxruntime.quantization does; a bin counts as a whole.
 */
export function percentileRange(histogram: Histogram, percentile: number): Range {
  const { counts, zeros, min, max } = histogram
  const cut = ((100 - percentile) / 200) * histogram.count
  const zeroBin = counts.length / 2
  const at = (bin: number) => (counts[bin] as number) + (bin === zeroBin ? zeros : 0)
  let low = 0
  for (let left = cut; low < counts.length && at(low) <= left; low++) left -= at(low)
  let high = counts.length - 1
  for (let left = cut; high >= 0 && at(high) <= left; high--) left -= at(high)
  const half = histogram.width / 2
  return withZero(Math.max(min, histogram.center(low) - half), Math.min(max, histogram.center(high) + half))
}

/**
 * The range in which the mean squared error of quantization is least, counted from the middles of the bins: both ends
 * are moved inwards in turns, by hundredths of the way from 0 to the outermost number.
 *
 * Nagel et al. 2021, "A White Paper on Neural Network Quantization", section 3.1.
 */
export function leastErrorRange(histogram: Histogram, steps: number): Range {
  const { min, max } = histogram
  let best = withZero(min, max)
  let least = quantizationError(histogram, best, steps)
  const tryRange = (range: Range) => {
    const error = quantizationError(histogram, range, steps)
    if (error >= least) return
    least = error
    best = range
  }
  for (let round = 0; round < 2; round++) {
    for (const end of ['high', 'low'] as const) {
      const outermost = end === 'high' ? max : min
      const other = best
      if (end === 'high' ? outermost <= 0 : outermost >= 0) continue
      for (let part = SHARES; part >= 1; part--) tryRange({ ...other, [end]: (outermost * part) / SHARES })
    }
  }
  return best
}

const SHARES = 100

/** Sum of the squared errors when all that was counted is quantized to this range and back. */
export function quantizationError(histogram: Histogram, { low, high }: Range, steps: number): number {
  const { counts } = histogram
  const [first, end] = histogram.occupied()
  const scale = (high - low) / (steps - 1)
  let sum = 0
  for (let bin = first; bin < end; bin++) {
    const count = counts[bin] as number
    if (count === 0) continue
    const center = histogram.center(bin)
    if (scale === 0) sum += count * center * center
    else if (center < low) sum += count * (center - low) ** 2
    else if (center > high) sum += count * (center - high) ** 2
    else sum += count * (center - Math.round(center / scale) * scale) ** 2
  }
  return sum
}

/** Mean square of all that was counted, times how many: what the error is to be compared with. */
export function totalPower(histogram: Histogram): number {
  const { counts } = histogram
  const [first, end] = histogram.occupied()
  let sum = 0
  for (let bin = first; bin < end; bin++) sum += (counts[bin] as number) * histogram.center(bin) ** 2
  return sum
}

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
  let threshold = used
  let least = Number.POSITIVE_INFINITY
  // As many candidates as there are levels are enough to find the least.
  const step = Math.max(1, Math.floor((used - LEVELS) / LEVELS))
  for (let bins = LEVELS; bins <= used; bins += step) {
    const divergence = divergenceAt(magnitudes, bins, used)
    if (divergence >= least) continue
    least = divergence
    threshold = bins
  }
  const limit = threshold * histogram.width
  return withZero(Math.max(min, -limit), Math.min(max, limit))
}

function divergenceAt(magnitudes: Float64Array, bins: number, used: number): number {
  let beyond = 0
  for (let bin = bins; bin < used; bin++) beyond += magnitudes[bin] as number
  let total = beyond
  for (let bin = 0; bin < bins; bin++) total += magnitudes[bin] as number
  let divergence = 0
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor((level * bins) / LEVELS)
    const to = Math.floor(((level + 1) * bins) / LEVELS)
    let sum = 0
    let filled = 0
    for (let bin = from; bin < to; bin++) {
      const count = magnitudes[bin] as number
      sum += count
      if (count > 0 || (bin === bins - 1 && beyond > 0)) filled++
    }
    for (let bin = from; bin < to; bin++) {
      const last = bin === bins - 1 ? beyond : 0
      const reference = (magnitudes[bin] as number) + last
      if (reference === 0) continue
      // Where only clipped numbers lie, the candidate has nothing: as little as one number in all.
      const candidate = sum === 0 ? 1 : sum / filled
      divergence +=
        (reference / total) * Math.log(reference / total / (candidate / Math.max(1, total - beyond)))
    }
  }
  return divergence
}
