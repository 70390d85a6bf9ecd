import type { Grid, Histogram } from './data'

/** Few enough to be read and kept, and enough to look at a part of them. */
export const bins = 256

/** Counts of the finite numbers in equal bins between the smallest and the largest; undefined where there are none. */
export function histogramOf(values: ArrayLike<number>, count = bins): Histogram | undefined {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number
    if (value - value !== 0) continue
    if (value < from) from = value
    if (value > to) to = value
  }
  if (from > to) return undefined
  // Equal numbers still get a bin that has a width.
  if (from === to) {
    const half = Math.abs(from) / 2 || 0.5
    from -= half
    to += half
  }
  const counts = new Array<number>(count).fill(0)
  const scale = count / (to - from)
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number
    if (value - value !== 0) continue
    const bin = Math.min(count - 1, Math.floor((value - from) * scale))
    counts[bin] = (counts[bin] as number) + 1
  }
  return { from, to, counts }
}

/**
 * The values of w = (q - zero point) * scale.
 * @param integers the smallest integer that the type has, and how many there are
 */
export function gridOf(scale: number, zeroPoint: number, integers: { min: number; count: number }): Grid {
  const first = (integers.min - zeroPoint) * scale
  const step = Math.abs(scale)
  // A negative scale runs through the same values from the other end.
  return { from: scale < 0 ? first - step * (integers.count - 1) : first, step, count: integers.count }
}
