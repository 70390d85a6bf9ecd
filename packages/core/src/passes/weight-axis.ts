import type { Node } from '../graph/node'
import type { Value } from '../graph/value'

/**
 * How the readers of a weight want it cut into channels: one axis, or no opinion (`undefined`, one scale for all), or a
 * reason why it is no weight to quantize.
 */
export type Channels =
  | { readonly axis: number | undefined; readonly reason?: undefined }
  | { readonly axis?: undefined; readonly reason: string }

const weightless = (node: Node): Channels => ({ reason: `is also read by ${node.opType}` })

/**
 * The channel axis of a weight by what reads it, through Transpose, Reshape and the like. Where readers want different
 * axes, the first in the graph's order decides: the weight is stored once.
 *
 * Channels are what a scale can be pulled out of: the columns of a MatMul's right operand and the rows of its left one,
 * the output channels of Conv and ConvTranspose, the gates of recurrent layers, the rows of an embedding.
 */
export function channelsOf(value: Value, dims: readonly number[]): Channels {
  return trace(value, dims, (axis) => axis, 8)
}

/** @param back from an axis of this value to one of the weight; undefined where the axis is no axis of the weight */
function trace(
  value: Value,
  dims: readonly number[] | undefined,
  back: (axis: number) => number | undefined,
  depth: number,
): Channels {
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
  back: (axis: number) => number | undefined,
  depth: number,
): Channels {
  if (node.domain !== '') return weightless(node)
  const follow = (
    shape: readonly number[] | undefined,
    forward: (axis: number) => number | undefined,
  ): Channels => {
    const [output] = node.outputs
    if (depth === 0 || index !== 0 || output === undefined) return weightless(node)
    return trace(output, shape, (axis) => chain(forward(axis), back), depth - 1)
  }
  switch (node.opType) {
    case 'Identity':
      return follow(dims, (axis) => axis)
    case 'Transpose': {
      const perm = node.ints('perm') ?? dims?.map((_, axis) => dims.length - 1 - axis)
      const shape = dims && perm?.map((axis) => dims[axis] ?? 0)
      return follow(shape, (axis) => perm?.[axis])
    }
    case 'Reshape':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Flatten': {
      const shape = reshaped(node, dims)
      return follow(shape, (axis) => (dims && shape ? sameAxis(shape, axis, dims) : undefined))
    }
    default: {
      if (dims === undefined) return weightless(node)
      const axis = weightAxis(node, index, dims)
      return axis === undefined ? weightless(node) : { axis: back(axis) }
    }
  }
}

const chain = (axis: number | undefined, back: (axis: number) => number | undefined): number | undefined =>
  axis === undefined ? undefined : back(axis)

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

/** Shape after a node that only changes the shape, where it is constant. */
function reshaped(node: Node, dims: readonly number[] | undefined): number[] | undefined {
  if (dims === undefined) return undefined
  const size = dims.reduce((product, dim) => product * dim, 1)
  const constant = node.inputs[1]?.isConstant ? node.inputs[1].initializer?.ints() : undefined
  const axes = node.ints('axes') ?? constant
  switch (node.opType) {
    case 'Flatten': {
      const axis = node.int('axis', 1)
      const outer = dims
        .slice(0, axis < 0 ? axis + dims.length : axis)
        .reduce((product, dim) => product * dim, 1)
      return [outer, outer === 0 ? 0 : size / outer]
    }
    case 'Reshape': {
      const shape = constant?.map((dim, axis) => (dim === 0 ? (dims[axis] ?? 0) : dim))
      const known = shape?.reduce((product, dim) => (dim === -1 ? product : product * dim), 1)
      return shape?.map((dim) => (dim === -1 ? size / (known || 1) : dim))
    }
    case 'Squeeze': {
      if (node.inputs[1] !== undefined && constant === undefined) return undefined
      const gone = axes?.map((axis) => (axis < 0 ? axis + dims.length : axis))
      return dims.filter((dim, axis) => (gone === undefined ? dim !== 1 : !gone.includes(axis)))
    }
    default: {
      if (axes === undefined) return undefined
      const rank = dims.length + axes.length
      const added = axes.map((axis) => (axis < 0 ? axis + rank : axis))
      const rest = [...dims]
      return Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : (rest.shift() ?? 1)))
    }
  }
}

/** The axis of `before` that runs through the data in the same steps as `axis` of `after`. */
function sameAxis(after: readonly number[], axis: number, before: readonly number[]): number | undefined {
  const inner = (dims: readonly number[], from: number) =>
    dims.slice(from + 1).reduce((product, dim) => product * dim, 1)
  const found = before.findIndex(
    (dim, index) => dim === after[axis] && inner(before, index) === inner(after, axis),
  )
  return found < 0 ? undefined : found
}
