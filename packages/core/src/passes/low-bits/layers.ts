import type { Model } from '../../graph/model'
import type { Gram } from '../../kernels/gram'
import { layerGrams } from '../layer-grams'
import { type LinearLayer, linearLayer } from '../linear-layers'
import type { Calibration } from '../pass'
import type { Plan } from './plan'
import { matrixReaders } from './readers'

/** Wider layers would take gigabytes for their second moments, and minutes for their factor. */
const WIDEST = 4096

/** A weight with the layers that multiply by it. */
export interface WeightLayers {
  readonly plan: Plan
  readonly layers: readonly LinearLayer[]
}

/** @returns a reason where no layer could tell what its inputs are; undefined where it is no layer's weight */
export function layersOf(plan: Plan): WeightLayers | string | undefined {
  const { value, tensor } = plan
  const layers: LinearLayer[] = []
  const direct = value.uses
    .map(({ node }) => linearLayer(node))
    .filter((layer) => layer?.weight === value) as LinearLayer[]
  layers.push(...direct)
  const readers = matrixReaders(value, tensor.dims)
  if (typeof readers !== 'string') {
    for (const turn of readers.turns) {
      for (const { node } of turn.outputs[0]?.uses ?? []) {
        const [input] = node.inputs
        const [outputs = 0, features = 0] = tensor.dims
        if (input === undefined || node.opType !== 'MatMul' || input.isConstant) continue
        layers.push({
          node,
          kind: 'MatMul',
          weight: value,
          input,
          inputIndex: 0,
          bias: undefined,
          groups: 1,
          outputs,
          features,
          strides: [0, features, 1, 0],
          kernelSize: 1,
        })
      }
    }
  }
  const [first] = layers
  if (first === undefined) return undefined
  if (first.features > WIDEST) return `${first.features} inputs are too many to calibrate`
  const alike = layers.filter(({ strides, groups }) => {
    return groups === first.groups && strides.join() === first.strides.join()
  })
  return { plan, layers: alike }
}

export interface WeightGrams {
  readonly plan: Plan
  readonly layer: LinearLayer
  /** One for each group of the layer. */
  readonly grams: readonly Gram[]
}

/** Second moments of what each weight is multiplied with, summed over the layers that share it. */
export async function* weightGrams(
  model: Model,
  weights: readonly WeightLayers[],
  calibration: Calibration,
): AsyncIterable<WeightGrams> {
  const owners = new Map<LinearLayer, WeightLayers>()
  for (const each of weights) for (const layer of each.layers) owners.set(layer, each)
  const left = new Map<WeightLayers, { count: number; grams: readonly Gram[] | undefined }>()
  for await (const { layer, grams } of layerGrams(model, [...owners.keys()], calibration)) {
    const owner = owners.get(layer)
    if (owner === undefined) continue
    const state = left.get(owner) ?? { count: owner.layers.length, grams: undefined }
    if (state.grams === undefined) state.grams = grams
    else for (const [index, gram] of state.grams.entries()) addGram(gram, grams[index])
    state.count--
    if (state.count > 0) left.set(owner, state)
    else {
      left.delete(owner)
      const [first] = owner.layers
      if (first !== undefined) yield { plan: owner.plan, layer: first, grams: state.grams }
    }
  }
}

function addGram(to: Gram, from: Gram | undefined): void {
  if (from === undefined) return
  for (let index = 0; index < to.matrix.length; index++)
    to.matrix[index] = (to.matrix[index] as number) + (from.matrix[index] as number)
  for (let index = 0; index < to.sum.length; index++)
    to.sum[index] = (to.sum[index] as number) + (from.sum[index] as number)
  to.count += from.count
}
