import type { Model } from '../../graph/model'
import type { Value } from '../../graph/value'
import { PairedGram } from '../../kernels/paired-gram'
import { inputRows } from '../input-rows'
import { type LinearLayer, linearLayer } from '../linear-layers'
import type { Calibration } from '../pass'
import type { FeatureNorms } from './importance'
import type { Target } from './targets'

/**
 * What a target's rows are multiplied with, as a layer whose input can be observed: the layer that reads it; for the
 * input weights of a recurrent layer its input sequence, for its recurrent weights the states that it puts out. A string
 * says why there is none.
 */
export function observable(target: Target): LinearLayer | string {
  const { node, value, layout } = target
  const layer = linearLayer(node)
  if (layer?.weight === value) return layer
  if (!/^(LSTM|GRU|RNN)$/.test(node.opType)) return `what ${node.opType} multiplies it with can't be observed`
  const recurrent = node.inputs[2] === value
  const input = recurrent ? node.outputs[0] : node.inputs[0]
  if (input === undefined) return 'the states of its layer are not put out'
  if (recurrent && layout.batches > 1 && node.int('layout', 0) === 1)
    return 'its layer puts out states in layout 1'
  return {
    node,
    kind: 'MatMul',
    weight: value,
    input,
    inputIndex: 0,
    bias: undefined,
    groups: 1,
    outputs: layout.batches * layout.outputs,
    features: layout.features,
    strides: [0, layout.features, 1, 0],
    kernelSize: 1,
  }
}

/** Features of one row of the target, out of the second moments of the layer as it is observed. */
export function gramOf(target: Target, layer: LinearLayer, gram: PairedGram): PairedGram {
  if (layer.kind !== 'ConvTranspose' || gram.now.count === 0) return gram
  // Observed are [channel, kernel position] with the same value at all positions; a row has the channels alone.
  const { features } = target.layout
  const { kernelSize } = layer
  const { change } = gram
  const own = new PairedGram(features)
  own.now.count = gram.now.count
  if (change !== undefined) own.change = new Float64Array(features ** 2)
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < features; j++) {
      const from = i * kernelSize * gram.now.features + j * kernelSize
      own.now.matrix[i * features + j] = gram.now.matrix[from] ?? 0
      if (change !== undefined && own.change !== undefined) own.change[i * features + j] = change[from] ?? 0
    }
  }
  return own
}

interface Sums {
  readonly layer: LinearLayer
  /** [groups, features] */
  readonly squares: Float64Array
  count: number
}

/** Root mean squares of what each feature is multiplied with, over all samples. */
export async function featureNorms(
  model: Model,
  targets: readonly Target[],
  calibration: Calibration,
): Promise<Map<Target, FeatureNorms>> {
  const sums = new Map<Target, Sums>()
  for (const target of targets) {
    const layer = observable(target)
    if (typeof layer === 'string') continue
    sums.set(target, { layer, squares: new Float64Array(layer.groups * layer.features), count: 0 })
  }
  const readers = new Map<Value, Sums[]>()
  for (const each of sums.values())
    readers.set(each.layer.input, [...(readers.get(each.layer.input) ?? []), each])
  await calibration.observe(model, [...readers.keys()], ({ value, data, dims }) => {
    for (const sum of readers.get(value) ?? []) {
      const { layer, squares } = sum
      for (let group = 0; group < layer.groups; group++) {
        const { rows, count } = inputRows(layer, dims, data, group, 512)
        const at = group * layer.features
        for (let row = 0; row < count; row++) {
          for (let j = 0; j < layer.features; j++)
            squares[at + j] = (squares[at + j] ?? 0) + (rows[row * layer.features + j] ?? 0) ** 2
        }
        if (group === 0) sum.count += count
      }
    }
  })
  const norms = new Map<Target, FeatureNorms>()
  for (const [target, { layer, squares, count }] of sums) {
    if (count === 0) continue
    const { features } = target.layout
    const step = layer.kind === 'ConvTranspose' ? layer.kernelSize : 1
    const own = Float32Array.from({ length: layer.groups * features }, (_, index) =>
      Math.sqrt((squares[index * step] ?? 0) / count),
    )
    norms.set(target, { groups: layer.groups, norms: own })
  }
  return norms
}
