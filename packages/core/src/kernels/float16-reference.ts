/**
 * What the fast kernels of assembly/float16.ts must be equal to, bit by bit, and what computes where there is no SIMD.
 *
 * Integer arithmetic on the bits: adding `0xfff + (bit 13)` to the bits of a float32 carries exactly when the 13
 * bits that are dropped round up, also across the exponent and from 65519.996 to infinity (Fabian Giesen, "Half to
 * float done quick", gist.github.com/rygorous/2156668). There is no Float16Array before Node 24 and Safari 18.2.
 */

import type { Float16Fit } from './float16'

/** Exponent and rounding bias between the two formats, in float32 bits: (127 - 15) << 23. */
const REBIAS = 0x38000000
/** Bits of 2^-14, the smallest normal float16. */
const SMALLEST_NORMAL = 0x38800000
/** Distance from there, in float32 bits, of 65520, where infinity begins. */
const NORMAL_RANGE = 0x477ff000 - SMALLEST_NORMAL
/** The exponent of the smallest normal float16, and half a step less one for the rounding, both 13 bits up. */
const ROUNDED_NORMAL = (0x400 << 13) + 0xfff
const INFINITY_32 = 0x7f800000
/** A subnormal float16 is a multiple of 2^-24; added to 2^-1 its units land on the last bits of a float32. */
const HALF = 0.5
const HALF_BITS = 0x3f000000

const scratch = new Float32Array(1)
const scratchBits = new Int32Array(scratch.buffer)

/**
 * Loops are cut into calls of this many elements: a function that is called often is compiled once, while one call
 * with a long loop starts in the interpreter for every tensor.
 */
const RUN = 4096

export function toFloat16Reference(source: Float32Array): Uint16Array {
  const bits = new Int32Array(source.buffer, source.byteOffset, source.length)
  const target = new Uint16Array(source.length)
  const pairs = new Uint32Array(target.buffer, 0, source.length >>> 1)
  for (let start = 0; start < pairs.length; start += RUN) {
    convertPairs(bits, pairs, start, Math.min(pairs.length, start + RUN))
  }
  if ((source.length & 1) === 1) target[source.length - 1] = convert(bits[source.length - 1] as number)
  return target
}

/** Two results go out in one store; both are nearly always normal numbers, which one comparison each tells. */
function convertPairs(bits: Int32Array, pairs: Uint32Array, start: number, end: number): void {
  for (let index = start; index < end; index++) {
    const a = bits[2 * index] as number
    const b = bits[2 * index + 1] as number
    const x = ((a & 0x7fffffff) - SMALLEST_NORMAL) | 0
    const y = ((b & 0x7fffffff) - SMALLEST_NORMAL) | 0
    if (x >>> 0 < NORMAL_RANGE && y >>> 0 < NORMAL_RANGE) {
      const low = ((a >>> 16) & 0x8000) | ((x + ROUNDED_NORMAL + ((a >>> 13) & 1)) >>> 13)
      const high = ((b >>> 16) & 0x8000) | ((y + ROUNDED_NORMAL + ((b >>> 13) & 1)) >>> 13)
      pairs[index] = low | (high << 16)
    } else {
      pairs[index] = convert(a) | (convert(b) << 16)
    }
  }
}

function convert(value: number): number {
  const magnitude = value & 0x7fffffff
  const sign = (value >>> 16) & 0x8000
  const x = (magnitude - SMALLEST_NORMAL) | 0
  if (x >>> 0 < NORMAL_RANGE) return sign | ((x + ROUNDED_NORMAL + ((magnitude >>> 13) & 1)) >>> 13)
  return sign | uncommon(magnitude)
}

/** Subnormal, infinite or NaN float16, without sign. */
function uncommon(magnitude: number): number {
  if (magnitude < SMALLEST_NORMAL) {
    scratchBits[0] = magnitude
    // The addition rounds to nearest even, in the processor, at just the bit that counts.
    scratch[0] = (scratch[0] as number) + HALF
    return (scratchBits[0] as number) - HALF_BITS
  }
  if (magnitude > INFINITY_32) return 0x7e00 | ((magnitude >>> 13) & 0x3ff)
  return 0x7c00
}

export function fromFloat16Reference(source: Uint16Array): Float32Array {
  const target = new Float32Array(source.length)
  const bits = new Int32Array(target.buffer)
  for (let start = 0; start < source.length; start += RUN) {
    widen(source, target, bits, start, Math.min(source.length, start + RUN))
  }
  return target
}

function widen(
  source: Uint16Array,
  target: Float32Array,
  bits: Int32Array,
  start: number,
  end: number,
): void {
  for (let index = start; index < end; index++) {
    const half = source[index] as number
    const sign = (half & 0x8000) << 16
    const magnitude = half & 0x7fff
    if (((magnitude - 0x400) | 0) >>> 0 < 0x7800) bits[index] = sign | ((magnitude << 13) + REBIAS)
    else if (magnitude >= 0x7c00) bits[index] = sign | INFINITY_32 | ((magnitude & 0x3ff) << 13)
    else target[index] = (sign === 0 ? magnitude : -magnitude) * 2 ** -24
  }
}

/** Bits of the float32 just above 2^-25; up to there magnitudes round to zero (the tie goes to even). */
const SMALLEST_KEPT = 0x33000001
const KEPT_RANGE = 0x477ff000 - SMALLEST_KEPT

export function float16FitReference(source: Float32Array): Float16Fit {
  const bits = new Int32Array(source.buffer, source.byteOffset, source.length)
  const fit = { overflows: 0, underflows: 0, nonFinite: 0, largest: 0 }
  for (let start = 0; start < bits.length; start += RUN)
    countMisfits(bits, start, Math.min(bits.length, start + RUN), fit)
  return fit
}

function countMisfits(
  bits: Int32Array,
  start: number,
  end: number,
  fit: { overflows: number; underflows: number; nonFinite: number; largest: number },
): void {
  let largest = 0
  for (let index = start; index < end; index++) {
    const magnitude = (bits[index] as number) & 0x7fffffff
    if (((magnitude - SMALLEST_KEPT) | 0) >>> 0 < KEPT_RANGE) {
      if (magnitude > largest) largest = magnitude
    } else if (magnitude >= INFINITY_32) fit.nonFinite++
    else {
      if (magnitude >= SMALLEST_KEPT) fit.overflows++
      else if (magnitude !== 0) fit.underflows++
      if (magnitude > largest) largest = magnitude
    }
  }
  // Magnitudes compare like their bits.
  scratchBits[0] = largest
  fit.largest = Math.max(fit.largest, scratch[0] as number)
}
