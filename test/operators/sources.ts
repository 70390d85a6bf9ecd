/** Operators of sources, in float32: where each runs, and whether it is right. The reference is WebAssembly. */
import { type DataType, Tensor, type Value } from '@unplugin-onnx/core'
import {
  type Attributes,
  type Feed,
  floats,
  int,
  ints,
  type Maker,
  type Probe,
  probe,
  random,
  shape,
  sizeOf,
  string,
  tensor,
} from './probe'

const picture = floats([1, 4, 8, 8], 50)
const rows = floats([4, 16], 51)
const wide = floats([4, 16], 53, -3, 3)

const weight = (make: Maker, dims: readonly number[], seed = 60): Value =>
  make.constant(tensor('float32', dims, random(seed, sizeOf(dims), -0.5, 0.5)))

interface Layer {
  readonly x?: Feed
  readonly opset?: number
  readonly attributes?: Attributes
  /** Inputs behind the first. */
  readonly rest?: (make: Maker) => readonly (Value | undefined)[]
  readonly outputs?: number
  /** The output that counts, and its type, where that isn't float32. */
  readonly output?: number
  readonly cast?: boolean
}

function layer(
  operator: string,
  { x = rows, opset = 17, attributes = {}, rest, outputs = 1, output = 0, cast }: Layer = {},
) {
  return probe(operator, {
    opset,
    feeds: { x },
    make: (make) => {
      const inputs = [make.input('x'), ...(rest?.(make) ?? [])]
      const made = make.nodes(operator, inputs, outputs, attributes)[output] as Value
      return cast ? make.node('Cast', [made], { to: int(1) }) : made
    },
  })
}

const recurrent = (operator: string, gates: number): Probe =>
  layer(operator, {
    x: floats([5, 1, 8], 52),
    attributes: { hidden_size: int(6) },
    rest: (make) => [weight(make, [1, 6 * gates, 8]), weight(make, [1, 6 * gates, 6], 61)],
    outputs: 2,
    output: 1,
  })

const vector = (dataType: DataType, values: readonly number[]) => (make: Maker) => [
  make.constant(Tensor.of(dataType, [values.length], values)),
]

export const sourceProbes: readonly Probe[] = [
  recurrent('LSTM', 4),
  recurrent('GRU', 3),
  recurrent('RNN', 1),
  layer('TopK', { rest: vector('int64', [3]), outputs: 2 }),
  layer('ArgMax', { cast: true }),
  layer('NonZero', { cast: true }),
  layer('CumSum', { rest: vector('int64', [1]) }),
  layer('LayerNormalization', { rest: (make) => [weight(make, [16]), weight(make, [16], 62)] }),
  layer('InstanceNormalization', { x: picture, rest: (make) => [weight(make, [4]), weight(make, [4], 62)] }),
  layer('BatchNormalization', {
    x: picture,
    rest: (make) => [
      weight(make, [4]),
      weight(make, [4], 62),
      weight(make, [4], 63),
      make.constant(Tensor.of('float32', [4], [1, 2, 3, 4])),
    ],
  }),
  layer('ConvTranspose', {
    x: picture,
    attributes: { strides: ints(2, 2) },
    rest: (make) => [weight(make, [4, 6, 2, 2])],
  }),
  layer('MaxPool', { x: picture, attributes: { kernel_shape: ints(2, 2), strides: ints(2, 2) } }),
  layer('AveragePool', { x: picture, attributes: { kernel_shape: ints(2, 2), strides: ints(2, 2) } }),
  layer('GlobalAveragePool', { x: picture }),
  layer('Resize', {
    x: picture,
    attributes: { mode: string('linear') },
    rest: (make) => [undefined, make.constant(Tensor.of('float32', [4], [1, 1, 2, 2]))],
  }),
  layer('DepthToSpace', { x: picture, attributes: { blocksize: int(2) } }),
  layer('SpaceToDepth', { x: picture, attributes: { blocksize: int(2) } }),
  layer('LRN', { x: picture, attributes: { size: int(3) } }),
  layer('GridSample', { x: picture, rest: (make) => [weight(make, [1, 5, 5, 2])] }),
  layer('MatMul', { rest: (make) => [weight(make, [16, 8])] }),
  layer('Gemm', { rest: (make) => [weight(make, [16, 8]), weight(make, [8])] }),
  layer('Einsum', { attributes: { equation: string('ij,jk->ik') }, rest: (make) => [weight(make, [16, 8])] }),
  layer('PRelu', { rest: (make) => [weight(make, [16])] }),
  layer('Pad', { rest: (make) => [make.constant(shape(1, 1, 1, 1))] }),
  layer('Tile', { rest: (make) => [make.constant(shape(2, 1))] }),
  layer('Gather', { rest: (make) => [make.constant(shape(3, 0, 2))] }),
  layer('GatherElements', { rest: (make) => [make.constant(Tensor.of('int64', [2, 2], [3, 0, 2, 1]))] }),
  layer('ScatterElements', {
    opset: 18,
    rest: (make) => [make.constant(Tensor.of('int64', [1, 2], [3, 0])), weight(make, [1, 2])],
  }),
  layer('ScatterND', {
    opset: 18,
    rest: (make) => [make.constant(Tensor.of('int64', [2, 1], [3, 0])), weight(make, [2, 16])],
  }),
  layer('Mod', {
    attributes: { fmod: int(1) },
    rest: (make) => [make.constant(Tensor.of('float32', [], [0.3]))],
  }),
  layer('Trilu'),
  layer('Softmax'),
  layer('LogSoftmax'),
  layer('Hardmax'),
  layer('LpNormalization'),
  layer('ReduceMean', { opset: 18, rest: vector('int64', [1]) }),
  layer('ReduceProd', { opset: 18, rest: vector('int64', [1]) }),
  layer('ReduceLogSumExp', { opset: 18, rest: vector('int64', [1]) }),
  ...[
    'Erf',
    'HardSwish',
    'HardSigmoid',
    'Mish',
    'Celu',
    'Selu',
    'Elu',
    'Softplus',
    'Softsign',
    'Sign',
    'Round',
    'Floor',
    'Shrink',
    'ThresholdedRelu',
    'Atan',
    'Identity',
  ].map((operator) => layer(operator, { opset: 18, x: wide })),
  layer('Gelu', { opset: 20 }),
  layer('IsNaN', { cast: true, opset: 20 }),
  layer('Clip', {
    rest: (make) => [-0.5, 0.5].map((value) => make.constant(Tensor.of('float32', [], [value]))),
  }),
]
