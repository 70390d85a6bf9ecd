import { entropyRange } from './entropy-range'
import type { Histogram } from './histogram'
import { leastErrorRange } from './least-error-range'
import { type Range, withZero } from './range'

export type Calibrator = 'min-max' | 'percentile' | 'entropy' | 'mse'

export interface CalibratorOptions {
  readonly calibrator: Calibrator
  /** Share of the numbers within the range, in per cent. */
  readonly percentile: number
  /** Of the quantized type: 256 or 65536. */
  readonly steps: number
  /** What becomes of each number, for the least squared error; the number itself where it isn't said. */
  readonly response?: ((x: number) => number) | undefined
}

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
      return leastErrorRange(histogram, options.steps, options.response)
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
