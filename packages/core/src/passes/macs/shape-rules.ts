import type { Node } from '../../graph/node'
import { constantOf } from '../facts'
import { amount, divided, equal, fixed, type Length, one, product, type Shape, times } from './amount'

/** Shape of an input by its index; undefined where not even the rank is known. */
export type Shapes = (input: number) => Shape | undefined
/** Shape of the first output, or of all where there are several. */
export type ShapeRule = (node: Node, shape: Shapes) => Shape | readonly (Shape | undefined)[] | undefined

const first: ShapeRule = (_, shape) => shape(0)

/** Outputs of the shape of the first input. */
const sameShape =
  'Abs Acos Asin Atan BatchNormalization Bernoulli BitwiseNot Cast CastLike Ceil Celu Clip Cos CumSum DequantizeLinear Dropout Elu Erf Exp Floor Gelu GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish Neg Not PRelu QuantizeLinear RMSNormalization Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin SimplifiedLayerNormalization Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu com.microsoft.BiasGelu com.microsoft.FastGelu com.microsoft.QuickGelu com.microsoft.RotaryEmbedding RotaryEmbedding com.microsoft.SkipLayerNormalization com.microsoft.SkipSimplifiedLayerNormalization'
const elementwise =
  'Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow Sub Sum Where Xor'

/** numpy's broadcasting: axes of length 1 stretch. */
export function broadcast(...shapes: readonly (Shape | undefined)[]): Shape | undefined {
  let result: readonly Length[] = []
  for (const shape of shapes) {
    if (shape === undefined) return undefined
    const rank = Math.max(result.length, shape.length)
    const at = (of: Shape, axis: number): Length =>
      axis < rank - of.length ? one : of[axis - rank + of.length]
    const before = result
    result = Array.from({ length: rank }, (_, axis) => stretched(at(before, axis), at(shape, axis)))
  }
  return result
}

function stretched(a: Length, b: Length): Length {
  if (equal(a, one)) return b
  if (equal(b, one)) return a
  // Where both run, neither is 1, so that a number says what the other is.
  return fixed(a) !== undefined ? a : fixed(b) !== undefined ? b : equal(a, b) ? a : undefined
}

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

function numbersOf(node: Node, attribute: string, input: number): readonly number[] | undefined {
  const given = node.attribute(attribute)
  // Ends of slices are often the largest int64: rounded, it is still beyond every length.
  if (given?.type === 'ints') return given.value.map(Number)
  const tensor = constantOf(node.inputs[input])
  return tensor !== undefined && tensor.size <= 64 && /^u?int/.test(tensor.dataType)
    ? tensor.elements().map(Number)
    : undefined
}

/** Positions of a window along one axis. */
function positions(node: Node, axis: number, length: Length, kernel: number): Length {
  const size = fixed(length)
  const stride = node.ints('strides')?.[axis] ?? 1
  const automatic = node.string('auto_pad', 'NOTSET')
  const reach = (kernel - 1) * (node.ints('dilations')?.[axis] ?? 1) + 1
  const pads = node.ints('pads') ?? []
  const padding = automatic === 'NOTSET' ? (pads[axis] ?? 0) + (pads[pads.length / 2 + axis] ?? 0) : 0
  if (stride === 1 && (automatic.startsWith('SAME') || padding === reach - 1)) return length
  if (size === undefined || stride < 1) return undefined
  if (automatic.startsWith('SAME')) return amount(Math.ceil(size / stride))
  const round = node.int('ceil_mode', 0) === 1 ? Math.ceil : Math.floor
  return amount(Math.max(0, round((size + padding - reach) / stride) + 1))
}

/** @param weight which input is [outputs, inputs / group, kernel…] */
const convolution =
  (weight: number): ShapeRule =>
  (node, shape) => {
    const [data, kernel] = [shape(0), shape(weight)]
    if (data === undefined || kernel === undefined || data.length !== kernel.length) return undefined
    const spatial = data.slice(2).map((length, axis) => {
      const size = fixed(kernel[axis + 2])
      return size === undefined ? undefined : positions(node, axis, length, size)
    })
    return [data[0], kernel[0], ...spatial]
  }

