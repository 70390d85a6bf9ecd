/** Scales of least error at the outputs, against the searches that look at single weights. */
import { describe, expect, it } from 'vitest'
import { dequantizeBlocks, quantizeBlocksWith } from '../src/kernels/blocks'
import { outputError } from '../src/kernels/gptq'
import { Gram } from '../src/kernels/gram'
import { type Grids, searchGrids } from '../src/kernels/grids'
import { kQuantGrid } from '../src/kernels/k-quant'
import { outputGrids } from '../src/kernels/output-grid'
import { rangeGrid } from '../src/kernels/range-grid'
import { leastSquaresGrid } from '../src/kernels/scale-search'
import { weights } from './random'

const columns = 64
const count = 12
const rows = weights(count * columns, 3, 0.1)

/** Inputs that have a part in common, as activations do. */
function hessian(): Float64Array {
  const gram = new Gram(columns)
  const x = weights(200 * columns, 5, 1)
  for (let row = 0; row < 200; row++) {
    const common = x[row * columns]!
    for (let j = 0; j < columns; j++)
      x[row * columns + j] = x[row * columns + j]! * (1 + (j % 5)) + 2 * common
  }
  gram.add(x, 200)
  return gram.matrix
}

const matrix = hessian()

function errorOf(grids: Grids, layout: Parameters<typeof searchGrids>[1], from = 0, to = count): number {
  const packed = quantizeBlocksWith(rows, layout, grids.scales, grids.zeroPoints)
  const found = dequantizeBlocks({ packed, ...grids }, layout)
  const part = (data: Float32Array) => data.slice(from * columns, to * columns)
  return outputError(part(rows), part(found), to - from, columns, matrix)
}

describe.each([true, false])('outputGrids, symmetric: %s', (symmetric) => {
  it.each([4, 2] as const)(
    'is no worse in any row of one block than what it starts from, %i bits',
    (bits) => {
      const layout = { rows: count, columns, bits, blockSize: columns }
      const own = outputGrids(rows, layout, symmetric, matrix)
      const diagonal = Float64Array.from({ length: columns }, (_, j) => matrix[j * (columns + 1)]!)
      const others = [
        searchGrids(rows, layout, symmetric, kQuantGrid),
        searchGrids(rows, layout, symmetric, leastSquaresGrid, diagonal),
      ]
      for (let row = 0; row < count; row++) {
        const error = errorOf(own, layout, row, row + 1)
        for (const other of others)
          expect(error).toBeLessThanOrEqual(errorOf(other, layout, row, row + 1) * (1 + 1e-5))
      }
    },
  )

  it('leaves less error than each search over single weights where rows have several blocks', () => {
    const layout = { rows: count, columns, bits: 4 as const, blockSize: 16 }
    const error = errorOf(outputGrids(rows, layout, symmetric, matrix), layout)
    for (const search of [rangeGrid, kQuantGrid, leastSquaresGrid])
      expect(error).toBeLessThan(errorOf(searchGrids(rows, layout, symmetric, search), layout) * 0.85)
  })

  it('makes up in a block for what the blocks before it did wrong', () => {
    // Without moments between blocks they are searched for one by one.
    const apart = matrix.map((moment, at) =>
      Math.floor(at / columns / 16) === Math.floor((at % columns) / 16) ? moment : 0,
    )
    const layout = { rows: count, columns, bits: 4 as const, blockSize: 16 }
    const together = errorOf(outputGrids(rows, layout, symmetric, matrix), layout)
    expect(together).toBeLessThan(errorOf(outputGrids(rows, layout, symmetric, apart), layout) * 0.97)
  })

  it('gives zeros back as zeros, and a last block that is shorter', () => {
    const layout = { rows: 2, columns: 24, bits: 4 as const, blockSize: 16 }
    const data = weights(48, 9, 1)
    data.fill(0, 0, 16)
    const identity = Float64Array.from({ length: 24 * 24 }, (_, at) => (at % 25 === 0 ? 1 : 0))
    const grids = outputGrids(data, layout, symmetric, identity)
    const packed = quantizeBlocksWith(data, layout, grids.scales, grids.zeroPoints)
    const found = dequantizeBlocks({ packed, ...grids }, layout)
    expect([...found.subarray(0, 16)].every((value) => Math.abs(value) === 0)).toBe(true)
    for (let at = 16; at < 48; at++) expect(Math.abs(found[at]! - data[at]!)).toBeLessThan(0.35)
  })
})
