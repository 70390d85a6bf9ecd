import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BlockLayout,
  blocksPerRow,
  quantizeBlocks,
  quantizeFiniteBlocks,
  zeroPointBytes,
} from '../src/kernels/blocks'
import { type BlockScales, quantizeBlocksReference } from '../src/kernels/blocks-reference'
import { quantizeBlocksSimd } from '../src/kernels/blocks-simd'
import { measureErrors } from '../src/kernels/error-measures'
import { errorSumsReference } from '../src/kernels/error-sums-reference'
import { errorSumsSimd } from '../src/kernels/error-sums-simd'
import { float16Fit, fromFloat16, toFloat16 } from '../src/kernels/float16'
import {
  float16FitReference,
  fromFloat16Reference,
  toFloat16Reference,
} from '../src/kernels/float16-reference'
import { type ChannelLayout, fitInt8, symmetricScales } from '../src/kernels/int8'
import { absMaxReference, powerReference, quantizeInt8Reference } from '../src/kernels/int8-reference'
import { absMaxSimd, powerSimd, quantizeInt8Simd } from '../src/kernels/int8-simd'
import { CHUNK, roomFor, type Simd, simd } from '../src/kernels/simd'
import { random } from './random'

function fast(): Simd {
  const instance = simd()
  if (instance === undefined) throw new Error('This Node has no WebAssembly SIMD')
  return instance
}

/** Each bit pattern as likely as weights are, so that subnormals, infinities and NaN of all kinds come up. */
const anyFloat = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, -0, 0.5, -0.5, 1.5, 2.5, 65504, 65519.99, 65520, 2 ** -14, 2 ** -25),
  },
)
const anyBits = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

/** Starts at an address that is 4 bytes beyond a multiple of 16, as views of models do. */
function unaligned(length: number): Float32Array {
  return new Float32Array(new ArrayBuffer(4 * (length + 1)), 4, length)
}

function floats(length: number, pattern: fc.Arbitrary<number>, ofBits = false): fc.Arbitrary<Float32Array> {
  return fc.array(pattern, { minLength: length, maxLength: length, size: 'max' }).map((values) => {
    const data = unaligned(length)
    if (ofBits) new Int32Array(data.buffer, 4, length).set(values)
    else data.set(values)
    return data
  })
}

const mixed = (length: number) => fc.oneof(floats(length, anyFloat), floats(length, anyBits, true))
const bytesOf = (array: ArrayBufferView) =>
  Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength).toString('hex')
const expectSameBits = (actual: ArrayBufferView, expected: ArrayBufferView) => {
  if (bytesOf(actual) !== bytesOf(expected)) expect(actual).toEqual(expected)
}

/** As weights are, with some of what is rare among them. */
function weights(length: number, seed: number): Float32Array {
  const next = random(seed)
  const data = unaligned(length)
  for (let index = 0; index < length; index++) data[index] = (next() + next() + next() - 1.5) * 0.1
  for (let index = 0; index < length; index += 97)
    data[index] = [0, -0, 1e-40, 1e-30, 70000, 2 ** -25][index % 6] ?? 0
  return data
}

/** The same numbers in the kernels' own memory. */
function inPlace(data: Float32Array): Float32Array {
  const room = roomFor(data.byteLength)
  if (room === undefined) throw new Error('There is no room')
  const copy = new Float32Array(room.buffer, room.byteOffset, data.length)
  copy.set(data)
  return copy
}

describe('the compiled kernels', () => {
  it('are what assembly/ compiles to', () => {
    const script = join(import.meta.dirname, '../assembly/compile.mjs')
    const { stdout, stderr } = spawnSync(process.execPath, [script, '--print'], { encoding: 'utf8' })
    const committed = readFileSync(join(import.meta.dirname, '../src/kernels/simd-module.ts'), 'utf8')
    expect(stdout, `${stderr}; node packages/core/assembly/compile.mjs writes it anew`).toBe(committed)
  })

  it('run in a memory that grows for no tensor but those that are read into it', () => {
    expect(fast().memory.byteLength).toBe(640 * 1024)
    toFloat16(weights(10 * CHUNK, 1))
    expect(fast().memory.byteLength).toBe(640 * 1024)
    expect(roomFor(4e6)?.length).toBe(4e6)
    expect(fast().memory.byteLength).toBeLessThan(7e6)
    roomFor(1e6)
    expect(fast().memory.byteLength).toBeLessThan(7e6)
    expect(roomFor(1e8)).toBeUndefined()
  })
})

