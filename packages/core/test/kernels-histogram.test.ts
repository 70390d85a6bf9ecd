import { describe, expect, it } from 'vitest'
import { calibrated, percentileRange } from '../src/kernels/calibrators'
import { entropyRange } from '../src/kernels/entropy-range'
import { BINS, Histogram } from '../src/kernels/histogram'
import { leastErrorRange, quantizationError, totalPower } from '../src/kernels/least-error-range'
import { random } from './random'

const normal = (size: number, seed: number): Float32Array => {
  const next = random(seed)
  return Float32Array.from(
    { length: size },
    () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next()),
  )
}

const counted = (...parts: (Float32Array | readonly number[])[]): Histogram => {
  const histogram = new Histogram()
  for (const part of parts) histogram.add(Float32Array.from(part))
  return histogram
}

/** Mean squared error of quantizing the numbers themselves. */
function trueError(data: Float32Array, low: number, high: number, steps: number): number {
  const scale = (high - low) / (steps - 1)
  let sum = 0
  for (const value of data) {
    const clipped = Math.min(high, Math.max(low, value))
    sum += (value - Math.round(clipped / scale) * scale) ** 2
  }
  return sum
}

describe('Histogram', () => {
  it('counts every finite number once, and zeros and what is not finite apart', () => {
    const histogram = counted([0, -0, 1, -2, 2.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(histogram).toMatchObject({ min: -2, max: 2.5, zeros: 2, notFinite: 2, count: 5, range: 4 })
    expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(3)
  })

  it('counts many numbers as it counts few', () => {
    const data = Float32Array.from([
      ...normal(40000, 4).map((value) => Math.max(-0.5, value)),
      -0,
      0,
      2 ** -140,
    ])
    for (let index = 0; index < 9000; index += 3) data[index] = index % 2 === 0 ? 0 : -0
    data.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -(2 ** -149)], 20001)
    const many = counted(data)
    const few = new Histogram()
    for (let start = 0; start < data.length; start += 1001) few.add(data.subarray(start, start + 1001))
    expect(many).toMatchObject({
      zeros: 3002,
      notFinite: 3,
      count: data.length - 3,
      min: few.min,
      max: few.max,
    })
    expect(many).toEqual(few)
    expect(many.counts.reduce((sum, count) => sum + count, 0)).toBe(data.length - 3 - 3002)
  })

  it('has each number in the bin around it, the ends included', () => {
    for (const value of [1, -1, 0.999, 3.999, -4, 2 ** -140]) {
      const histogram = counted([value, 4])
      const bin = histogram.counts.findIndex(
        (count, index) => count > 0 && Math.abs(histogram.center(index) - value) <= histogram.width / 2,
      )
      expect(bin, String(value)).toBeGreaterThanOrEqual(0)
    }
  })

  it('keeps counts in place when the range doubles, and its memory', () => {
    const small = normal(1000, 1)
    const grown = counted(small, [100, -70])
    const direct = counted([100, -70], small)
    expect(grown.range).toBe(128)
    expect(grown.counts).toHaveLength(BINS)
    expect([...grown.counts]).toEqual([...direct.counts])
  })

  it('gives the same for parts merged as for all at once', () => {
    const [a, b, c] = [normal(500, 1), normal(300, 2).map((value) => value * 9), Float32Array.of(0, 0)]
    for (const order of [
      [a, b, c],
      [c, a, b],
      [b, c, a],
    ]) {
      const merged = new Histogram()
      for (const part of order) merged.merge(counted(part))
      const whole = counted(a, b, c)
      expect(merged).toMatchObject({
        min: whole.min,
        max: whole.max,
        range: whole.range,
        count: 802,
        zeros: 2,
      })
      expect([...merged.counts]).toEqual([...whole.counts])
    }
  })

  it('takes nothing and only zeros for an empty range', () => {
    const options = { calibrator: 'mse', percentile: 99, steps: 256 } as const
    expect(calibrated(new Histogram(), options)).toEqual({ low: 0, high: 0 })
    for (const calibrator of ['min-max', 'percentile', 'entropy', 'mse'] as const)
      expect(calibrated(counted([0, 0]), { ...options, calibrator })).toEqual({ low: 0, high: 0 })
  })
})

