import type { Node } from '../graph/node'
import type { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import type { DataType } from '../onnx/data-types'
import { dataTypes } from '../onnx/data-types'

export { dataTypeOf } from './types/infer'

const codes = new Map([...dataTypes.values()].map(({ code, name }) => [code, name]))

/** The data type that a Cast makes. */
export const castTarget = (node: Node): DataType | undefined => codes.get(node.int('to', 0))

const sameRank = new Set(
  'Abs BatchNormalization Cast Clip Conv ConvTranspose Dropout Elu Erf Exp Floor GlobalAveragePool HardSigmoid HardSwish Identity LayerNormalization LeakyRelu LogSoftmax MaxPool AveragePool Neg Pad Relu Resize Sigmoid Slice Softmax Sqrt Tanh Tile Transpose'.split(
    ' ',
  ),
)

/** Number of dimensions of a value, as declared or as the nearest operators tell; undefined where they don't. */
export function rankOf(value: Value): number | undefined {
  return rankWithin(value, 24, new Map())
}

/** What was found out about a value, and how deep it was looked for: paths that part and meet again are many. */
type Asked = Map<Value, { readonly rank: number | undefined; readonly depth: number }>

function rankWithin(value: Value, depth: number, asked: Asked): number | undefined {
  const known = asked.get(value)
  if (known !== undefined && (known.rank !== undefined || known.depth >= depth)) return known.rank
  const rank = nearestRank(value, depth, asked)
  asked.set(value, { rank, depth })
  return rank
}

function nearestRank(value: Value, depth: number, asked: Asked): number | undefined {
  const { type, producer } = value
  if (type?.kind === 'tensor' && type.shape !== undefined) return type.shape.length
  if (producer === undefined || producer.domain !== '' || depth === 0) return undefined
  const rank = (index: number) => {
    const input = producer.inputs[index]
    return input && rankWithin(input, depth - 1, asked)
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
      // Often a constant, which tells at once, while what is computed is followed far.
      const b = rank(1)
      const a = b === undefined ? undefined : rank(0)
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
