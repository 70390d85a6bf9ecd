/** IEEE 754 binary32 <-> binary16, rounding to nearest and ties to even, as onnxruntime's Cast does. */
import { float16FitReference, fromFloat16Reference, toFloat16Reference } from './float16-reference'
import { CHUNK, PARAMETERS, type Simd, SOURCE, simd, sourceOf, TARGET } from './simd'

/** The smallest magnitude that rounds to infinity in float16: half a step above the largest number, 65504. */
export const FLOAT16_OVERFLOW = 65520

/**
 * float32 values to float16 bits. Magnitudes from 65520 on and infinities become infinity, NaN stays NaN (quiet,
 * with the upper bits of its payload).
 */
export function toFloat16(data: Float32Array): Uint16Array {
  const fast = simd()
  if (fast === undefined) return toFloat16Reference(data)
  const converted = new Uint16Array(data.length)
  const at = sourceOf(fast, data)
  const target = new Uint16Array(fast.memory, TARGET, CHUNK)
  for (let start = 0; start < data.length; start += CHUNK) {
    const count = Math.min(CHUNK, data.length - start)
    fast.toFloat16(at(start, count), TARGET, roundUp(count))
    converted.set(target.subarray(0, count), start)
  }
  return converted
}

/** float16 bits to float32 values, exactly. */
export function fromFloat16(data: Uint16Array): Float32Array {
  const fast = simd()
  if (fast === undefined) return fromFloat16Reference(data)
  const converted = new Int32Array(data.length)
  const source = new Uint16Array(fast.memory, SOURCE, CHUNK)
  const target = new Int32Array(fast.memory, TARGET, CHUNK)
  for (let start = 0; start < data.length; start += CHUNK) {
    const count = Math.min(CHUNK, data.length - start)
    source.set(data.subarray(start, start + count))
    fast.fromFloat16(SOURCE, TARGET, roundUp(count))
    converted.set(target.subarray(0, count), start)
  }
  return new Float32Array(converted.buffer)
}

/** The kernels take eight at a time. */
const roundUp = (count: number): number => (count + 7) & ~7

/** How values fare in float16; counted before anything is converted. */
export interface Float16Fit {
  /** Finite values that would become infinite. */
  readonly overflows: number
  /** Values other than zero that would become zero. */
  readonly underflows: number
  /** NaN and infinities that are there already. */
  readonly nonFinite: number
  /** The largest finite magnitude. */
  readonly largest: number
}

/** Counts what float16 can't hold. */
export function float16Fit(data: Float32Array): Float16Fit {
  const fast = simd()
  return fast ? fitSimd(fast, data) : float16FitReference(data)
}

function fitSimd(fast: Simd, data: Float32Array): Float16Fit {
  const at = sourceOf(fast, data)
  const counts = new Int32Array(fast.memory, PARAMETERS, 4).fill(0)
  const whole = data.length & ~7
  for (let start = 0; start < whole; start += CHUNK) {
    const count = Math.min(CHUNK, whole - start)
    fast.float16Fit(at(start, count), PARAMETERS, count)
  }
  if (whole < data.length) {
    // Zeros count for nothing.
    const rest = new Float32Array(fast.memory, SOURCE, 8).fill(0)
    rest.set(data.subarray(whole))
    fast.float16Fit(SOURCE, PARAMETERS, rest.length)
  }
  const [overflows = 0, underflows = 0, nonFinite = 0] = counts
  const largest = new Float32Array(fast.memory, PARAMETERS, 4)[3] ?? 0
  return { overflows, underflows, nonFinite, largest }
}
