import type { Model } from '../../graph/model'
import type { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { type BlockLayout, dequantizeBlocks, quantizeBlocksWith } from '../../kernels/blocks'
import { outputError } from '../../kernels/gptq'
import type { Gram } from '../../kernels/gram'
import { type Grids, searchGrids } from '../../kernels/grids'
import { outputGrids } from '../../kernels/output-grid'
import { toRows } from '../../kernels/row-order'
import { dampingFor } from '../damping'
import type { Calibration } from '../pass'
import { divide, divisibleConstants } from './divisible'
import { type WeightLayers, weightGrams } from './layers'
import type { WeightOptions } from './options'
import type { Plan } from './plan'
import { gridSearch, type Prepared } from './prepared'

/** Exponents that are tried; 0 is no scaling at all. */
const STEPS = 20
/** Rows of a weight that the exponent is chosen on; spread evenly. */
const SAMPLE = 64
/** Blocks of more weights get scales by squared errors alone: trying one takes the square of their size. */
const WIDEST_BLOCK = 256
/** A table that is looked up too must also stay close to itself: its rows are outputs, all features alike. */
const TIED_DAMPING = 1

/**
 * Activation-aware weight quantization: input channels that are large on the calibration data get larger weights, which
 * lose less to rounding, and what makes those inputs is divided by as much, so that the model computes what it did. The
 * factors are s = rms(x)^a, with the a from 0 to 1 that leaves the least error at the outputs of all layers that read x.
 * Then scales are searched for least error at the outputs, see outputGrids; weights are rounded to nearest all the same.
 *
 * Lin et al. 2023, "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration"; the search for
 * scales takes the place of its clipping, and starts from what k-quant and least squares find without data. Where no constant before the layers can take the division (see
 * divisibleConstants), or something else reads x, a is 0: no operator is ever added.
 */
export async function awq(
  model: Model,
  weights: readonly WeightLayers[],
  options: WeightOptions,
  calibration: Calibration,
): Promise<ReadonlyMap<Plan, Prepared>> {
  const groups = groupsOf(weights)
  const found = new Map<Plan, { readonly s: Float64Array | undefined; readonly gram: Gram }>()
  const factors = new Map<Value, Float64Array>()
  for await (const { plan, layer, grams } of weightGrams(model, weights, calibration)) {
    const [gram] = grams
    if (gram === undefined || gram.count === 0 || layer.groups !== 1) continue
    if (plan.form.layout.columns !== layer.features) continue
    const group = groups.get(layer.input)
    const s = group && (factors.get(layer.input) ?? bestFactors(group, gram, options))
    if (s !== undefined) factors.set(layer.input, s)
    found.set(plan, { s, gram })
  }
  // Only now: what was observed is the model as it was.
  for (const [value, s] of factors) {
    for (const constant of divisibleConstants(value, s.length) ?? [])
      divide(constant, s, (base) => constant.node.graph.uniqueName(base))
  }
  const prepared = new Map<Plan, Prepared>()
  for (const [plan, { s, gram }] of found) {
    // The layer after may have divided it.
    const tensor = plan.value.initializer ?? plan.tensor
    const rows = () => scaledRows(tensor, plan, s)
    prepared.set(plan, { rows, grids: gridsFor(rows(), plan, options, gram, s) })
  }
  return prepared
}

/** Weights by what they read, where that can be divided and nothing else reads it. */
function groupsOf(weights: readonly WeightLayers[]): ReadonlyMap<Value, readonly Plan[]> {
  const found = new Map<Value, Plan[]>()
  for (const { plan, layers } of weights) {
    const [layer] = layers
    if (
      layer === undefined ||
      plan.value.uses.length !== 1 ||
      layer.inputIndex !== 0 ||
      layer.kind === 'Conv'
    )
      continue
    if (layer.kind === 'ConvTranspose' || (layer.kind === 'Gemm' && layer.node.int('transA', 0) === 1))
      continue
    if (plan.form.layout.rows !== layer.outputs || plan.form.layout.columns !== layer.features) continue
    found.set(layer.input, [...(found.get(layer.input) ?? []), plan])
  }
  for (const [input, plans] of found) {
    const features = plans[0]?.form.layout.columns ?? 0
    if (input.uses.length !== plans.length || divisibleConstants(input, features) === undefined)
      found.delete(input)
  }
  return found
}

function scaledRows(tensor: Tensor, { form }: Plan, s: Float64Array | undefined): Float32Array {
  const rows = toRows(tensor.float32(), form.order)
  return s === undefined ? rows : rows.map((weight, at) => weight * (s[at % s.length] as number))
}

function gridsFor(
  rows: Float32Array,
  plan: Plan,
  options: WeightOptions,
  gram: Gram,
  s: Float64Array | undefined,
): Grids {
  const { layout } = plan.form
  if (options.scale !== 'float' || layout.blockSize > WIDEST_BLOCK)
    return squaredErrorGrids(rows, layout, options, importanceOf(gram, s))
  const isLookedUp = plan.value.uses.some(({ node }) => node.opType === 'Gather')
  const damping = isLookedUp ? TIED_DAMPING : dampingFor(gram)
  return outputGrids(rows, layout, options.symmetric, hessianOf(gram, s, damping))
}

const squaredErrorGrids = (
  rows: Float32Array,
  layout: BlockLayout,
  options: WeightOptions,
  importance: Float64Array,
): Grids => searchGrids(rows, layout, options.symmetric, gridSearch(options), importance)

/** Second moments of the inputs divided by the factors, damped. */
function hessianOf(
  { matrix, features: n }: Gram,
  s: Float64Array | undefined,
  damping: number,
): Float64Array {
  let mean = 0
  for (let i = 0; i < n; i++) mean += (matrix[i * n + i] as number) / n
  const hessian = new Float64Array(n * n)
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < n; j++, at++) {
      const moment = (matrix[at] as number) + (i === j ? damping * (mean || 1) : 0)
      hessian[at] = moment / ((s?.[i] ?? 1) * (s?.[j] ?? 1))
    }
  }
  return hessian
}

