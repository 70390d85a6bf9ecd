/** Scale searches against brute force, and GPTQ against the plain form of its algorithm. */
import { describe, expect, it } from 'vitest'
import { cholesky, inverseFromCholesky, inverseUpperFactor } from '../src/kernels/cholesky'
import { gptq, outputError } from '../src/kernels/gptq'
import { Gram } from '../src/kernels/gram'
import { halfQuadraticGrid } from '../src/kernels/hqq'
import { kQuantGrid } from '../src/kernels/k-quant'
import {
  type Grid,
  type GridSearch,
  type Group,
  type Levels,
  levelsOf,
  middleOf,
} from '../src/kernels/levels'
import { powerOfTwoGrid, squaredError } from '../src/kernels/power-of-two'
import { rangeGrid } from '../src/kernels/range-grid'
import { fromRowOrder, rowOrder, tensorBytes, toRows } from '../src/kernels/row-order'
import { leastSquaresGrid } from '../src/kernels/scale-search'
import { random, weights } from './random'

const searches: Record<string, GridSearch> = {
  range: rangeGrid,
  'least squares': leastSquaresGrid,
  'power of two': powerOfTwoGrid,
  'half-quadratic': halfQuadraticGrid,
  'k-quant': kQuantGrid,
}

/** Groups as they come, with outliers, one-sided, of one value, tiny and huge. */
function groups(count: number): Float32Array[] {
  const next = random(7)
  return Array.from({ length: count }, (_, index) => {
    const data = weights(32, index + 1, 10 ** ((index % 7) - 3))
    if (index % 3 === 1) data[index % 32] = 4 * (data[index % 32] ?? 0)
    if (index % 5 === 2) for (let at = 0; at < 32; at++) data[at] = Math.abs(data[at] ?? 0)
    if (index % 11 === 3) data.fill(next())
    return data
  })
}

const search = (find: GridSearch, group: Group, levels: Levels): Grid => {
  const grid = { scale: 0, zero: 0 }
  find(group, levels, grid)
  return grid
}

const errorOf = (group: Group, { scale, zero }: Grid, { most }: Levels) =>
  squaredError(group, scale, zero, most)

/** The least squared error over a fine net of scales and all zero points. */
function bruteForce(group: Group, levels: Levels, scales: readonly number[]): number {
  const zeros = levels.symmetric
    ? [middleOf(levels)]
    : Array.from({ length: levels.most + 1 }, (_, zero) => zero)
  let least = Number.POSITIVE_INFINITY
  for (const scale of scales)
    for (const zero of zeros) least = Math.min(least, squaredError(group, scale, zero, levels.most))
  return least
}

const magnitude = (data: Float32Array) => Math.max(...data.map(Math.abs))

