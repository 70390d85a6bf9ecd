/**
 * Symmetric 8-bit quantization with one scale per channel: q = round(w / scale), scale = max|w| / 127.
 * Rounds half to even and saturates like ONNX QuantizeLinear. -128 is not used, so that q and -q both exist
 * (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 2.3).
 */

import { absMaxReference, INFINITY_BITS, powerReference, quantizeInt8Reference } from './int8-reference'
import { absMaxSimd, canFitInt8, fitInt8Simd, powerSimd, quantizeInt8Simd } from './int8-simd'
import { simd } from './simd'

/** An n-d tensor in row-major order seen from one axis: element (o, c, i) lies at (o * channels + c) * inner + i. */
export interface ChannelLayout {
  readonly outer: number
  readonly channels: number
  readonly inner: number
}

/** @param axis 0 to dims.length - 1; undefined for one channel that is the whole tensor */
export function channelLayout(dims: readonly number[], axis: number | undefined): ChannelLayout {
  const product = (from: number, to: number) => dims.slice(from, to).reduce((size, each) => size * each, 1)
  if (axis === undefined) return { outer: 1, channels: 1, inner: product(0, dims.length) }
  return { outer: product(0, axis), channels: dims[axis] ?? 1, inner: product(axis + 1, dims.length) }
}

/**
 * The largest magnitude in each channel; NaN for a channel that holds NaN or an infinity.
 *
 * Magnitudes of float32 compare like their bits as integers, and everything that isn't finite is at the top, so one
 * integer maximum finds both.
 */
export function absMaxPerChannel(data: Float32Array, layout: ChannelLayout): Float32Array {
  const maxima = new Int32Array(layout.channels)
  const fast = simd()
  if (fast) absMaxSimd(fast, data, layout, maxima)
  else absMaxReference(data, layout, maxima)
  for (let channel = 0; channel < maxima.length; channel++) {
    if ((maxima[channel] as number) >= INFINITY_BITS) maxima[channel] = 0x7fc00000
  }
  return new Float32Array(maxima.buffer)
}

/** Below this, engines may flush a scale to zero. */
const SMALLEST_NORMAL = 2 ** -126

/**
 * scale = max / 127 in float32. A channel of zeros, or of numbers so small that their scale would be subnormal, gets
 * the scale 1 and becomes zeros.
 *
 * @param maxima largest magnitude per channel, finite
 */
export function symmetricScales(maxima: Float32Array): Float32Array {
  const scales = new Float32Array(maxima.length)
  for (let channel = 0; channel < scales.length; channel++) {
    const scale = (maxima[channel] as number) / 127
    scales[channel] = scale < SMALLEST_NORMAL ? 1 : scale
  }
  return scales
}

/**
 * @param data finite values; NaN becomes 127, what is larger than 127 scales saturates
 * @param scales one per channel, greater than 0
 */
export const quantizeInt8 = (data: Float32Array, layout: ChannelLayout, scales: Float32Array): Int8Array =>
  quantized(data, layout, scales, false)

/** @param within the scales are the data's own */
function quantized(
  data: Float32Array,
  layout: ChannelLayout,
  scales: Float32Array,
  within: boolean,
): Int8Array {
  const factors = new Float64Array(scales.length)
  for (let channel = 0; channel < factors.length; channel++)
    factors[channel] = 1 / (scales[channel] as number)
  const fast = simd()
  return fast
    ? quantizeInt8Simd(fast, data, layout, factors, within)
    : quantizeInt8Reference(data, layout, factors)
}

/**
 * The same with symmetricScales of the data itself. Where channels lie one after the other the data is read once.
 * @returns undefined where a value isn't finite
 */
export function fitInt8(
  data: Float32Array,
  layout: ChannelLayout,
): { readonly quantized: Int8Array; readonly scales: Float32Array } | undefined {
  const fast = simd()
  if (fast && canFitInt8(layout)) {
    const scales = new Float32Array(layout.channels)
    const quantized = fitInt8Simd(fast, data, layout, scales)
    return quantized && { quantized, scales }
  }
  const maxima = absMaxPerChannel(data, layout)
  if (maxima.includes(Number.NaN)) return undefined
  const scales = symmetricScales(maxima)
  return { quantized: quantized(data, layout, scales, true), scales }
}

/** w' = q * scale, in float32, as DequantizeLinear computes it. */
export function dequantizeInt8(data: Int8Array, layout: ChannelLayout, scales: Float32Array): Float32Array {
  const { outer, channels, inner } = layout
  const values = new Float32Array(data.length)
  for (let row = 0, index = 0; row < outer; row++) {
    for (let channel = 0; channel < channels; channel++) {
      const scale = scales[channel] as number
      for (const end = index + inner; index < end; index++) values[index] = (data[index] as number) * scale
    }
  }
  return values
}

/**
 * Expected power of the rounding noise, as a share of the power of the data: an error spread evenly over a step has the
 * power step^2 / 12.
 *
 * @param maxima largest magnitude per channel, finite
 */
export function int8Noise(data: Float32Array, layout: ChannelLayout, maxima: Float32Array): number {
  let noise = 0
  for (const max of maxima) noise += (max / 127) ** 2
  const signal = power(data)
  return signal === 0 ? 0 : (noise * layout.outer * layout.inner) / 12 / signal
}

/** The sum of the squares. */
export function power(data: Float32Array): number {
  const fast = simd()
  return fast ? powerSimd(fast, data) : powerReference(data)
}