describe('calibrators', () => {
  it('min-max gives the outermost numbers, and 0 where all lie on one side', () => {
    const options = { calibrator: 'min-max', percentile: 99, steps: 256 } as const
    expect(calibrated(counted([-3, 5]), options)).toEqual({ low: -3, high: 5 })
    expect(calibrated(counted([2, 5]), options)).toEqual({ low: 0, high: 5 })
    expect(calibrated(counted([-5, -2]), options)).toEqual({ low: -5, high: 0 })
  })

  it('percentile leaves so many out at each end, to within a bin', () => {
    const data = Float32Array.from({ length: 10001 }, (_, index) => index / 1000 - 4)
    const histogram = counted(data)
    const { low, high } = percentileRange(histogram, 90)
    expect(Math.abs(low - -3.5)).toBeLessThanOrEqual(histogram.width)
    expect(Math.abs(high - 5.5)).toBeLessThanOrEqual(histogram.width)
    expect(percentileRange(histogram, 100)).toEqual({ low: -4, high: 6 })
  })

  it('percentile counts zeros', () => {
    const histogram = counted(
      new Float32Array(990),
      Float32Array.from({ length: 10 }, (_, index) => index + 1),
    )
    expect(percentileRange(histogram, 97).high).toBeLessThanOrEqual(histogram.width)
    expect(percentileRange(histogram, 99).high).toBeGreaterThan(5)
  })

  it('mse finds a range with less error than min-max and percentile, near the least of all', () => {
    const data = Float32Array.from([...normal(200000, 1), 12, -9])
    const histogram = counted(data)
    const { low, high } = leastErrorRange(histogram, 256)
    const error = trueError(data, low, high, 256)
    expect(error).toBeLessThan(trueError(data, -9, 12, 256) / 1.2)
    const cut = percentileRange(histogram, 99.9)
    expect(error).toBeLessThan(trueError(data, cut.low, cut.high, 256))
    let least = Number.POSITIVE_INFINITY
    for (let a = 2; a <= 9; a += 0.25)
      for (let b = 2; b <= 12; b += 0.25)
        least = Math.min(least, quantizationError(histogram, { low: -a, high: b }, 256))
    expect(error).toBeLessThan(least * 1.1)
  })

  it('mse spends no steps on what the function behind makes no difference of', () => {
    const data = normal(20000, 4).map((value) => value * 8)
    const histogram = counted(data)
    const hardSwish = (x: number) => x * Math.min(1, Math.max(0, x / 6 + 0.5))
    const plain = leastErrorRange(histogram, 256)
    const seen = leastErrorRange(histogram, 256, hardSwish)
    expect(plain.low).toBeLessThan(-15)
    expect(seen.low).toBeGreaterThan(-4)
    expect(seen.low).toBeLessThan(-2)
    const errorOf = ({ low, high }: { low: number; high: number }) => {
      const scale = (high - low) / 255
      const rounded = (x: number) => Math.round(Math.min(high, Math.max(low, x)) / scale) * scale
      return data.reduce((sum, x) => sum + (hardSwish(x) - hardSwish(rounded(x))) ** 2, 0)
    }
    expect(errorOf(seen)).toBeLessThan(errorOf(plain) / 2)
    expect(quantizationError(histogram, seen, 256, hardSwish)).toBeLessThan(
      quantizationError(histogram, plain, 256, hardSwish) / 2,
    )
  })

  it('mse finds level by level what it finds bin by bin', () => {
    const shapes = [
      normal(20000, 5),
      normal(20000, 6).map(Math.abs),
      normal(20000, 7).map((value) => Math.max(0, value)),
      normal(20000, 8).map((value) => -(value ** 2)),
      normal(20000, 9).map((value) => value ** 3),
      normal(20000, 10).map((value) => Math.round(value * 4)),
    ]
    for (const data of shapes) {
      const histogram = counted(data)
      const { min, max } = histogram
      let best = { low: Math.min(0, min), high: Math.max(0, max) }
      for (let round = 0; round < 2; round++) {
        for (const [end, outermost] of [
          ['high', Math.max(0, max)],
          ['low', Math.min(0, min)],
        ] as const) {
          const tried = Array.from({ length: 100 }, (_, part) => ({
            ...best,
            [end]: (outermost * (100 - part)) / 100,
          }))
          for (const range of tried)
            if (quantizationError(histogram, range, 256) < quantizationError(histogram, best, 256))
              best = range
        }
      }
      expect(leastErrorRange(histogram, 256)).toEqual(best)
    }
  })

  it('counts errors as they are, to within what bins blur', () => {
    const data = normal(20000, 3)
    const histogram = counted(data)
    const error = quantizationError(histogram, { low: -3, high: 3.5 }, 256)
    expect(error / trueError(data, -3, 3.5, 256)).toBeCloseTo(1, 1)
    const power = data.reduce((sum, value) => sum + value * value, 0)
    expect(totalPower(histogram) / power).toBeCloseTo(1, 3)
  })

  it('entropy cuts far outliers off and keeps a plain distribution nearly whole', () => {
    const data = normal(50000, 1)
    const { high } = entropyRange(counted(data, [40]))
    expect(high).toBeLessThan(8)
    expect(high).toBeGreaterThan(2.5)
    const even = Float32Array.from({ length: 20000 }, (_, index) => index / 10000 - 1)
    expect(entropyRange(counted(even)).high).toBeGreaterThan(0.95)
  })

  it('entropy takes the threshold of least divergence', () => {
    for (const data of [normal(5000, 11), normal(5000, 12).map((value) => value ** 3), normal(300, 13)]) {
      const histogram = counted(data, [17])
      const magnitudes = Array.from(
        { length: BINS / 2 },
        (_, bin) => histogram.counts[BINS / 2 + bin]! + histogram.counts[BINS / 2 - 1 - bin]!,
      )
      const used = magnitudes.findLastIndex((count) => count > 0) + 1
      const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
      const divergence = (bins: number) => {
        const beyond = sum(magnitudes.slice(bins))
        const reference = magnitudes.slice(0, bins)
        const candidate = reference.map((_, bin) => {
          const level = Math.floor(((bin + 1) * 128 - 1) / bins)
          const [from, to] = [Math.floor((level * bins) / 128), Math.floor(((level + 1) * bins) / 128)]
          const inside = sum(reference.slice(from, to))
          const holding = reference
            .slice(from, to)
            .filter((count, index) => count > 0 || (from + index === bins - 1 && beyond > 0)).length
          return inside === 0 ? 1 : inside / holding
        })
        const within = sum(reference)
        reference[bins - 1]! += beyond
        return sum(
          reference.map((count, bin) => {
            const share = count / (within + beyond)
            return share === 0 ? 0 : share * Math.log((share * within) / candidate[bin]!)
          }),
        )
      }
      const step = Math.max(1, Math.floor((used - 128) / 128))
      let threshold = 128
      for (let bins = 128; bins <= used; bins += step)
        if (divergence(bins) < divergence(threshold)) threshold = bins
      expect(entropyRange(histogram).high).toBe(Math.min(17, threshold * histogram.width))
    }
  })

  it('entropy keeps a side that has nothing at 0', () => {
    const { low, high } = entropyRange(counted(normal(5000, 1).map(Math.abs)))
    expect(low).toBe(0)
    expect(high).toBeGreaterThan(2)
  })
})
