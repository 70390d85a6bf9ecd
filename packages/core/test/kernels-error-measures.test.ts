import { describe, expect, it } from 'vitest'
import { cosineSimilarity, maxAbsError, measureErrors, sqnr, top1Agreement } from '../src/index'

describe('error measures', () => {
  it('measure 200 dB, 1 and 0 for identical data', () => {
    expect(measureErrors([1, -2, 3], Float32Array.of(1, -2, 3))).toEqual({
      sqnr: 200,
      cosine: 1,
      maxError: 0,
    })
    expect(measureErrors([0, 0], [0, -0])).toEqual({ sqnr: 200, cosine: 1, maxError: 0 })
  })

  it('measure signal against noise in dB', () => {
    expect(sqnr([10, 0], [9, 0])).toBeCloseTo(20, 10)
    expect(sqnr([1e200, 0], [0.9e200, 0])).toBeCloseTo(20, 10)
    expect(cosineSimilarity([1, 0], [0, 1])).toBe(0)
    expect(cosineSimilarity([1, 2], [-1, -2])).toBeCloseTo(-1, 12)
    expect(maxAbsError([1, 5], [2, 2])).toBe(3)
  })

  it('let the same NaN or infinity on both sides agree', () => {
    const masked = [1, Number.NEGATIVE_INFINITY, Number.NaN]
    expect(measureErrors(masked, [...masked])).toEqual({ sqnr: 200, cosine: 1, maxError: 0 })
  })

  it.each([
    ['a NaN where the reference has a number', [1, 2], [1, Number.NaN]],
    ['an infinity where the reference has a number', [1, 2], [1, Number.POSITIVE_INFINITY]],
    ['a number where the reference has an infinity', [1, Number.NEGATIVE_INFINITY], [1, 2]],
    ['the other infinity', [Number.NEGATIVE_INFINITY], [Number.POSITIVE_INFINITY]],
    ['another length', [1, 2], [1]],
  ])('fail on %s', (_, reference, actual) => {
    expect(measureErrors(reference, actual)).toEqual({
      sqnr: Number.NEGATIVE_INFINITY,
      cosine: -1,
      maxError: Number.POSITIVE_INFINITY,
    })
  })

  it('take any difference from zeros for noise alone', () => {
    expect(sqnr([0, 0], [0, 1e-9])).toBe(Number.NEGATIVE_INFINITY)
    expect(cosineSimilarity([0, 0], [0, 1])).toBe(0)
  })

  it('count rows whose best class stays the same', () => {
    expect(top1Agreement([1, 2, 3, 9, 1, 1], [0, 0, 1, 1, 5, 1], 3)).toBe(0.5)
    expect(top1Agreement([1, 2], [Number.NaN, 2], 2)).toBe(0)
    expect(top1Agreement([1, 2], [1, Number.NaN], 2)).toBe(0)
    expect(top1Agreement([], [], 4)).toBe(1)
    expect(top1Agreement([1, 2], [1], 2)).toBe(0)
  })
})
