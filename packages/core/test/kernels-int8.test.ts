import { describe, expect, it } from 'vitest'
import { absMaxPerChannel, channelLayout, dequantizeInt8, quantizeInt8, symmetricScales } from '../src/index'
import { random } from './random'

/** ONNX QuantizeLinear, word for word: saturate(round half to even(x / scale)). */
function reference(value: number, scale: number): number {
  const exact = value / scale
  const floor = Math.floor(exact)
  const tie = exact - floor === 0.5
  const rounded = tie ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(exact)
  return Math.max(-127, Math.min(127, rounded)) + 0
}

function channelOf(index: number, dims: readonly number[], axis: number): number {
  const inner = dims.slice(axis + 1).reduce((size, dim) => size * dim, 1)
  return Math.floor(index / inner) % (dims[axis] ?? 1)
}

const shapes: [readonly number[], number][] = [
  [[7, 300], 0],
  [[300, 7], 1],
  [[5, 3, 3, 3], 0],
  [[2, 9, 70], 1],
  [[2, 9, 5], 1],
  [[4, 8, 3], 2],
  [[1, 5000], 0],
]

describe('int8 per channel', () => {
  it.each(shapes)('quantizes %j along axis %i as QuantizeLinear does', (dims, axis) => {
    const size = dims.reduce((product, dim) => product * dim, 1)
    const next = random(size)
    const data = Float32Array.from({ length: size }, () => next() * 4 - 2)
    const layout = channelLayout(dims, axis)
    const maxima = absMaxPerChannel(data, layout)
    const channels = [...data].map((_, index) => channelOf(index, dims, axis))
    for (const [channel, max] of maxima.entries()) {
      expect(max).toBe(Math.max(...[...data].filter((_, index) => channels[index] === channel).map(Math.abs)))
    }
    const scales = symmetricScales(maxima)
    const quantized = quantizeInt8(data, layout, scales)
    const expected = [...data].map((value, index) => reference(value, scales[channels[index] ?? 0] ?? 0))
    expect([...quantized]).toEqual(expected)
    const back = dequantizeInt8(quantized, layout, scales)
    for (const [index, value] of back.entries()) {
      const step = scales[channels[index] ?? 0] ?? 0
      expect(Math.abs(value - (data[index] ?? 0))).toBeLessThanOrEqual(step / 2 + 1e-6)
    }
  })

  it('rounds ties to even and saturates at 127 on both sides', () => {
    for (const length of [9, 90]) {
      const data = new Float32Array(length)
      data.set([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 500, -500, 126.5])
      const layout = channelLayout([1, length], 0)
      expect([...quantizeInt8(data, layout, Float32Array.of(1))].slice(0, 9)).toEqual([
        0, 2, 2, 0, -2, -2, 127, -127, 126,
      ])
    }
  })

  it('gives a channel of zeros, and one of the smallest numbers, the scale 1', () => {
    const scales = symmetricScales(Float32Array.of(0, 1e-44, 127))
    expect([...scales]).toEqual([1, 1, 1])
    expect([...symmetricScales(Float32Array.of(2.54))]).toEqual([Math.fround(Math.fround(2.54) / 127)])
  })

  it.each([1, 100])('marks channels that are not finite, %i neighbours each', (inner) => {
    const data = new Float32Array(4 * inner).fill(1)
    data[inner] = Number.NaN
    data[3 * inner - 1] = Number.NEGATIVE_INFINITY
    expect([...absMaxPerChannel(data, channelLayout([4, inner], 0))]).toEqual([1, Number.NaN, Number.NaN, 1])
  })
})