const transposedConvolution: ShapeRule = (node, shape) => {
  const [data, kernel] = [shape(0), shape(1)]
  if (data === undefined || kernel === undefined || data.length !== kernel.length) return undefined
  const outputs = times(kernel[1], amount(node.int('group', 1)))
  const given = node.ints('output_shape')
  const spatial = data.slice(2).map((length, axis) => {
    if (given !== undefined) return amount(given.at(axis - data.length + 2) ?? 0)
    const [size, kernelSize] = [fixed(length), fixed(kernel[axis + 2])]
    if (size === undefined || kernelSize === undefined) return undefined
    const stride = node.ints('strides')?.[axis] ?? 1
    if (node.string('auto_pad', 'NOTSET').startsWith('SAME')) return amount(size * stride)
    const pads = node.ints('pads') ?? []
    const reach = (kernelSize - 1) * (node.ints('dilations')?.[axis] ?? 1) + 1
    const padding = (pads[axis] ?? 0) + (pads[pads.length / 2 + axis] ?? 0)
    return amount((size - 1) * stride + (node.ints('output_padding')?.[axis] ?? 0) + reach - padding)
  })
  return [data[0], outputs, ...spatial]
}

const pooling: ShapeRule = (node, shape) => {
  const data = shape(0)
  const kernel = node.ints('kernel_shape')
  if (data === undefined || kernel === undefined) return undefined
  return [
    ...data.slice(0, 2),
    ...data.slice(2).map((length, axis) => positions(node, axis, length, kernel[axis] ?? 1)),
  ]
}

const globalPooling: ShapeRule = (_, shape) => shape(0)?.map((length, axis) => (axis < 2 ? length : one))

/** @param right index of the second matrix */
const matMul =
  (right: number): ShapeRule =>
  (_, shape) => {
    const [a, b] = [shape(0), shape(right)]
    if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined
    const batches = broadcast(a.slice(0, -2), b.slice(0, -2)) ?? []
    return [...batches, ...(a.length > 1 ? [a.at(-2)] : []), ...(b.length > 1 ? [b.at(-1)] : [])]
  }

const gemm: ShapeRule = (node, shape) => {
  const [a, b] = [shape(0), shape(1)]
  if (a?.length !== 2 || b?.length !== 2) return undefined
  return [a[node.int('transA', 0) === 1 ? 1 : 0], b[node.int('transB', 0) === 1 ? 0 : 1]]
}

const transpose: ShapeRule = (node, shape) => {
  const data = shape(0)
  if (data === undefined) return undefined
  const order = node.ints('perm')
  return order === undefined ? [...data].reverse() : order.map((axis) => data[axis])
}

const flatten: ShapeRule = (node, shape) => {
  const data = shape(0)
  if (data === undefined) return undefined
  const axis = axisOf(node.int('axis', 1), data.length)
  return [product(data.slice(0, axis)), product(data.slice(axis))]
}

const reshape: ShapeRule = (node, shape) => {
  const wanted = numbersOf(node, 'shape', 1)
  if (wanted === undefined) return undefined
  const data = shape(0)
  const lengths = wanted.map((length, axis): Length => {
    if (length === 0 && node.int('allowzero', 0) === 0) return data?.[axis]
    return length < 0 ? undefined : amount(length)
  })
  const rest = wanted.indexOf(-1)
  if (rest === -1 || data === undefined) return lengths
  const others = product(lengths.filter((_, axis) => axis !== rest))
  return lengths.map((length, axis) => (axis === rest ? divided(product(data), others) : length))
}

const unsqueeze: ShapeRule = (node, shape) => {
  const data = shape(0)
  const axes = numbersOf(node, 'axes', 1)
  if (data === undefined || axes === undefined) return undefined
  const rank = data.length + axes.length
  const added = new Set(axes.map((axis) => axisOf(axis, rank)))
  const left = [...data]
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? one : left.shift()))
}

const squeeze: ShapeRule = (node, shape) => {
  const data = shape(0)
  const axes = numbersOf(node, 'axes', 1)
  if (data === undefined || axes === undefined) return undefined
  const gone = new Set(axes.map((axis) => axisOf(axis, data.length)))
  return data.filter((_, axis) => !gone.has(axis))
}

const concat: ShapeRule = (node, shape) => {
  const shapes = node.inputs.map((_, index) => shape(index))
  const [data] = shapes
  if (data === undefined) return undefined
  const along = axisOf(node.int('axis', 0), data.length)
  return data.map((length, axis) => {
    if (axis !== along)
      return shapes.map((each) => each?.[axis]).find((each) => fixed(each) !== undefined) ?? length
    const lengths = shapes.map((each) => fixed(each?.[axis]))
    const known = lengths.filter((each) => each !== undefined)
    return known.length === lengths.length ? amount(known.reduce((sum, each) => sum + each, 0)) : undefined
  })
}

