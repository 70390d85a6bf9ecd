/**
 * Symmetric 8-bit quantization with one scale per channel: q = round(w / scale), scale = max|w| / 127.
 * Rounds half to even and saturates like ONNX QuantizeLinear. -128 is not used, so that q and -q both exist
 * (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 2.3).
 */

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

const INFINITY_BITS = 0x7f800000

/**
 * Loops are cut into calls of about this many elements: a function that is called often is compiled once, while one
 * call with a long loop starts in the interpreter for every tensor.
 */
const RUN = 4096

/** From this many neighbours with one scale on, a call of its own for each channel pays. */
const LONG = 64

/**
 * The largest magnitude in each channel; NaN for a channel that holds NaN or an infinity.
 *
 * Magnitudes of float32 compare like their bits as integers, and everything that isn't finite is at the top, so one
 * integer maximum finds both.
 */
export function absMaxPerChannel(data: Float32Array, layout: ChannelLayout): Float32Array {
  const { outer, channels, inner } = layout
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length)
  const maxima = new Int32Array(channels)
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
  for (let channel = 0; channel < channels; channel++) {
    if ((maxima[channel] as number) >= INFINITY_BITS) maxima[channel] = 0x7fc00000
  }
  return new Float32Array(maxima.buffer)
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
 * Adding 1.5 * 2^52 to a double leaves it rounded half to even, by the processor, with the integer in the low 32 bits.
 * Good for magnitudes below 2^31; larger ones only come from scales that don't fit the data.
 */
const ROUND = 6755399441055744
const rounded = new Float64Array(4)
const roundedBits = new Int32Array(rounded.buffer)

/**
 * @param data finite values
 * @param scales one per channel, greater than 0 and not below 2^-24 of the channel's largest magnitude
 */
export function quantizeInt8(data: Float32Array, layout: ChannelLayout, scales: Float32Array): Int8Array {
  const { outer, channels, inner } = layout
  const quantized = new Int8Array(data.length)
  const factors = new Float64Array(scales.length)
  for (let channel = 0; channel < factors.length; channel++)
    factors[channel] = 1 / (scales[channel] as number)
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
    quantized[index] = saturate(((data[index] as number) * factor + ROUND - ROUND) | 0)
  }
  for (; index + 3 < end; index += 4) {
    rounded[0] = (data[index] as number) * factor + ROUND
    rounded[1] = (data[index + 1] as number) * factor + ROUND
    rounded[2] = (data[index + 2] as number) * factor + ROUND
    rounded[3] = (data[index + 3] as number) * factor + ROUND
    const a = saturate(roundedBits[0] as number)
    const b = saturate(roundedBits[2] as number)
    const c = saturate(roundedBits[4] as number)
    const d = saturate(roundedBits[6] as number)
    words[index >>> 2] = (a & 0xff) | ((b & 0xff) << 8) | ((c & 0xff) << 16) | (d << 24)
  }
  for (; index < end; index++) {
    quantized[index] = saturate(((data[index] as number) * factor + ROUND - ROUND) | 0)
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
      quantized[index] = saturate(((data[index] as number) * factor + ROUND - ROUND) | 0)
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
    quantized[shift + channel] = saturate((value + ROUND - ROUND) | 0)
  }
}

const saturate = (value: number): number => Math.max(-127, Math.min(127, value))

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

function power(data: Float32Array): number {
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
