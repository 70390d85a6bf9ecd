import type { ChannelLayout } from './int8'
import { INFINITY_BITS } from './int8-reference'
import { CHUNK, PARAMETERS, type Simd, SOURCE, sourceOf, TARGET } from './simd'

/** Where factors lie in float32, behind those in float64. */
const SINGLES = PARAMETERS + 8 * CHUNK
/** Where they lie once for each value, behind the integers. */
const EXPANDED = TARGET + 2 * CHUNK
/** Neighbours with one factor from which on it isn't worth while to take them together with others. */
const LONG = 64

/** Raises `maxima` to the bits of each channel's largest magnitude. */
export function absMaxSimd(simd: Simd, data: Float32Array, layout: ChannelLayout, maxima: Int32Array): void {
  const at = sourceOf(simd, data)
  const raised = new Int32Array(simd.memory, PARAMETERS, CHUNK)
  eachChunk(layout, {
    channels(from, to) {
      raised.set(maxima.subarray(from, to))
    },
    done(from, to) {
      maxima.set(raised.subarray(0, to - from), from)
    },
    columns(start, rows, columns) {
      simd.absMaxColumns(at(start, rows * columns), PARAMETERS, rows, columns)
    },
    groups(start, groups, inner) {
      simd.absMaxGroups(at(start, groups * inner), PARAMETERS, groups, inner)
    },
  })
}

/**
 * @param factors 1 / scale per channel
 * @param within the scales are the data's own: all values are finite, and none saturates
 */
export function quantizeInt8Simd(
  simd: Simd,
  data: Float32Array,
  layout: ChannelLayout,
  factors: Float64Array,
  within: boolean,
): Int8Array {
  const quantized = new Int8Array(data.length)
  const at = sourceOf(simd, data)
  const target = new Int8Array(simd.memory, TARGET, CHUNK)
  const current = new Float64Array(simd.memory, PARAMETERS, CHUNK)
  const singles = new Float32Array(simd.memory, SINGLES, CHUNK)
  const fit = canBeSingles(factors)
  eachChunk(layout, {
    channels(from, to) {
      current.set(factors.subarray(from, to))
      if (layout.inner === 1) singles.set(factors.subarray(from, to))
    },
    columns(start, rows, columns) {
      simd.int8Columns(
        at(start, rows * columns),
        TARGET,
        PARAMETERS,
        fit ? SINGLES : 0,
        rows,
        columns,
        Number(within),
      )
      quantized.set(target.subarray(0, rows * columns), start)
    },
    groups(start, groups, inner) {
      const source = at(start, groups * inner)
      if (fit && inner < LONG) simd.int8ShortGroups(source, TARGET, PARAMETERS, EXPANDED, groups, inner)
      else simd.int8Groups(source, TARGET, PARAMETERS, groups, inner, Number(within))
      quantized.set(target.subarray(0, groups * inner), start)
    },
  })
  return quantized
}

/** Whether each chunk holds whole channels, of which each comes once. */
export const canFitInt8 = ({ outer, inner }: ChannelLayout): boolean => outer === 1 && inner <= CHUNK

/**
 * Chooses scales and quantizes, chunk by chunk.
 * @param scales one per channel, written
 * @returns undefined where a value isn't finite
 */
export function fitInt8Simd(
  simd: Simd,
  data: Float32Array,
  layout: ChannelLayout,
  scales: Float32Array,
): Int8Array | undefined {
  const quantized = new Int8Array(data.length)
  const at = sourceOf(simd, data)
  const target = new Int8Array(simd.memory, TARGET, CHUNK)
  const current = new Float32Array(simd.memory, PARAMETERS, CHUNK)
  let largest = 0
  const fit = (start: number, groups: number, inner: number) => {
    const source = at(start, groups * inner)
    largest = Math.max(largest, simd.int8Fitted(source, TARGET, PARAMETERS, SINGLES, groups, inner))
    quantized.set(target.subarray(0, groups * inner), start)
  }
  eachChunk(layout, {
    channels() {},
    done(from, to) {
      scales.set(current.subarray(0, to - from), from)
    },
    columns: (start, _, columns) => fit(start, columns, 1),
    groups: fit,
  })
  return largest < INFINITY_BITS ? quantized : undefined
}

/** Float32 holds them with all its bits. */
function canBeSingles(factors: Float64Array): boolean {
  for (const factor of factors) if (!(factor >= 2 ** -120 && factor <= 2 ** 126)) return false
  return true
}

/** What the parameters of a range of channels are, and the chunks that they are for. */
interface Visitor {
  /** Brings parameters of the channels from `from` to before `to` into place. */
  channels(from: number, to: number): void
  /** After the last chunk of these. */
  done?(from: number, to: number): void
  /** Rows of these channels, one element each. */
  columns(start: number, rows: number, columns: number): void
  /** These channels, or a part of a single one, `inner` neighbours each. */
  groups(start: number, groups: number, inner: number): void
}

function eachChunk({ outer, channels, inner }: ChannelLayout, visitor: Visitor): void {
  if (inner === 1) {
    const width = Math.min(channels, CHUNK)
    for (let from = 0; from < channels; from += width) {
      const to = Math.min(channels, from + width)
      // Rows follow each other only where all their columns are there.
      const step = width === channels ? Math.max(1, Math.floor(CHUNK / width)) : 1
      visitor.channels(from, to)
      for (let row = 0; row < outer; row += step) {
        visitor.columns(row * channels + from, Math.min(step, outer - row), to - from)
      }
      visitor.done?.(from, to)
    }
    return
  }
  const step = Math.max(1, Math.floor(CHUNK / inner))
  for (let row = 0; row < outer; row++) {
    for (let from = 0; from < channels; from += step) {
      const to = Math.min(channels, from + step)
      const start = (row * channels + from) * inner
      visitor.channels(from, to)
      if (inner <= CHUNK) visitor.groups(start, to - from, inner)
      else {
        for (let at = 0; at < inner; at += CHUNK) visitor.groups(start + at, 1, Math.min(CHUNK, inner - at))
      }
      visitor.done?.(from, to)
    }
  }
}

/** The sum of the squares. */
export function powerSimd(simd: Simd, data: Float32Array): number {
  const source = new Float32Array(simd.memory, SOURCE, CHUNK)
  const sums = new Float64Array(simd.memory, PARAMETERS, 4).fill(0)
  for (let start = 0; start < data.length; start += CHUNK) {
    const count = Math.min(CHUNK, data.length - start)
    source.set(data.subarray(start, start + count))
    simd.squares(SOURCE, PARAMETERS, count & ~3)
  }
  const [a = 0, b = 0, c = 0, d = 0] = sums
  let rest = a
  for (let index = data.length & ~3; index < data.length; index++) rest += (data[index] as number) ** 2
  return rest + b + c + d
}