describe('int8', () => {
  const layouts: fc.Arbitrary<ChannelLayout> = fc.record({
    outer: fc.integer({ min: 1, max: 5 }),
    channels: fc.integer({ min: 1, max: 40 }),
    inner: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100 })),
  })

  function expectSame(data: Float32Array, layout: ChannelLayout, factors: Float64Array) {
    const expected = new Int32Array(layout.channels)
    const actual = new Int32Array(layout.channels)
    absMaxReference(data, layout, expected)
    absMaxSimd(fast(), data, layout, actual)
    expectSameBits(actual, expected)
    const integers = quantizeInt8Reference(data, layout, factors)
    expectSameBits(quantizeInt8Simd(fast(), data, layout, factors, false), integers)
    const there = inPlace(data)
    const maxima = new Int32Array(layout.channels)
    absMaxSimd(fast(), there, layout, maxima)
    expectSameBits(maxima, expected)
    expectSameBits(quantizeInt8Simd(fast(), there, layout, factors, false), integers)
  }

  it('gives the same bits as its reference, whatever the numbers', () => {
    const cases = layouts.chain((layout) =>
      fc.tuple(
        fc.constant(layout),
        mixed(layout.outer * layout.channels * layout.inner),
        fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), {
          minLength: layout.channels,
          maxLength: layout.channels,
        }),
      ),
    )
    fc.assert(
      fc.property(cases, ([layout, data, factors]) => expectSame(data, layout, Float64Array.from(factors))),
      { numRuns: 300 },
    )
  })

  it.each([
    { outer: 3, channels: 2, inner: CHUNK + 5 },
    { outer: 1, channels: 3, inner: 2 * CHUNK },
    { outer: 300, channels: 129, inner: 1 },
    { outer: 2, channels: CHUNK + 7, inner: 1 },
    { outer: 2, channels: 9000, inner: 3 },
    { outer: 1, channels: 5000, inner: 9 },
  ])('gives the same bits for chunks of $outer x $channels x $inner', (layout) => {
    const data = weights(layout.outer * layout.channels * layout.inner, 7)
    expectSame(
      data,
      layout,
      Float64Array.from({ length: layout.channels }, (_, index) => 100 + index),
    )
  })

  /** Scales and integers as one step after the other gives them; undefined where a value isn't finite. */
  function fitReference(data: Float32Array, layout: ChannelLayout) {
    const bits = new Int32Array(layout.channels)
    absMaxReference(data, layout, bits)
    if (bits.some((each) => each >= 0x7f800000)) return undefined
    const scales = symmetricScales(new Float32Array(bits.buffer))
    const factors = Float64Array.from(scales, (scale) => 1 / scale)
    return { scales, quantized: quantizeInt8Reference(data, layout, factors) }
  }

  function expectFit(data: Float32Array, layout: ChannelLayout) {
    const expected = fitReference(data, layout)
    for (const there of [data, inPlace(data)]) {
      const fitted = fitInt8(there, layout)
      expect(fitted === undefined).toBe(expected === undefined)
      if (fitted === undefined || expected === undefined) continue
      expectSameBits(fitted.scales, expected.scales)
      expectSameBits(fitted.quantized, expected.quantized)
    }
  }

  it('chooses scales and quantizes at once as it does in two steps, whatever the numbers', () => {
    const channels = fc.record({
      outer: fc.constantFrom(1, 1, 1, 3),
      channels: fc.integer({ min: 1, max: 40 }),
      inner: fc.integer({ min: 1, max: 70 }),
    })
    const cases = channels.chain((layout) =>
      fc.tuple(fc.constant(layout), mixed(layout.outer * layout.channels * layout.inner)),
    )
    fc.assert(
      fc.property(cases, ([layout, data]) => expectFit(data, layout)),
      { numRuns: 500 },
    )
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 25, 27, 36, 49, 63, 64, 65, 121, CHUNK, CHUNK + 1])(
    'does so for channels of %i neighbours, in several chunks, and where values lie between two integers',
    (inner) => {
      const channels = Math.floor((2 * CHUNK) / inner) + 3
      const layout = { outer: 1, channels, inner }
      const data = weights(channels * inner, inner)
      expectFit(data, layout)
      // The first of each channel makes the scale; all others are multiples of half of it, and their neighbours.
      for (let index = 0; index < data.length; index++) {
        const half = ((Math.imul(index, 7919) % 254) / 254) * (1 + ((index % 3) - 1) * 2 ** -24)
        data[index] = (index % inner === 0 ? 1 : half) * (1 + (Math.floor(index / inner) % 5))
      }
      expectFit(data, layout)
      data[data.length - 1] = Number.NaN
      expectFit(data, layout)
    },
  )

  it.each([16, 23, 64, 1000])('does so for %i columns, where values lie between two integers', (channels) => {
    const layout = { outer: 300, channels, inner: 1 }
    const data = Float32Array.from({ length: 300 * channels }, (_, index) => {
      const step = Math.fround((1 + (index % channels) / 7) / 127)
      const half = (Math.imul(index, 7919) % 127) + 0.5
      return index < channels ? 127 * step : half * step * (1 + ((index % 5) - 2) * 2 ** -24)
    })
    expectFit(data, layout)
  })

  it.each([0, 1, 3, 4, CHUNK - 1, CHUNK + 2])('sums %i squares in the same order', (length) => {
    expect(powerSimd(fast(), weights(length, 3))).toBe(powerReference(weights(length, 3)))
  })
})