const gather: ShapeRule = (node, shape) => {
  const [data, indices] = [shape(0), shape(1)]
  if (data === undefined || indices === undefined) return undefined
  const axis = axisOf(node.int('axis', 0), data.length)
  return [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
}

const split: ShapeRule = (node, shape) => {
  const data = shape(0)
  if (data === undefined) return undefined
  const along = axisOf(node.int('axis', 0), data.length)
  const sizes = numbersOf(node, 'split', 1)
  const count = amount(node.outputs.length)
  return node.outputs.map((_, index) =>
    data.map((length, axis) => {
      if (axis !== along) return length
      return sizes === undefined ? divided(length, count) : amount(sizes[index] ?? 0)
    }),
  )
}

const slice: ShapeRule = (node, shape) => {
  const data = shape(0)
  if (data === undefined) return undefined
  const [starts, ends] = [numbersOf(node, 'starts', 1), numbersOf(node, 'ends', 2)]
  const axes = numbersOf(node, 'axes', 3) ?? data.map((_, axis) => axis)
  const steps = node.inputs[4] === undefined ? [] : numbersOf(node, '', 4)
  // Which axes are cut isn't known: all may be.
  if (starts === undefined || ends === undefined || steps === undefined) return data.map(() => undefined)
  return data.map((length, axis) => {
    const at = axes.findIndex((each) => axisOf(each, data.length) === axis)
    const [start, end, step] = [starts[at] ?? 0, ends[at] ?? 0, steps[at] ?? 1]
    if (at === -1) return length
    if (start === 0 && step === 1 && end >= 2 ** 31 - 1) return length
    const size = fixed(length)
    if (size === undefined || step < 1) return undefined
    const inside = (place: number) => Math.min(size, Math.max(0, place < 0 ? place + size : place))
    return amount(Math.max(0, Math.ceil((inside(end) - inside(start)) / step)))
  })
}

const pad: ShapeRule = (node, shape) => {
  const data = shape(0)
  const pads = numbersOf(node, 'pads', 1)
  if (data === undefined || node.inputs[3] !== undefined) return undefined
  return data.map((length, axis) => {
    const added = pads && (pads[axis] ?? 0) + (pads[axis + data.length] ?? 0)
    if (added === 0) return length
    const size = fixed(length)
    return added === undefined || size === undefined ? undefined : amount(Math.max(0, size + added))
  })
}

const reduce: ShapeRule = (node, shape) => {
  const data = shape(0)
  const axes = numbersOf(node, 'axes', 1)
  if (data === undefined || (axes === undefined && node.inputs[1] !== undefined)) return undefined
  const gone = new Set((axes ?? data.map((_, axis) => axis)).map((axis) => axisOf(axis, data.length)))
  return node.int('keepdims', 1) === 1
    ? data.map((length, axis) => (gone.has(axis) ? one : length))
    : data.filter((_, axis) => !gone.has(axis))
}

const recurrent: ShapeRule = (node, shape) => {
  const [data, weights, recurrence] = [shape(0), shape(1), shape(2)]
  if (data?.length !== 3 || weights === undefined) return undefined
  const [directions, hidden] = [weights[0], recurrence?.[2]]
  const layout = node.int('layout', 0)
  const batch = data[layout === 0 ? 1 : 0]
  const state = layout === 0 ? [directions, batch, hidden] : [batch, directions, hidden]
  const every = layout === 0 ? [data[0], directions, batch, hidden] : [batch, data[1], directions, hidden]
  return [every, state, state].slice(0, node.outputs.length)
}

const table: Readonly<Record<string, ShapeRule>> = {
  Conv: convolution(1),
  ConvInteger: convolution(1),
  QLinearConv: convolution(3),
  'com.microsoft.FusedConv': convolution(1),
  ConvTranspose: transposedConvolution,
  MaxPool: pooling,
  AveragePool: pooling,
  LpPool: pooling,
  GlobalAveragePool: globalPooling,
  GlobalMaxPool: globalPooling,
  MatMul: matMul(1),
  MatMulInteger: matMul(1),
  QLinearMatMul: matMul(3),
  'com.microsoft.MatMulNBits': (node, shape) => {
    const data = shape(0)
    return data && [...data.slice(0, -1), amount(node.int('N', 0))]
  },
  Gemm: gemm,
  Transpose: transpose,
  Flatten: flatten,
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Concat: concat,
  Gather: gather,
  Split: split,
  Slice: slice,
  Pad: pad,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
}

const listed = (names: string, rule: ShapeRule) => names.split(' ').map((name) => [name, rule] as const)

/** Rules by operator, the domain before a dot where it isn't ONNX's own. */
export const shapeRules: ReadonlyMap<string, ShapeRule> = new Map([
  ...listed(sameShape, first),
  ...listed(elementwise, (node, shape) => broadcast(...node.inputs.map((_, index) => shape(index)))),
  ...listed('ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare', reduce),
  ...Object.entries(table),
])
