import { describe, expect, it } from 'vitest'
import { findSegments } from '../src/vad/segments'

const frame = 512 / 16_000

/** Frames with a probability each: [count, probability]. */
const frames = (...runs: readonly (readonly [number, number])[]) =>
  runs.flatMap(([count, probability]) => new Array<number>(count).fill(probability))

describe('speech in frame probabilities', () => {
  it('begins and ends where the probability crosses its thresholds, with a little air', () => {
    expect(findSegments(frames([20, 0], [30, 0.9], [20, 0]))).toEqual([
      { start: expect.closeTo(20 * frame - 0.03), end: expect.closeTo(50 * frame + 0.03) },
    ])
  })

  it('bridges a gap shorter than a tenth of a second', () => {
    expect(findSegments(frames([10, 0], [15, 0.9], [3, 0.1], [15, 0.9], [10, 0]))).toHaveLength(1)
    expect(findSegments(frames([10, 0], [15, 0.9], [6, 0.1], [15, 0.9], [10, 0]))).toHaveLength(2)
  })

  it('goes on while the speaker hesitates between the thresholds', () => {
    expect(findSegments(frames([10, 0], [15, 0.9], [12, 0.4], [15, 0.9], [10, 0]))).toHaveLength(1)
  })

  it('does not begin between the thresholds', () => {
    expect(findSegments(frames([10, 0], [30, 0.4], [10, 0]))).toEqual([])
  })

  it('drops noises shorter than a quarter of a second', () => {
    expect(findSegments(frames([10, 0], [7, 0.9], [10, 0]))).toEqual([])
    expect(findSegments(frames([10, 0], [8, 0.9], [10, 0]))).toHaveLength(1)
  })

  it('ends speech with the recording, and stays inside of it', () => {
    expect(findSegments(frames([20, 0.9]))).toEqual([{ start: 0, end: expect.closeTo(20 * frame) }])
  })

  it('finds nothing in nothing', () => {
    expect(findSegments([])).toEqual([])
  })
})
