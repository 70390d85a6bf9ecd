import type { Node } from '../graph/node'
import type { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { constantOf } from './facts'

/** What a node does to each channel: y = scale * x + shift. */
export interface ChannelAffine {
  readonly scale: Float64Array
  readonly shift: Float64Array
}

/** Where the channels of a value lie. */
export interface ChannelPlace {
  readonly channels: number
  readonly rank: number
  /** Channel axis, counted from the last one: 1 for the last. */
  readonly fromEnd: number
}

/**
 * Reads a node as scale and shift of each channel of one of its inputs, in float64: BatchNormalization in inference, and
 * Add, Sub, Mul and Div with a constant that has one element, or one a channel.
 * @returns a reason where a BatchNormalization isn't one; undefined for other nodes
 */
export function channelAffine(
  node: Node,
  index: number,
  place: ChannelPlace,
  opset: number,
): ChannelAffine | string | undefined {
  if (node.domain !== '') return undefined
  if (node.opType === 'BatchNormalization')
    return index === 0 ? batchNormalization(node, place, opset) : undefined
  const constant = perChannel(constantOf(node.inputs[1 - index]), place)
  if (constant === undefined || node.inputs.length !== 2) return undefined
  const { channels } = place
  const all = (value: number) => new Float64Array(channels).fill(value)
  switch (node.opType) {
    case 'Add':
      return { scale: all(1), shift: constant }
    case 'Sub':
      if (index === 1) return { scale: all(-1), shift: constant }
      return { scale: all(1), shift: constant.map((value) => -value) }
    case 'Mul':
      return { scale: constant, shift: all(0) }
    case 'Div':
      return index === 0 ? { scale: constant.map((value) => 1 / value), shift: all(0) } : undefined
    default:
      return undefined
  }
}

/** onnx/defs/nn/defs.cc and old.cc, BatchNormalization 1 to 15. */
function batchNormalization(node: Node, { channels, rank, fromEnd }: ChannelPlace, opset: number) {
  // Opset 1 and 6 train unless is_test is set; 7 and 9 train where they give more than one output; 14 says so.
  const trains =
    (opset < 7 && node.int('is_test', 0) === 0) ||
    node.int('training_mode', 0) === 1 ||
    node.outputs.some((output, index) => index > 0 && output !== undefined)
  if (trains) return 'computes its statistics in training'
  if (node.int('spatial', 1) === 0) return 'normalizes each activation and not channels'
  if (rank - fromEnd !== 1) return 'does not normalize the channels that are made before it'
  const parameters = node.inputs.slice(1, 5).map((value) => channelValues(constantOf(value), channels))
  const [gamma, beta, mean, variance] = parameters
  if (gamma === undefined || beta === undefined || mean === undefined || variance === undefined)
    return 'has parameters that are no float32 constants, one a channel'
  const epsilon = Math.fround(node.float('epsilon', 1e-5))
  const scale = gamma.map((value, channel) => value / Math.sqrt((variance[channel] ?? 0) + epsilon))
  const shift = beta.map((value, channel) => value - (mean[channel] ?? 0) * (scale[channel] ?? 0))
  return { scale, shift }
}

/** A constant of one element, or of one a channel with its axis where the channels lie. */
export function perChannel(tensor: Tensor | undefined, place: ChannelPlace): Float64Array | undefined {
  if (tensor?.dataType !== 'float32' || tensor.dims.length > place.rank) return undefined
  if (tensor.size === 1) return new Float64Array(place.channels).fill(tensor.float32()[0] ?? Number.NaN)
  const axis = tensor.dims.length - place.fromEnd
  return tensor.dims[axis] === tensor.size ? channelValues(tensor, place.channels) : undefined
}

const channelValues = (tensor: Tensor | undefined, channels: number): Float64Array | undefined =>
  tensor?.dataType === 'float32' && tensor.size === channels ? Float64Array.from(tensor.float32()) : undefined

/** The one node that reads a value, in the value's own graph. */
export function onlyReader(value: Value | undefined): { node: Node; index: number } | undefined {
  const [use, another] = value?.uses ?? []
  if (value === undefined || use === undefined || another !== undefined || value.isOutput) return undefined
  return use.node.graph === value.graph ? use : undefined
}
