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
    const { min, max } = extremes(data)
    if (min > max) {
      // Nothing, or nothing finite.
      this.notFinite += data.length
      return
    }
    this.min = Math.min(this.min, min)
    this.max = Math.max(this.max, max)
    this.#grow(Math.max(-min, max))
    const scale = this.range === 0 ? 0 : HALF / this.range
    const { zeros, notFinite } = (data.length < MANY ? countFew : countMany)(this.counts, data, scale)
    this.zeros += zeros
    this.notFinite += notFinite
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

/** Least and largest of the finite numbers; Infinity and -Infinity where there are none. */
function extremes(data: Float32Array): { min: number; max: number } {
  let [min, otherMin] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  let [max, otherMax] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  // Two at a time, so that none waits for the one before; NaN is neither less nor more.
  const pairs = data.length - (data.length % 2)
  for (let index = 0; index < pairs; index += 2) {
    const a = data[index] as number
    const b = data[index + 1] as number
    if (a < min) min = a
    if (a > max) max = a
    if (b < otherMin) otherMin = b
    if (b > otherMax) otherMax = b
  }
  for (const value of data.subarray(pairs)) {
    if (value < min) min = value
    if (value > max) max = value
  }
  min = Math.min(min, otherMin)
  max = Math.max(max, otherMax)
  const infinite = min === Number.NEGATIVE_INFINITY || max === Number.POSITIVE_INFINITY
  return infinite && data.length > 0 ? extremes(data.filter(Number.isFinite)) : { min, max }
}

interface Counted {
  /** How many are 0, and in no bin. */
  readonly zeros: number
  readonly notFinite: number
}

/** From here on it pays to go through tables. */
const MANY = 16384

function countFew(counts: Float64Array, data: Float32Array, scale: number): Counted {
  let zeros = 0
  let notFinite = 0
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as number
    if (value === 0) zeros++
    else if (value - value === 0) {
      const bin = Math.floor(value * scale) + HALF
      counts[bin] = (counts[bin] as number) + 1
    } else notFinite++
  }
  return { zeros, notFinite }
}

/** Neighbours are often in the same bin: with two tables neither waits until the other is counted. */
const even = new Uint32Array(BINS)
const odd = new Uint32Array(BINS)

/**
 * As countFew, without branches, which on what Relu gives are taken half of the time: zeros and what isn't finite go to the
 * bin of zero, and are told by their bits.
 */
function countMany(counts: Float64Array, data: Float32Array, scale: number): Counted {
  even.fill(0)
  odd.fill(0)
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length)
  let zeros = 0
  let finite = 0
  const pairs = data.length - (data.length % 2)
  for (let index = 0; index < pairs; index += 2) {
    const a = (Math.floor((data[index] as number) * scale) | 0) + HALF
    const b = (Math.floor((data[index + 1] as number) * scale) | 0) + HALF
    even[a] = (even[a] as number) + 1
    odd[b] = (odd[b] as number) + 1
    const first = (bits[index] as number) & MAGNITUDE
    const second = (bits[index + 1] as number) & MAGNITUDE
    zeros += ((first - 1) >>> 31) + ((second - 1) >>> 31)
    finite += ((first - INFINITE) >>> 31) + ((second - INFINITE) >>> 31)
  }
  for (let bin = 0; bin < BINS; bin++)
    counts[bin] = (counts[bin] as number) + (even[bin] as number) + (odd[bin] as number)
  const notFinite = pairs - finite
  counts[HALF] = (counts[HALF] as number) - zeros - notFinite
  const rest = countFew(counts, data.subarray(pairs), scale)
  return { zeros: zeros + rest.zeros, notFinite: notFinite + rest.notFinite }
}

/** Bits of a float32 without its sign, and of infinity. */
const MAGNITUDE = 0x7fffffff
const INFINITE = 0x7f800000
