import { blocksPerRow, quantizeBlocksWith, zeroPointBytes } from '../../kernels/blocks'
import { inverseUpperFactor } from '../../kernels/cholesky'
import { gptq } from '../../kernels/gptq'
import type { Gram } from '../../kernels/gram'
import { type Grids, GridWriter, searchGrids } from '../../kernels/grids'
import { levelsOf } from '../../kernels/levels'
import { columnCount, fromRowOrder, toRows } from '../../kernels/row-order'
import { fromRows, type LinearLayer, weightRows } from '../linear-layers'
import type { WeightGrams } from './layers'
import type { WeightOptions } from './options'
import type { Plan } from './plan'
import { gridSearch, type Prepared } from './prepared'

/** Share of the mean of the diagonal that is added to it, as in the paper. */
const DAMPING = 0.01
/** A table that is looked up too must also stay close to itself: its rows are outputs, all features alike. */
const TIED_DAMPING = 1

/** @returns undefined where no sample reached the layer */
export function gptqWeight(
  { plan, layer, grams }: WeightGrams,
  options: WeightOptions,
): Prepared | undefined {
  if (grams.every(({ count }) => count === 0)) return undefined
  const { form, tensor } = plan
  const { layout, order } = form
  const rows = weightRows(layer)
  const levels = levelsOf(layout.bits, options.symmetric)
  const search = gridSearch(options)
  const damping = plan.value.uses.some(({ node }) => node.opType === 'Gather') ? TIED_DAMPING : DAMPING
  const factorOf = (gram: Gram) => inverseUpperFactor(gram.matrix, layer.features, damping)
  if (isAligned(plan, layer)) {
    const writer = new GridWriter(layout, options.symmetric)
    eachGroup(rows, layer, grams, (part, gram, first) => {
      gptq(part, layer.outputs, layer.features, factorOf(gram), levels, {
        blockSize: layout.blockSize,
        search,
        found: (row, block, grid) => writer.set(first + row, block, grid),
      })
    })
    return packed(rows, plan, writer.grids)
  }
  const grids = searchGrids(toRows(tensor.float32(), order), layout, options.symmetric, search)
  const each = eachWeight(grids, plan)
  const scales = inRows(layer, each.scales)
  const zeros = Uint8Array.from(inRows(layer, each.zeros))
  eachGroup(rows, layer, grams, (part, gram, first) => {
    const at = first * layer.features
    gptq(part, layer.outputs, layer.features, factorOf(gram), levels, {
      scales: scales.subarray(at, at + part.length),
      zeros: zeros.subarray(at, at + part.length),
    })
  })
  return packed(toRows(fromRows(layer, rows), order), plan, grids)
}

/** Rows of blocks are rows of the layer, so that scales may follow the weights as they change. */
function isAligned({ form }: Plan, layer: LinearLayer): boolean {
  const { layout } = form
  if (layout.rows !== layer.groups * layer.outputs || layout.columns !== layer.features) return false
  return layer.kind !== 'ConvTranspose'
}

function eachGroup(
  rows: Float32Array,
  { outputs, features }: LinearLayer,
  grams: readonly Gram[],
  visit: (part: Float32Array, gram: Gram, firstRow: number) => void,
): void {
  for (const [group, gram] of grams.entries()) {
    const first = group * outputs
    visit(rows.subarray(first * features, (first + outputs) * features), gram, first)
  }
}

/** What lies on the grids is rounded to itself. */
function packed(rows: Float32Array, { form }: Plan, grids: Grids): Prepared {
  return { packed: quantizeBlocksWith(rows, form.layout, grids.scales, grids.zeroPoints), grids }
}

/** Scale and zero point of each weight, in the order of the tensor's elements. */
function eachWeight(
  { scales, zeroPoints }: Grids,
  { form }: Plan,
): { readonly scales: Float32Array; readonly zeros: Float32Array } {
  const { layout, order } = form
  const { rows, blockSize, bits } = layout
  const columns = columnCount(order)
  const blocks = blocksPerRow(layout)
  const width = zeroPointBytes(layout)
  const perByte = 8 / bits
  const all = { scales: new Float32Array(rows * columns), zeros: new Float32Array(rows * columns) }
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const block = Math.floor(column / blockSize)
      all.scales[at] = scales[row * blocks + block] as number
      const byte = zeroPoints?.[row * width + Math.floor(block / perByte)]
      all.zeros[at] =
        byte === undefined ? 2 ** (bits - 1) : (byte >> ((block % perByte) * bits)) & (2 ** bits - 1)
    }
  }
  return { scales: fromRowOrder(all.scales, order), zeros: fromRowOrder(all.zeros, order) }
}

/** From the order of the tensor's elements to that of `weightRows`. */
const inRows = (layer: LinearLayer, data: Float32Array): Float32Array => weightRows(layer, data)
