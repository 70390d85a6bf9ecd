import type { Node } from '../../graph/node'
import type { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'

/** A MatMul, Gemm or Conv that multiplies activations with a constant matrix or kernel of float32. */
export interface IntegerLayer {
  readonly node: Node
  readonly kind: 'MatMul' | 'Gemm' | 'Conv'
  /** The activations. */
  readonly input: Value
  readonly weight: Value
  readonly tensor: Tensor
  readonly bias: Value | undefined
  /** Axis of the weight along which the output channels lie. */
  readonly axis: number
  readonly channels: number
  /** Every output channel reads one input channel. */
  readonly depthwise: boolean
}

/**
 * The layer that a node is for integer kernels.
 * @returns a reason where it is one but has no integer form; undefined where it is no such layer
 */
export function integerLayer(node: Node): IntegerLayer | string | undefined {
  if (node.domain !== '') return undefined
  const { opType } = node
  if (opType !== 'MatMul' && opType !== 'Gemm' && opType !== 'Conv') return undefined
  const [input, weight, bias] = node.inputs
  if (input === undefined || weight === undefined) return undefined
  const tensor = weight.initializer
  if (tensor?.dataType !== 'float32') return undefined
  if (!weight.isConstant) return 'its weight is the default of an input'
  if (input.isConstant) return undefined
  if (tensor.size === 0) return 'its weight is empty'
  const { dims } = tensor
  if (opType === 'Conv') {
    const channels = dims[0] ?? 0
    const depthwise = node.int('group', 1) > 1 && dims[1] === 1
    return { node, kind: 'Conv', input, weight, tensor, bias, axis: 0, channels, depthwise }
  }
  if (dims.length !== 2) return 'its weight is no matrix'
  if (opType === 'MatMul') {
    const channels = dims[1] ?? 0
    return {
      node,
      kind: 'MatMul',
      input,
      weight,
      tensor,
      bias: undefined,
      axis: 1,
      channels,
      depthwise: false,
    }
  }
  if (node.int('transA', 0) === 1) return 'it transposes its activations'
  const axis = node.int('transB', 0) === 1 ? 0 : 1
  return {
    node,
    kind: 'Gemm',
    input,
    weight,
    tensor,
    bias,
    axis,
    channels: dims[axis] ?? 0,
    depthwise: false,
  }
}
