import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { Moments } from '../../kernels/softmax-importance'
import { keepMatcher, nameMatcher } from '../keep'
import type { Skipped } from '../pass'
import { channelsOf } from '../weight-axis'
import { type RowLayout, rowLayout } from './rows'

/** A weight that may be pruned. */
export interface Target {
  readonly value: Value
  readonly tensor: Tensor
  /** The first node that reads it. */
  readonly node: Node
  readonly layout: RowLayout
  /** How many of its elements are 0 already. */
  readonly zeros: number
  readonly largest: number
  readonly smallest: number
}

export interface Targets {
  readonly targets: readonly Target[]
  /** Standard deviation of a target's weights, or of those of all targets. */
  deviation(target?: Target): number
}

/**
 * Weights of MatMul, Gemm, Conv, ConvTranspose, LSTM, GRU and RNN in all graphs: float32 constants that such nodes read
 * and nothing else does.
 */
export function pruneTargets(model: Model, keep: readonly string[], skipped: Skipped[]): Targets {
  const keptNode = keepMatcher(keep)
  const keptName = nameMatcher(keep)
  const targets: Target[] = []
  const moments = new Map<Target, Moments>()
  const all = new Moments()
  for (const graph of model.graphs()) {
    for (const value of graph.values()) {
      const tensor = value.initializer
      const layer = firstLayer(value)
      if (layer === undefined) {
        if (tensor?.dataType === 'float32' && tensor.dims.length >= 2 && isBehind(value, tensor))
          skipped.push({
            node: value.name,
            reason: 'reaches its layer through nodes that move it: fold-constants first',
          })
        continue
      }
      const reason =
        reasonAgainst(value) ??
        (keptName(value.name) || value.uses.some(({ node }) => keptNode(node)) ? 'is to be kept' : undefined)
      if (reason !== undefined || tensor === undefined) {
        if (reason !== undefined) skipped.push({ node: value.name, reason })
        continue
      }
      const target = targetOf(value, tensor, layer)
      if (typeof target === 'string') skipped.push({ node: value.name, reason: target })
      else {
        targets.push(target.target)
        moments.set(target.target, target.moments)
        all.merge(target.moments)
      }
    }
  }
  return { targets, deviation: (target) => (target && moments.get(target)?.deviation) ?? all.deviation }
}

interface Layer {
  readonly node: Node
  readonly layout: RowLayout
}

/** The first node that multiplies with a float32 constant, direct or in a Constant node, of two dimensions or more. */
function firstLayer(value: Value): Layer | undefined {
  const tensor =
    value.initializer ?? (value.producer?.opType === 'Constant' ? value.producer.tensor('value') : undefined)
  if (tensor?.dataType !== 'float32' || tensor.dims.length < 2 || tensor.size === 0) return undefined
  for (const { node, index } of value.uses) {
    const layout = rowLayout(node, index, tensor.dims)
    if (layout !== undefined) return { node, layout }
  }
  return undefined
}

/** Only layers read it, but behind Transpose, Reshape and the like. Embeddings are no layers here. */
function isBehind(value: Value, tensor: Tensor): boolean {
  if (
    !value.isConstant ||
    value.uses.length === 0 ||
    value.uses.some(({ node }) => /Gather|Einsum/.test(node.opType))
  )
    return false
  return channelsOf(value, tensor.dims).reason === undefined
}

function reasonAgainst(value: Value): string | undefined {
  if (value.producer !== undefined) return 'lies in a Constant node: fold-constants first'
  if (!value.isConstant) return 'is the default of an input'
  if (value.isOutput) return 'is, or becomes, an output of its graph'
  const dims = value.initializer?.dims ?? []
  const other = value.uses.find(({ node, index }) => rowLayout(node, index, dims) === undefined)
  return other && `is also read by ${other.node.opType}`
}

function targetOf(
  value: Value,
  tensor: Tensor,
  { node, layout }: Layer,
): { target: Target; moments: Moments } | string {
  const data = tensor.float32()
  let zeros = 0
  let largest = 0
  let smallest = 0
  for (const weight of data) {
    // NaN fails this, too.
    if (!(Math.abs(weight) < Number.POSITIVE_INFINITY)) return 'holds NaN or infinity'
    if (weight === 0) zeros++
    if (weight > largest) largest = weight
    if (weight < smallest) smallest = weight
  }
  const moments = new Moments()
  moments.add(data)
  return { target: { value, tensor, node, layout, zeros, largest, smallest }, moments }
}