/** What an error of a scaled weight costs: its input's mean square, divided by the factor's. */
function importanceOf(gram: Gram, s?: Float64Array): Float64Array {
  const squares = gram.meanSquares()
  let mean = 0
  for (const square of squares) mean += square / squares.length
  // Inputs that the data doesn't show may come all the same.
  return squares.map((square, index) => (square + 1e-4 * mean + 1e-30) / (s?.[index] ?? 1) ** 2)
}

function bestFactors(plans: readonly Plan[], gram: Gram, options: WeightOptions): Float64Array {
  const features = gram.features
  const magnitudes = gram.meanSquares().map((square) => Math.sqrt(square))
  const floor = magnitudes.reduce((sum, each) => sum + each, 0) / features / 100
  const samples = plans.map((plan) => sampleRows(plan))
  let best = new Float64Array(features).fill(1)
  let least = Number.POSITIVE_INFINITY
  for (let step = 0; step < STEPS; step++) {
    const s = normalized(magnitudes.map((each) => Math.max(each, floor, 1e-30) ** (step / STEPS)))
    const importance = importanceOf(gram, s)
    let error = 0
    for (const [index, sample] of samples.entries()) {
      const count = sample.length / features
      const layout = { ...(plans[index] as Plan).form.layout, rows: count }
      const scaled = sample.map((weight, at) => weight * (s[at % features] as number))
      const grids = squaredErrorGrids(scaled, layout, options, importance)
      const packed = quantizeBlocksWith(scaled, layout, grids.scales, grids.zeroPoints)
      const quantized = dequantizeBlocks({ packed, ...grids }, layout)
      for (let at = 0; at < quantized.length; at++)
        quantized[at] = (quantized[at] as number) / (s[at % features] as number)
      error += outputError(sample, quantized, count, features, gram.matrix)
    }
    if (error < least) {
      least = error
      best = s
    }
  }
  return best
}

/** Around 1, as in the reference implementation: the weights neither grow nor shrink as a whole. */
function normalized(s: Float64Array): Float64Array<ArrayBuffer> {
  let min = Number.POSITIVE_INFINITY
  let max = 0
  for (const each of s) {
    min = Math.min(min, each)
    max = Math.max(max, each)
  }
  const middle = Math.sqrt(min * max)
  return Float64Array.from(s, (each) => each / middle)
}

function sampleRows({ tensor, form }: Plan): Float32Array {
  const { rows, columns } = form.layout
  const data = toRows(tensor.float32(), form.order)
  if (rows <= SAMPLE) return data
  const sample = new Float32Array(SAMPLE * columns)
  for (let index = 0; index < SAMPLE; index++) {
    const row = Math.floor((index * rows) / SAMPLE)
    sample.set(data.subarray(row * columns, (row + 1) * columns), index * columns)
  }
  return sample
}
