import {
  type QuantizedBlocks,
  quantizeBlocks,
  quantizeBlocksWith,
  quantizeFiniteBlocks,
} from '../../kernels/blocks'
import { type Grids, searchGrids } from '../../kernels/grids'
import { halfQuadraticGrid } from '../../kernels/hqq'
import { kQuantGrid } from '../../kernels/k-quant'
import type { GridSearch } from '../../kernels/levels'
import { powerOfTwoGrid } from '../../kernels/power-of-two'
import { isColumnMajor, isRowMajor, toRows } from '../../kernels/row-order'
import { leastSquaresGrid } from '../../kernels/scale-search'
import { finite } from './finite'
import type { WeightOptions } from './options'
import type { Plan } from './plan'
import type { Scratch } from './scratch'

/** What is known of a weight's integers before the model is written; what isn't is made then. */
export interface Prepared {
  /** The weight in rows, where it isn't the tensor's own data. */
  readonly rows?: () => Float32Array
  /** Chosen scales; without them blocks get those that span their range. */
  readonly grids?: Grids
  /** The integers themselves; needs `grids`. */
  readonly packed?: Uint8Array
}

/** How scales are found; gptq and awq search for least squared error, with their own idea of what an error counts. */
export function gridSearch({ scale, method }: WeightOptions): GridSearch {
  if (scale === 'power-of-two') return powerOfTwoGrid
  if (method === 'hqq') return halfQuadraticGrid
  if (method === 'k-quant') return kQuantGrid
  return leastSquaresGrid
}

/**
 * What gptq and awq do for weights whose inputs they don't know. Between k-quant and mse the figures of
 * bench/quantize-methods.mjs don't decide: which is ahead changes with the inputs and with zero points.
 */
const withoutData = (options: WeightOptions): WeightOptions =>
  options.method === 'gptq' || options.method === 'awq' ? { ...options, method: 'k-quant' } : options

/** Searches the scales of a weight; of plain rounding to nearest they fall out when it is written. */
export function gridsOf({ tensor, form }: Plan, options: WeightOptions): Prepared {
  if (options.method === 'rtn' && options.scale === 'float') return {}
  const rows = toRows(tensor.float32(), form.order)
  const search = gridSearch(withoutData(options))
  return { grids: searchGrids(rows, form.layout, options.symmetric, search) }
}

/** The integers of a weight, made when they're asked for. */
export function rounded(
  { value, tensor, form, read }: Plan,
  { symmetric }: WeightOptions,
  { rows, grids, packed }: Prepared,
  scratch: Scratch,
): () => QuantizedBlocks {
  const { layout, order } = form
  return () => {
    if (packed !== undefined && grids !== undefined) return { packed, ...grids }
    const transposed = rows === undefined && !isRowMajor(order) && isColumnMajor(order)
    let data = rows?.()
    if (data === undefined) {
      const weight = scratch.float32(tensor)
      data = transposed ? weight : toRows(weight, order)
    }
    if (grids === undefined && !read)
      return finite(value.name, quantizeFiniteBlocks(data, { ...layout, transposed, symmetric }))
    if (grids === undefined) return quantizeBlocks(data, { ...layout, transposed, symmetric })
    const { scales, zeroPoints } = grids
    return { packed: quantizeBlocksWith(data, { ...layout, transposed }, scales, zeroPoints), ...grids }
  }
}