describe('scale searches', () => {
  const kinds = [8, 4, 2].flatMap((bits) => [true, false].map((symmetric) => levelsOf(bits, symmetric)))

  it.each(Object.entries(searches))(
    '%s gives a scale of float32 and a zero point among the levels',
    (_, find) => {
      for (const levels of kinds) {
        for (const data of [...groups(40), new Float32Array(32), new Float32Array(32).fill(1e-42)]) {
          const { scale, zero } = search(find, { data, start: 0, count: 32 }, levels)
          expect(Math.fround(scale)).toBe(scale)
          expect(Number.isInteger(zero) && zero >= 0 && zero <= levels.most).toBe(true)
          if (levels.symmetric) expect(zero).toBe(middleOf(levels))
        }
      }
    },
  )

  it('least squares comes within 3 % of the least error that there is', () => {
    for (const levels of kinds.filter(({ most }) => most < 255)) {
      let found = 0
      let least = 0
      for (const data of groups(40)) {
        const group = { data, start: 0, count: 32 }
        const full = (2 * magnitude(data)) / levels.most
        const net = Array.from({ length: 400 }, (_, index) => (full * (index + 1)) / 300)
        const scales = levels.symmetric ? [...net, ...net.map((scale) => -scale)] : net
        const power = data.reduce((sum, value) => sum + value * value, 0)
        found += errorOf(group, search(leastSquaresGrid, group, levels), levels) / power
        least += bruteForce(group, levels, scales) / power
      }
      expect(found).toBeLessThan(least * 1.03)
    }
  })

  it('least squares is never worse than rounding to nearest', () => {
    for (const levels of kinds) {
      for (const data of groups(60)) {
        const group = { data, start: 0, count: 32 }
        const plain = errorOf(group, search(rangeGrid, group, levels), levels)
        expect(errorOf(group, search(leastSquaresGrid, group, levels), levels)).toBeLessThanOrEqual(
          plain * 1.001 + 1e-10 * magnitude(data) ** 2,
        )
      }
    }
  })

  it('least squares minds how much each error counts', () => {
    const levels = levelsOf(4, true)
    const data = weights(32, 3)
    data[5] = 1
    const importance = new Float64Array(32).fill(1)
    importance[5] = 1e-6
    const plain = search(leastSquaresGrid, { data, start: 0, count: 32 }, levels)
    const group = { data, start: 0, count: 32, importance, first: 0 }
    const weighted = search(leastSquaresGrid, group, levels)
    expect(errorOf(group, weighted, levels)).toBeLessThan(errorOf(group, plain, levels) / 2)
  })

  it('power of two is the best exponent of all', () => {
    for (const levels of kinds) {
      for (const data of groups(40)) {
        const group = { data, start: 0, count: 32 }
        const grid = search(powerOfTwoGrid, group, levels)
        expect(Number.isInteger(Math.log2(grid.scale))).toBe(true)
        const scales = Array.from({ length: 50 }, (_, index) => 2 ** (index - 30))
        expect(errorOf(group, grid, levels)).toBeCloseTo(bruteForce(group, levels, scales), 12)
      }
    }
  })

  it('half-quadratic makes the 0.7-norm of the errors smaller than rounding to nearest does', () => {
    const norm = ({ data }: Group, { scale, zero }: Grid, { most }: Levels) =>
      data.reduce((sum, value) => {
        const q = Math.max(0, Math.min(most, Math.floor(value / scale + zero + 0.5)))
        return sum + Math.abs(value - (q - zero) * scale) ** 0.7
      }, 0)
    for (const levels of kinds) {
      let better = 0
      for (const data of groups(40)) {
        const group = { data, start: 0, count: 32 }
        const plain = norm(group, search(rangeGrid, group, levels), levels)
        const found = norm(group, search(halfQuadraticGrid, group, levels), levels)
        expect(found).toBeLessThanOrEqual(plain * 1.0001)
        if (found < plain * 0.999) better++
      }
      expect(better).toBeGreaterThan(10)
    }
  })

  it('k-quant makes the error that it weighs by magnitude smaller than rounding to nearest does', () => {
    for (const levels of kinds.filter(({ most }) => most < 255)) {
      let found = 0
      let plain = 0
      for (const data of groups(40)) {
        const power = data.reduce((sum, value) => sum + value * value, 0)
        const mean = Math.sqrt(power / 32)
        const importance = Float64Array.from(data, (value) => (mean + Math.abs(value)) / mean / power)
        const group = { data, start: 0, count: 32, importance, first: 0 }
        found += errorOf(group, search(kQuantGrid, group, levels), levels)
        plain += errorOf(group, search(rangeGrid, group, levels), levels)
      }
      expect(found).toBeLessThan(plain * 0.97)
    }
  })
})

