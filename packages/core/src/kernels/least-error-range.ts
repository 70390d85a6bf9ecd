import type { Histogram } from './histogram'
import { type Range, withZero } from './range'

/**
 * The range in which the mean squared error of quantization is least, counted from the middles of the bins: both ends
 * are moved inwards in turns, by hundredths of the way from 0 to the outermost number.
 *
 * With `response` it is the error of what becomes of the numbers.
 *
 * Nagel et al. 2021, "A White Paper on Neural Network Quantization", section 3.1.
 */
export function leastErrorRange(
  histogram: Histogram,
  steps: number,
  response?: (x: number) => number,
): Range {
  const { min, max } = histogram
  const [first, end] = histogram.occupied()
  // Level by level where there are fewer of them than bins.
  const moments = response === undefined && steps < end - first ? momentsOf(histogram) : undefined
  const exact = response && given(histogram, response)
  const errorOf = (range: Range) => {
    if (response !== undefined && exact !== undefined)
      return errorOfResponse(histogram, range, steps, response, exact)
    return moments === undefined
      ? quantizationError(histogram, range, steps)
      : errorOfLevels(moments, histogram.width, range, steps)
  }
  let best = withZero(min, max)
  let least = errorOf(best)
  const tryRange = (range: Range) => {
    const error = errorOf(range)
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
export function quantizationError(
  histogram: Histogram,
  { low, high }: Range,
  steps: number,
  response?: (x: number) => number,
): number {
  const { counts } = histogram
  if (response !== undefined)
    return errorOfResponse(histogram, { low, high }, steps, response, given(histogram, response))
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

/** What becomes of the middle of each bin that holds anything. */
function given(histogram: Histogram, response: (x: number) => number): Float64Array {
  return Float64Array.from(histogram.counts, (count, bin) =>
    count === 0 ? 0 : response(histogram.center(bin)),
  )
}

/** quantizationError of what becomes of the numbers. */
function errorOfResponse(
  histogram: Histogram,
  { low, high }: Range,
  steps: number,
  response: (x: number) => number,
  exact: Float64Array,
): number {
  const [first, end] = histogram.occupied()
  const scale = (high - low) / (steps - 1)
  let sum = 0
  let level = Number.NaN
  let rounded = 0
  for (let bin = first; bin < end; bin++) {
    const count = histogram.counts[bin] as number
    if (count === 0) continue
    const center = histogram.center(bin)
    const nearest = scale === 0 ? 0 : Math.round(Math.min(high, Math.max(low, center)) / scale) * scale
    if (nearest !== level) rounded = response(nearest)
    level = nearest
    sum += count * ((exact[bin] as number) - rounded) ** 2
  }
  return sum
}

/** Mean square of all that was counted, times how many: what the error is to be compared with. */
export function totalPower(histogram: Histogram, response: (x: number) => number = (x) => x): number {
  const { counts } = histogram
  const [first, end] = histogram.occupied()
  let sum = 0
  for (let bin = first; bin < end; bin++) {
    const count = counts[bin] as number
    if (count !== 0) sum += count * response(histogram.center(bin)) ** 2
  }
  return sum
}

/**
 * Sums over all bins before each: of counts, counts times middles, counts times squared middles, with a bin's width for
 * unit. Middles count from zero outwards, so that the sums are exact as long as they stay below 2^51.
 */
interface Moments {
  readonly counts: Float64Array
  readonly middles: Float64Array
  readonly squares: Float64Array
}

function momentsOf({ counts: each }: Histogram): Moments {
  const bins = each.length
  const counts = new Float64Array(bins + 1)
  const middles = new Float64Array(bins + 1)
  const squares = new Float64Array(bins + 1)
  for (let bin = 0; bin < bins; bin++) {
    const count = each[bin] as number
    const middle = bin + 0.5 - bins / 2
    counts[bin + 1] = (counts[bin] as number) + count
    middles[bin + 1] = (middles[bin] as number) + count * middle
    squares[bin + 1] = (squares[bin] as number) + count * middle * middle
  }
  return { counts, middles, squares }
}

/** quantizationError, with one term for each level instead of one for each bin. */
function errorOfLevels(moments: Moments, width: number, { low, high }: Range, steps: number): number {
  const { counts, middles, squares } = moments
  const bins = counts.length - 1
  const half = bins / 2
  const scale = (high - low) / (steps - 1) / width
  let sum = 0
  /** Bins that become `level`, in units of a bin's width. */
  const add = (from: number, to: number, level: number) => {
    const count = (counts[to] as number) - (counts[from] as number)
    if (count === 0) return
    const middle = (middles[to] as number) - (middles[from] as number)
    const square = (squares[to] as number) - (squares[from] as number)
    sum += Math.max(0, square - 2 * level * middle + level * level * count)
  }
  /** The first bin whose middle is not below. */
  const binAt = (place: number) => Math.min(bins, Math.max(0, Math.ceil(place + half - 0.5)))
  if (scale === 0) add(0, bins, 0)
  else {
    const first = binAt(low / width)
    const end = Math.max(first, Math.min(bins, Math.floor(high / width + half - 0.5) + 1))
    add(0, first, low / width)
    add(end, bins, high / width)
    const last = Math.round((end - 0.5 - half) / scale)
    let from = first
    for (let level = Math.round((first + 0.5 - half) / scale); from < end && level <= last; level++) {
      const to = level === last ? end : Math.min(end, binAt((level + 0.5) * scale))
      add(from, to, level * scale)
      from = to
    }
  }
  return sum * width * width
}
