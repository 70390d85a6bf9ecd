/**
 * Counts of numbers in bins of equal width over -range to range, where the range is a power of two that doubles when a
 * larger number comes: neighbouring bins then become one. Memory doesn't depend on how many numbers come, nor does the
 * result on their order but for the first widths.
 */
export const BINS = 4096
const HALF = BINS / 2

export class Histogram {
  /** Half the width of all bins together; 0 before the first number that isn't 0. */
  range = 0
  readonly counts = new Float64Array(BINS)
  /** Exact zeros, which Relu makes many of; they are in no bin. */
  zeros = 0
  /** NaN and infinities, which are in no bin. */
  notFinite = 0
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY
  /** Of all finite numbers. */
  count = 0

  add(data: Float32Array): void {
    const { min, max, notFinite } = extremes(data)
    this.notFinite += notFinite
    if (min > max) return
    this.min = Math.min(this.min, min)
    this.max = Math.max(this.max, max)
    this.#grow(Math.max(-min, max))
    const scale = this.range === 0 ? 0 : HALF / this.range
    this.zeros += countInto(this.counts, data, scale)
    this.count += data.length - notFinite
  }

  /** Adds what another has counted. */
  merge(other: Histogram): void {
    this.notFinite += other.notFinite
    this.zeros += other.zeros
    this.count += other.count
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
    if (other.range === 0) return
    let counts: Float64Array = other.counts
    if (this.range === 0) this.range = other.range
    for (let { range } = other; range < this.range; range *= 2) counts = halved(counts)
    for (; this.range < other.range; this.range *= 2) this.counts.set(halved(this.counts))
    for (let bin = 0; bin < BINS; bin++)
      this.counts[bin] = (this.counts[bin] as number) + (counts[bin] as number)
  }

  /** Width of one bin. */
  get width(): number {
    return this.range / HALF
  }

  /** The middle of a bin. */
  center(bin: number): number {
    return (bin - HALF + 0.5) * this.width
  }

  /** The bins that hold anything, first and behind the last; both 0 where none does. */
  occupied(): readonly [number, number] {
    let first = 0
    let end = BINS
    while (first < end && this.counts[first] === 0) first++
    while (end > first && this.counts[end - 1] === 0) end--
    return first === end ? [0, 0] : [first, end]
  }

  #grow(largest: number): void {
    if (largest === 0) return
    if (this.range === 0) {
      // The largest number itself lies in the last bin, whose end is open.
      this.range = 2 ** (Math.floor(Math.log2(largest)) + 1)
      return
    }
    for (; largest >= this.range; this.range *= 2) this.counts.set(halved(this.counts))
  }
}

/** Counts over twice the range: pairs of bins move to the middle. */
function halved(counts: Float64Array): Float64Array {
  const merged = new Float64Array(BINS)
  for (let bin = 0; bin < HALF; bin++)
    merged[HALF / 2 + bin] = (counts[2 * bin] as number) + (counts[2 * bin + 1] as number)
  return merged
}

function extremes(data: Float32Array): { min: number; max: number; notFinite: number } {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let notFinite = 0
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as number
    // NaN for an infinity or NaN, else 0.
    if (value - value !== 0) {
      notFinite++
      continue
    }
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max, notFinite }
}

/** @returns how many are 0 */
function countInto(counts: Float64Array, data: Float32Array, scale: number): number {
  let zeros = 0
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as number
    if (value === 0) zeros++
    else if (value - value === 0) {
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor(value * scale) + HALF))
      counts[bin] = (counts[bin] as number) + 1
    }
  }
  return zeros
}
