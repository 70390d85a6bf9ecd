/**
 * What the fast kernels of assembly/int8.ts must be equal to, bit by bit, and what computes where there is no SIMD.
 */
import type { ChannelLayout } from './int8'

/**
 * Loops are cut into calls of about this many elements: a function that is called often is compiled once, while one
 * call with a long loop starts in the interpreter for every tensor.
 */
const RUN = 4096

/** Magnitudes of what isn't finite have these bits or, as integers, larger ones. */
export const INFINITY_BITS = 0x7f800000

/** From this many neighbours with one scale on, a call of its own for each channel pays. */
const LONG = 64

/** Raises `maxima` to the bits of each channel's largest magnitude. */
export function absMaxReference(data: Float32Array, layout: ChannelLayout, maxima: Int32Array): void {
  const { outer, channels, inner } = layout
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length)
  if (inner >= LONG) {
    for (let row = 0, start = 0; row < outer; row++) {
      for (let channel = 0; channel < channels; channel++) {
        let max = maxima[channel] as number
        for (const end = start + inner; start < end; start += RUN) {
          max = Math.max(max, absMaxBits(bits, start, Math.min(end, start + RUN)))
        }
        start = (row * channels + channel + 1) * inner
        maxima[channel] = max
      }
    }
  } else {
    const absMax = inner === 1 ? absMaxSingles : absMaxGroups
    const step = Math.ceil(RUN / inner)
    for (let row = 0; row < outer; row++) {
      for (let from = 0; from < channels; from += step) {
        absMax(bits, (row * channels + from) * inner, maxima, from, Math.min(channels, from + step), inner)
      }
    }
  }
}

/** Four maxima at once, because one would wait for the one before. */
function absMaxBits(bits: Int32Array, start: number, end: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let index = start
  for (; index + 3 < end; index += 4) {
    const w = (bits[index] as number) & 0x7fffffff
    const x = (bits[index + 1] as number) & 0x7fffffff
    const y = (bits[index + 2] as number) & 0x7fffffff
    const z = (bits[index + 3] as number) & 0x7fffffff
    if (w > a) a = w
    if (x > b) b = x
    if (y > c) c = y
    if (z > d) d = z
  }
  for (; index < end; index++) {
    const w = (bits[index] as number) & 0x7fffffff
    if (w > a) a = w
  }
  return Math.max(a, b, c, d)
}

/** Channels `from` to `to` that lie one after the other, each with `inner` neighbours. */
function absMaxGroups(
  bits: Int32Array,
  start: number,
  maxima: Int32Array,
  from: number,
  to: number,
  inner: number,
): void {
  let index = start
  for (let channel = from; channel < to; channel++) {
    let max = maxima[channel] as number
    const end = index + inner
    while (index < end) {
      const magnitude = (bits[index] as number) & 0x7fffffff
      if (magnitude > max) max = magnitude
      index++
    }
    maxima[channel] = max
  }
}

/** The same for one element each. */
function absMaxSingles(bits: Int32Array, start: number, maxima: Int32Array, from: number, to: number): void {
  const shift = start - from
  for (let channel = from; channel < to; channel++) {
    const magnitude = (bits[shift + channel] as number) & 0x7fffffff
    if (magnitude > (maxima[channel] as number)) maxima[channel] = magnitude
  }
}

/**
 * Adding 1.5 * 2^52 to a double leaves it rounded half to even, by the processor, with the integer in the low 32 bits.
 */
const ROUND = 6755399441055744
const rounded = new Float64Array(4)
const roundedBits = new Int32Array(rounded.buffer)

/** @param factors 1 / scale per channel */
export function quantizeInt8Reference(
  data: Float32Array,
  layout: ChannelLayout,
  factors: Float64Array,
): Int8Array {
  const { outer, channels, inner } = layout
  const quantized = new Int8Array(data.length)
  if (inner >= LONG) {
    const words = new Int32Array(quantized.buffer, 0, data.length >>> 2)
    for (let row = 0, start = 0; row < outer; row++) {
      for (let channel = 0; channel < channels; channel++) {
        const factor = factors[channel] as number
        for (const end = start + inner; start < end; start += RUN) {
          quantizeRun(data, quantized, words, start, Math.min(end, start + RUN), factor)
        }
        start = (row * channels + channel + 1) * inner
      }
    }
  } else {
    const quantize = inner === 1 ? quantizeSingles : quantizeGroups
    const step = Math.ceil(RUN / inner)
    for (let row = 0; row < outer; row++) {
      for (let from = 0; from < channels; from += step) {
        const to = Math.min(channels, from + step)
        quantize(data, quantized, (row * channels + from) * inner, factors, from, to, inner)
      }
    }
  }
  return quantized
}

/** One scale for a run; four results go out in one store. */
function quantizeRun(
  data: Float32Array,
  quantized: Int8Array,
  words: Int32Array,
  start: number,
  end: number,
  factor: number,
): void {
  let index = start
  for (; index < end && (index & 3) !== 0; index++) {
    quantized[index] = (saturate((data[index] as number) * factor) + ROUND - ROUND) | 0
  }
  for (; index + 3 < end; index += 4) {
    rounded[0] = saturate((data[index] as number) * factor) + ROUND
    rounded[1] = saturate((data[index + 1] as number) * factor) + ROUND
    rounded[2] = saturate((data[index + 2] as number) * factor) + ROUND
    rounded[3] = saturate((data[index + 3] as number) * factor) + ROUND
    const a = roundedBits[0] as number
    const b = roundedBits[2] as number
    const c = roundedBits[4] as number
    const d = roundedBits[6] as number
    words[index >>> 2] = (a & 0xff) | ((b & 0xff) << 8) | ((c & 0xff) << 16) | (d << 24)
  }
  for (; index < end; index++) {
    quantized[index] = (saturate((data[index] as number) * factor) + ROUND - ROUND) | 0
  }
}

/** Channels `from` to `to` that lie one after the other, each with `inner` neighbours. */
function quantizeGroups(
  data: Float32Array,
  quantized: Int8Array,
  start: number,
  factors: Float64Array,
  from: number,
  to: number,
  inner: number,
): void {
  let index = start
  for (let channel = from; channel < to; channel++) {
    const factor = factors[channel] as number
    const end = index + inner
    while (index < end) {
      quantized[index] = (saturate((data[index] as number) * factor) + ROUND - ROUND) | 0
      index++
    }
  }
}

/** The same for one element each: the channel is the last axis. */
function quantizeSingles(
  data: Float32Array,
  quantized: Int8Array,
  start: number,
  factors: Float64Array,
  from: number,
  to: number,
): void {
  const shift = start - from
  for (let channel = from; channel < to; channel++) {
    const value = (data[shift + channel] as number) * (factors[channel] as number)
    quantized[shift + channel] = (saturate(value) + ROUND - ROUND) | 0
  }
}

/** NaN becomes 127. */
function saturate(value: number): number {
  return value < 127 ? Math.max(value, -127) : 127
}

/** The sum of the squares. */
export function powerReference(data: Float32Array): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let index = 0
  for (; index + 3 < data.length; index += 4) {
    a += (data[index] as number) ** 2
    b += (data[index + 1] as number) ** 2
    c += (data[index + 2] as number) ** 2
    d += (data[index + 3] as number) ** 2
  }
  for (; index < data.length; index++) a += (data[index] as number) ** 2
  return a + b + c + d
}
