import type { Node } from '../graph/node'
import type { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import type { DataType } from '../onnx/data-types'
import { dataTypes } from '../onnx/data-types'

/** Operators whose output has the type of their first input. */
const typeFollows = new Set(
  'Abs Add Clip Concat Conv ConvTranspose Div Exp Expand Flatten Floor Gather Gemm Identity MatMul Mul Neg Pad Reciprocal Relu Reshape Sigmoid Slice Softmax Split Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze'.split(
    ' ',
  ),
)

/** Operators whose output has one type whatever they read. */
const typeFixed: Readonly<Record<string, DataType>> = {
  Shape: 'int64',
  Size: 'int64',
  NonZero: 'int64',
  ArgMax: 'int64',
  ArgMin: 'int64',
  Equal: 'bool',
  Greater: 'bool',
  GreaterOrEqual: 'bool',
  Less: 'bool',
  LessOrEqual: 'bool',
  And: 'bool',
  Or: 'bool',
  Not: 'bool',
  IsNaN: 'bool',
  IsInf: 'bool',
}

const codes = new Map([...dataTypes.values()].map(({ code, name }) => [code, name]))

/** The data type that a Cast makes. */
export const castTarget = (node: Node): DataType | undefined => codes.get(node.int('to', 0))

/** Element type of a value, as declared or as the nearest operators tell; undefined where they don't. */
export function dataTypeOf(value: Value, depth = 16): DataType | undefined {
  const { type, producer } = value
  if (type !== undefined) return type.kind === 'tensor' ? type.dataType : undefined
  if (producer === undefined || producer.domain !== '' || depth === 0) return undefined
  if (producer.opType === 'Cast') return castTarget(producer)
  const fixed = typeFixed[producer.opType]
  if (fixed !== undefined) return fixed
  const [first] = producer.inputs
  return typeFollows.has(producer.opType) && first !== undefined ? dataTypeOf(first, depth - 1) : undefined
}

const sameRank = new Set(
  'Abs BatchNormalization Cast Clip Conv ConvTranspose Dropout Elu Erf Exp Floor GlobalAveragePool HardSigmoid HardSwish Identity LayerNormalization LeakyRelu LogSoftmax MaxPool AveragePool Neg Pad Relu Resize Sigmoid Slice Softmax Sqrt Tanh Tile Transpose'.split(
    ' ',
  ),
)

/** Number of dimensions of a value, as declared or as the nearest operators tell; undefined where they don't. */
export function rankOf(value: Value, depth = 24): number | undefined {
  const { type, producer } = value
  if (type?.kind === 'tensor' && type.shape !== undefined) return type.shape.length
  if (producer === undefined || producer.domain !== '' || depth === 0) return undefined
  const rank = (index: number) => {
    const input = producer.inputs[index]
    return input && rankOf(input, depth - 1)
  }
  switch (producer.opType) {
    case 'Gemm':
    case 'Flatten':
      return 2
    case 'Reshape': {
      const shape = constantOf(producer.inputs[1])
      return shape?.dims[0]
    }
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
    case 'MatMul': {
      const [a, b] = [rank(0), rank(1)]
      return a === undefined || b === undefined ? undefined : Math.max(a, b)
    }
    default:
      return sameRank.has(producer.opType) ? rank(0) : undefined
  }
}

/** The tensor behind a value that is constant, through Constant nodes too. */
export function constantOf(value: Value | undefined): Tensor | undefined {
  if (value?.isConstant) return value.initializer
  const producer = value?.producer
  return producer?.opType === 'Constant' && producer.domain === '' ? producer.tensor('value') : undefined
}