describe('gptq', () => {
  const features = 24
  const count = 20

  /** Inputs that depend on each other: that is what lets one weight make up for another. */
  function hessian(): Float64Array {
    const next = random(3)
    const gram = new Gram(features)
    const rows = new Float32Array(200 * features)
    for (let row = 0; row < 200; row++) {
      const common = next() - 0.5
      for (let j = 0; j < features; j++)
        rows[row * features + j] = common * (1 + j / features) + 0.3 * (next() - 0.5)
    }
    gram.add(rows, 200)
    return gram.matrix
  }

  const levels = levelsOf(4, false)
  const blockSize = 8

  function quantizeAll(matrix: Float64Array) {
    const source = weights(count * features, 11, 1)
    const factor = inverseUpperFactor(matrix, features, 0.01)
    const rows = Float32Array.from(source)
    const grids = new Map<string, Grid>()
    gptq(rows, count, features, factor, levels, {
      blockSize,
      search: rangeGrid,
      found: (row, block, grid) => grids.set(`${row} ${block}`, { ...grid }),
    })
    return { source, rows, grids }
  }

  it('puts every weight on the grid that it reports', () => {
    const { rows, grids } = quantizeAll(hessian())
    expect(grids.size).toBe((count * features) / blockSize)
    for (const [at, value] of rows.entries()) {
      const { scale, zero } = grids.get(
        `${Math.floor(at / features)} ${Math.floor((at % features) / blockSize)}`,
      )!
      const q = value / scale + zero
      expect(Math.abs(q - Math.round(q))).toBeLessThan(1e-3)
      expect(Math.round(q)).toBeGreaterThanOrEqual(0)
      expect(Math.round(q)).toBeLessThanOrEqual(15)
    }
  })

  it('leaves less than half of the output error of rounding to nearest', () => {
    const matrix = hessian()
    const { source, rows } = quantizeAll(matrix)
    const plain = Float32Array.from(source)
    for (let start = 0; start < plain.length; start += blockSize) {
      const { scale, zero } = search(rangeGrid, { data: source, start, count: blockSize }, levels)
      for (let at = start; at < start + blockSize; at++) {
        const q = Math.max(0, Math.min(15, Math.floor(source[at]! / scale + zero + 0.5)))
        plain[at] = (q - zero) * scale
      }
    }
    const error = outputError(source, rows, count, features, matrix)
    expect(error).toBeLessThan(outputError(source, plain, count, features, matrix) / 2)
  })

  it('does what optimal brain quantization does, one weight after the other by the inverse of what is left', () => {
    const matrix = hessian()
    let mean = 0
    for (let j = 0; j < features; j++) mean += matrix[j * features + j]! / features
    const damped = Float64Array.from(matrix, (value, at) =>
      at % (features + 1) === 0 ? value + 0.01 * mean : value,
    )
    const source = weights(count * features, 11, 1)
    const scales = new Float32Array(count * features).fill(0.2)
    const zeros = new Uint8Array(count * features).fill(8)
    const rows = Float32Array.from(source)
    gptq(rows, count, features, inverseUpperFactor(matrix, features, 0.01), levels, { scales, zeros })
    for (let row = 0; row < count; row++) {
      const left = Float64Array.from(source.subarray(row * features, (row + 1) * features))
      for (let j = 0; j < features; j++) {
        // The inverse of the Hessian of the features from j on, worked out anew for each.
        const size = features - j
        const part = Float64Array.from({ length: size * size }, (_, at) => {
          return damped[(j + Math.floor(at / size)) * features + j + (at % size)]!
        })
        const inverse = inverseFromCholesky(cholesky(part, size)!, size)
        const q = Math.max(0, Math.min(15, Math.floor(left[j]! / Math.fround(0.2) + 8.5)))
        const value = Math.fround((q - 8) * Math.fround(0.2))
        const error = (left[j]! - value) / inverse[0]!
        for (let k = 0; k < size; k++) left[j + k] = left[j + k]! - error * inverse[k]!
        expect(rows[row * features + j]).toBeCloseTo(value, 5)
      }
    }
  })
})

describe('row order', () => {
  const dims = [3, 4, 5]
  const data = Float32Array.from({ length: 60 }, (_, index) => index)

  it.each([
    [0, true],
    [1, true],
    [2, true],
    [0, false],
    [1, false],
    [2, false],
  ])('goes along or across axis %d and back (%s)', (axis, along) => {
    const order = rowOrder(dims, axis, along)
    const rows = toRows(data, order)
    expect(fromRowOrder(rows, order)).toEqual(data)
    const at = [data.length / 3 / 4 / 5, 5].length
    expect(at).toBe(2)
    const stride = [20, 5, 1][axis]!
    if (along) expect(rows[1]! - rows[0]!).toBe(stride)
    else
      expect(
        new Set([...rows.subarray(0, 60 / dims[axis]!)].map((e) => Math.floor(e / stride) % dims[axis]!)),
      ).toEqual(new Set([0]))
  })

  it.each([8, 4] as const)('unpacks rows of 4 bits to integers of %d bits', (bits) => {
    const order = rowOrder([3, 5], 0, true)
    // Five rows (the columns) of three, each padded to eight.
    const bytes = new Uint8Array(20)
    for (let row = 0; row < 5; row++) {
      for (let column = 0; column < 3; column++) {
        const at = row * 8 + column
        bytes[at >> 1]! |= ((row * 3 + column) % 16) << ((at & 1) * 4)
      }
    }
    const result = tensorBytes({ bytes, pitch: 8, bits: 4 }, order, bits, 8)
    const element = (at: number) =>
      bits === 8 ? ((result[at]! << 24) >> 24) + 8 : (((result[at >> 1]! >> ((at & 1) * 4)) & 15) + 8) & 15
    expect(Array.from({ length: 15 }, (_, at) => element(at))).toEqual(
      Array.from({ length: 15 }, (_, at) => (at % 5) * 3 + Math.floor(at / 5)),
    )
  })
})