describe('float16', () => {
  it('gives the same bits as its reference, whatever the numbers', () => {
    const cases = fc.integer({ min: 0, max: 60 }).chain(mixed)
    fc.assert(
      fc.property(cases, (data) => {
        for (const there of [data, inPlace(data)]) {
          expectSameBits(toFloat16(there), toFloat16Reference(data))
          expect(float16Fit(there)).toEqual(float16FitReference(data))
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('gives the same bits for every exponent and many mantissas, over several chunks', () => {
    const data = unaligned(1 << 18)
    const bits = new Int32Array(data.buffer, 4, data.length)
    for (let index = 0; index < data.length; index++) bits[index] = Math.imul(index, 16411)
    for (const there of [data, inPlace(data), inPlace(data).subarray(0, -3)]) {
      const same = data.subarray(0, there.length)
      expectSameBits(toFloat16(there), toFloat16Reference(same))
      expect(float16Fit(there)).toEqual(float16FitReference(same))
    }
  })

  it('widens every one of the 65,536 patterns to the same bits', () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
    expectSameBits(fromFloat16(halves), fromFloat16Reference(halves))
    expectSameBits(fromFloat16(halves.subarray(1, 30)), fromFloat16Reference(halves.subarray(1, 30)))
  })
})

describe('error measures', () => {
  const expectSame = (reference: Float32Array, actual: Float32Array) => {
    const sums = errorSumsSimd(fast(), reference, actual)
    if (reference.every(Number.isFinite) && actual.every(Number.isFinite))
      expect(sums).toEqual(errorSumsReference(reference, actual, 1))
    else expect(sums).toBeUndefined()
  }

  it('give the same sums as their reference, whatever the numbers', () => {
    const cases = fc.integer({ min: 0, max: 60 }).chain((length) => fc.tuple(mixed(length), mixed(length)))
    fc.assert(
      fc.property(cases, ([reference, actual]) => expectSame(reference, actual)),
      { numRuns: 500 },
    )
  })

  it.each([1, CHUNK / 2 - 1, CHUNK / 2, 2 * CHUNK + 3])('give the same sums of %i numbers', (length) => {
    expectSame(weights(length, 4), weights(length, 5))
    const masked = weights(length, 4).fill(Number.NEGATIVE_INFINITY, 0, 1)
    expect(measureErrors(masked, masked.slice())).toEqual({ sqnr: 200, cosine: 1, maxError: 0 })
  })
})

describe('blocks', () => {
  const layouts: fc.Arbitrary<BlockLayout> = fc.record({
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 100 }),
    blockSize: fc.constantFrom(16, 32, 48, 64),
    bits: fc.constantFrom(8 as const, 4 as const, 2 as const),
    transposed: fc.boolean(),
  })

  function expectSame(data: Float32Array, layout: BlockLayout, given: BlockScales) {
    const actual = quantizeBlocksSimd(fast(), data, layout, given)
    const expected = quantizeBlocksReference(data, layout, given)
    expectSameBits(actual.scales, expected.scales)
    expectSameBits(actual.zeroPoints ?? new Uint8Array(), expected.zeroPoints ?? new Uint8Array())
    expectSameBits(actual.packed, expected.packed)
    const there = quantizeBlocksSimd(fast(), inPlace(data), layout, given)
    expectSameBits(there.scales, expected.scales)
    expectSameBits(there.zeroPoints ?? new Uint8Array(), expected.zeroPoints ?? new Uint8Array())
    expectSameBits(there.packed, expected.packed)
  }

  it('gives the same bits as its reference, whatever the numbers', () => {
    const cases = layouts.chain((layout) =>
      fc.tuple(fc.constant(layout), mixed(layout.rows * layout.columns), fc.boolean()),
    )
    fc.assert(
      fc.property(cases, ([layout, data, symmetric]) => expectSame(data, layout, { symmetric })),
      { numRuns: 500 },
    )
  })

  it('gives the same bits with scales and zero points from elsewhere', () => {
    const cases = layouts.chain((layout) => {
      const blocks = layout.rows * blocksPerRow(layout)
      const bytes = layout.rows * zeroPointBytes(layout)
      return fc.tuple(
        fc.constant(layout),
        mixed(layout.rows * layout.columns),
        floats(blocks, fc.oneof(anyFloat, fc.constantFrom(0, 0.01, -0.01))),
        fc.option(fc.uint8Array({ minLength: bytes, maxLength: bytes })),
      )
    })
    fc.assert(
      fc.property(cases, ([layout, data, scales, zeroPoints]) =>
        expectSame(data, layout, { scales, ...(zeroPoints && { zeroPoints }) }),
      ),
      { numRuns: 500 },
    )
  })

  it.each([
    { rows: 700, columns: 70, blockSize: 32, bits: 4, transposed: true },
    { rows: 3, columns: 40000, blockSize: 128, bits: 4, transposed: false },
    { rows: 300, columns: 256, blockSize: 32, bits: 8, transposed: false },
    { rows: 20, columns: 3000, blockSize: 1024, bits: 2, transposed: true },
  ] as const)(
    'gives the same bits over several chunks: $rows x $columns, transposed $transposed',
    (layout) => {
      const data = weights(layout.rows * layout.columns, 5)
      for (const symmetric of [true, false]) expectSame(data, layout, { symmetric })
    },
  )

  it('sees what is not finite on the way, and only that', () => {
    const cases = layouts.chain((layout) =>
      fc.tuple(fc.constant(layout), mixed(layout.rows * layout.columns), fc.boolean()),
    )
    const expectSeen = (data: Float32Array, layout: BlockLayout, symmetric: boolean) => {
      const expected = data.every(Number.isFinite)
        ? quantizeBlocks(data, { ...layout, symmetric })
        : undefined
      expect(quantizeFiniteBlocks(data, { ...layout, symmetric })).toEqual(expected)
      expect(quantizeFiniteBlocks(inPlace(data), { ...layout, symmetric })).toEqual(expected)
    }
    fc.assert(
      fc.property(cases, ([layout, data, symmetric]) => expectSeen(data, layout, symmetric)),
      { numRuns: 300 },
    )
    for (const transposed of [false, true]) {
      for (const value of [3e38, -3e38, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const layout = { rows: 40, columns: 70, blockSize: 32, bits: 4, transposed } as const
        const data = weights(2800, 3)
        data[2799] = value
        data[1] = value
        expectSeen(data, layout, true)
      }
    }
  })

  it.each([8, 4, 2] as const)(
    'gives the same bits as its reference at %i bits in columns that take several chunks, whatever their height',
    (bits) => {
      const data = weights(214 * 512, 7)
      for (const blockSize of [32, 128, 512]) {
        const layout = { rows: 214, columns: 512, blockSize, bits, transposed: true }
        expectSame(data, layout, { symmetric: false })
      }
    },
  )

  it('leaves block sizes that no vector fits to the reference', () => {
    const layout = { rows: 2, columns: 30, blockSize: 8, bits: 4, symmetric: true } as const
    const data = weights(60, 2)
    expect(quantizeBlocks(data, layout)).toEqual(quantizeBlocksReference(data, layout, { symmetric: true }))
  })
})
