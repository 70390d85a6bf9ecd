import type { Node } from '../graph/node'
import type { Value } from '../graph/value'
import { movedAxes } from './moved-axes'

/**
 * How the readers of a weight want it cut into channels: one axis, or no opinion (`undefined`, one scale for all), or a
 * reason why it is no weight to quantize.
 */
export type Channels =
  | { readonly axis: number | undefined; readonly reason?: undefined }
  | { readonly axis?: undefined; readonly reason: string }

const weightless = (node: Node): Channels => ({ reason: `is also read by ${node.opType}` })

/**
 * The channel axis of a weight by what reads it, through nodes that only move data (Transpose, Reshape, Slice, Concat). Where readers want different
 * axes, the first in the graph's order decides: the weight is stored once.
 *
 * Channels are what a scale can be pulled out of: the columns of a MatMul's right operand and the rows of its left one,
 * the output channels of Conv and ConvTranspose, the gates of recurrent layers, the rows of an embedding.
 */
export function channelsOf(value: Value, dims: readonly number[]): Channels {
  return trace(value, dims, (axis) => axis, 8)
}

/** From an axis of a value to one of the weight behind it; undefined where that is no axis of the weight. */
type AxisMap = (axis: number) => number | undefined

/** @param dims NaN where a size is unknown; undefined where not even the rank is known */
function trace(value: Value, dims: readonly number[] | undefined, back: AxisMap, depth: number): Channels {
  let found: Channels | undefined
  if (value.isOutput) return { reason: 'is, or becomes, an output of its graph' }
  for (const { node, index } of value.uses) {
    const channels = channelsOfUse(node, index, dims, back, depth)
    if (channels.reason !== undefined) return channels
    if (found === undefined || (found.axis === undefined && channels.axis !== undefined)) found = channels
  }
  return found ?? { reason: 'is read by nothing that multiplies with it' }
}

function channelsOfUse(
  node: Node,
  index: number,
  dims: readonly number[] | undefined,
  back: AxisMap,
  depth: number,
): Channels {
  if (node.domain !== '' || dims === undefined) return weightless(node)
  const moved = movedAxes(node, index, dims)
  if (moved === undefined) {
    const axis = weightAxis(node, index, dims)
    return axis === undefined ? weightless(node) : { axis: back(axis) }
  }
  if (depth === 0) return weightless(node)
  const chained: AxisMap = (axis) => {
    const before = moved.before(axis)
    return before === undefined ? undefined : back(before)
  }
  let found: Channels | undefined
  for (const output of node.outputs) {
    if (output === undefined) continue
    const channels = trace(output, moved.dims, chained, depth - 1)
    if (channels.reason !== undefined) return channels
    found ??= channels
  }
  return found ?? weightless(node)
}

/** The axis to which a node that multiplies with `dims` at this input gives channels; undefined where it does not. */
export function weightAxis(node: Node, index: number, dims: readonly number[]): number | undefined {
  if (dims.length < 2) return undefined
  switch (node.opType) {
    case 'MatMul':
      return index === 1 ? dims.length - 1 : dims.length - 2
    case 'Gemm':
      if (index === 0) return node.int('transA', 0) === 1 ? 1 : 0
      return index === 1 ? (node.int('transB', 0) === 1 ? 0 : 1) : undefined
    case 'Conv':
      return index === 1 ? 0 : undefined
    case 'ConvTranspose':
      // [in, out / group, …]. With groups an input channel belongs to one group, so cuts along it are the finer ones;
      // of a depthwise layer they are the output channels.
      if (index !== 1) return undefined
      return node.int('group', 1) === 1 ? 1 : 0
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      // W and R are [directions, gates * hidden, input]. DequantizeLinear has one axis: directions share their scales.
      return index === 1 || index === 2 ? 1 : undefined
    case 'Gather': {
      const axis = node.int('axis', 0)
      return index === 0 ? (axis < 0 ? axis + dims.length : axis) : undefined
    }
    case 'Einsum':
      return einsumAxis(node.string('equation', ''), index, dims.length)
    default:
      return undefined
  }
}

/** The last axis of this operand that the result has and no other operand: its own channels. */
function einsumAxis(equation: string, index: number, rank: number): number | undefined {
  const [left = '', result] = equation.replace(/\s/g, '').split('->')
  const operands = left.split(',')
  const labels = operands[index] ?? ''
  if (result === undefined || equation.includes('.') || labels.length !== rank) return undefined
  for (let axis = rank - 1; axis >= 0; axis--) {
    const label = labels[axis] ?? ''
    if (result.includes(label) && operands.every((other, place) => place === index || !other.includes(label)))
      return axis
  }
  return undefined
}
