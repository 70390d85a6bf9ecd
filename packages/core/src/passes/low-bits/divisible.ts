import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import { linearLayer } from '../linear-layers'

/** A constant whose elements along its last axis, or its rows, scale a value that nodes make from it. */
export interface DivisibleConstant {
  readonly node: Node
  readonly index: number
  readonly tensor: Tensor
  /** Where channels lie in the tensor: 'last', the rows of a Gemm's transposed weight ('first'), or one for all. */
  readonly axis: 'first' | 'last' | 'none'
}

/**
 * The constants to divide by s so that a value becomes value / s, channel by channel along its last axis: scale and bias
 * of a normalization, the vectors of a Mul and Add after it, weight and bias of a MatMul or Gemm, also through Relu. What
 * lies on the way must be read by nothing else.
 * @returns undefined where there is no such constant
 */
export function divisibleConstants(
  value: Value,
  channels: number,
  depth = 4,
): readonly DivisibleConstant[] | undefined {
  const { producer } = value
  if (producer === undefined || producer.domain !== '' || value.isOutput || depth === 0) return undefined
  switch (producer.opType) {
    case 'Relu':
      return behind(producer.inputs[0], channels, depth)
    case 'LayerNormalization':
    case 'RMSNormalization': {
      const axis = producer.int('axis', -1)
      if (axis !== -1 || producer.outputs.slice(1).some((output) => output !== undefined)) return undefined
      return all(vector(producer, 1, channels), producer.inputs[2] && vector(producer, 2, channels))
    }
    case 'Mul': {
      const factor = vector(producer, 1, channels) ?? vector(producer, 0, channels)
      return factor && [factor]
    }
    case 'Add':
      for (const index of [0, 1]) {
        const shift = vector(producer, index, channels)
        const rest = shift && behind(producer.inputs[1 - index], channels, depth)
        if (shift !== undefined && rest !== undefined) return [shift, ...rest]
      }
      return undefined
    case 'MatMul':
    case 'Gemm':
      return linearConstants(producer, channels)
    default:
      return undefined
  }
}

function behind(value: Value | undefined, channels: number, depth: number) {
  if (value === undefined || value.uses.length !== 1) return undefined
  return divisibleConstants(value, channels, depth - 1)
}

function all(
  first: DivisibleConstant | undefined,
  second: DivisibleConstant | undefined,
): readonly DivisibleConstant[] | undefined {
  return first && (second === undefined ? [first] : [first, second])
}

/** A constant that is a vector along the last axis, or one number. */
function vector(node: Node, index: number, channels: number): DivisibleConstant | undefined {
  const tensor = constantOf(node.inputs[index])
  if (tensor?.dataType !== 'float32') return undefined
  if (tensor.size === 1 && tensor.dims.length <= 1) return { node, index, tensor, axis: 'none' }
  return tensor.dims.at(-1) === channels && tensor.size === channels
    ? { node, index, tensor, axis: 'last' }
    : undefined
}

function linearConstants(node: Node, channels: number): readonly DivisibleConstant[] | undefined {
  const layer = linearLayer(node)
  if (layer === undefined || layer.inputIndex !== 0 || layer.outputs !== channels) return undefined
  const { weight } = layer
  const tensor = weight.initializer
  // Row by row, other scales change nothing of how a weight is quantized: it may be one that is quantized itself.
  if (tensor === undefined || weight.uses.length !== 1) return undefined
  const rows = node.opType === 'Gemm' && node.int('transB', 0) === 1
  const constant = { node, index: 1, tensor, axis: rows ? 'first' : 'last' } as const
  if (node.inputs[2] === undefined) return [constant]
  const bias = vector(node, 2, channels)
  return bias && [constant, bias]
}

/** Divides the constant, channel by channel. A weight of its own stays the same value with other data. */
export function divide(
  { node, index, tensor, axis }: DivisibleConstant,
  divisors: Float64Array,
  unique: (base: string) => string,
): void {
  const channels = divisors.length
  const dims = axis === 'none' ? [channels] : tensor.dims
  const inner = axis === 'first' ? tensor.size / channels : 1
  const produce = () => {
    const data = tensor.float32()
    const size = axis === 'none' ? channels : data.length
    const result = new Float32Array(size)
    for (let at = 0; at < size; at++) {
      const channel = axis === 'first' ? Math.floor(at / inner) : at % channels
      result[at] = (data[axis === 'none' ? 0 : at] as number) / (divisors[channel] as number)
    }
    return new Uint8Array(result.buffer)
  }
  const divided = Tensor.lazy('float32', dims, produce)
  const before = node.inputs[index]
  if (before?.initializer !== undefined && before.uses.length === 1 && !before.isOutput && !before.isInput)
    before.initializer = divided
  else {
    const { graph } = node
    node.setInput(index, graph.addInitializer(unique(`${before?.name ?? node.name}_divided`), divided))
  }
}
