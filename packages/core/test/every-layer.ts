/** A model with a layer of every kind that has weights, and what its quantized weights stand for. */
import type { Model, Node } from '../src/index'
import { add, build, floats, int, intList, ints, tensorType } from './build-model'
import { type Feeds, float, int64 } from './engine'
import { weights } from './random'

const size = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1)

/** Weights by name: sizes that are no multiples of blocks among them. */
export const layerWeights: Record<string, readonly number[]> = {
  matmul: [50, 40],
  left: [40, 50],
  batched: [2, 50, 40],
  gemm: [30, 50],
  gemm_plain: [50, 30],
  conv: [16, 8, 3, 3],
  pointwise: [40, 8, 1, 1],
  deconv: [8, 12, 2, 2],
  lstm_w: [2, 64, 12],
  lstm_r: [2, 64, 16],
  tied: [40, 64],
  table: [45, 34],
  odd_table: [45, 33],
  einsum: [50, 40],
}

export const layerFeeds = (seed: number): Feeds => ({
  x: float([3, 50], weights(150, seed, 2)),
  picture: float([1, 8, 6, 6], weights(288, seed + 1, 2)),
  sequence: float([5, 1, 12], weights(60, seed + 2, 2)),
  hidden: float([3, 64], weights(192, seed + 3, 2)),
  ids: int64([2, 2], [0, 39, 7, seed % 40]),
})

export function everyLayer(opset = 21): Model {
  const inputs = {
    x: tensorType('float32', 3, 50),
    picture: tensorType('float32', 1, 8, 6, 6),
    sequence: tensorType('float32', 5, 1, 12),
    hidden: tensorType('float32', 3, 64),
    ids: tensorType('int64', 2, 2),
  }
  return build(
    opset,
    inputs,
    (graph, input) => {
      const w = (name: string) => {
        const dims = layerWeights[name]!
        return graph.addInitializer(name, floats(dims, weights(size(dims), size(dims) + name.length, 0.3)))
      }
      const x = input('x')
      const output = (opType: string, from: Parameters<typeof add>[2], name: string, attributes = {}) =>
        graph.addOutput(add(graph, opType, from, `${name}_y`, attributes))
      output('MatMul', [x, w('matmul')], 'matmul')
      const turned = add(graph, 'Transpose', [x], 'x_turned', { perm: intList(1, 0) })
      output('MatMul', [w('left'), turned], 'left')
      output('MatMul', [x, w('batched')], 'batched')
      const bias = graph.addInitializer('bias', floats([30], weights(30, 4, 0.5)))
      output('Gemm', [x, w('gemm'), bias], 'gemm', { transB: int(1) })
      output('Gemm', [x, w('gemm_plain')], 'gemm_plain')
      output('Conv', [input('picture'), w('conv')], 'conv')
      output('Conv', [input('picture'), w('pointwise')], 'pointwise')
      output('ConvTranspose', [input('picture'), w('deconv')], 'deconv')
      output('LSTM', [input('sequence'), w('lstm_w'), w('lstm_r')], 'lstm', {
        hidden_size: int(16),
        direction: { type: 'string', value: 'bidirectional' },
      })
      const tied = w('tied')
      output('Gather', [tied, input('ids')], 'looked_up')
      const head = add(graph, 'Transpose', [tied], 'head', { perm: intList(1, 0) })
      output('MatMul', [input('hidden'), head], 'head')
      output('Gather', [w('table'), input('ids')], 'table')
      output('Gather', [w('odd_table'), input('ids')], 'odd_table')
      output('Einsum', [x, w('einsum')], 'einsum', { equation: { type: 'string', value: 'ij,jk->ik' } })
      graph.addInitializer('unused_shape', ints(1))
    },
    10,
  )
}

/** The weight that a value of a quantized model stands for, in the order of the source's elements, computed in doubles. */
export function dequantized(model: Model, name: string): Float64Array | undefined {
  const value = model.graph.find(name)!
  const tensor = value.initializer!
  if (tensor.dataType === 'float32') return undefined
  let node = value.uses[0]!.node
  if (node.opType === 'Reshape') node = node.outputs[0]!.uses[0]!.node
  const source = layerWeights[name]!
  return node.opType === 'DequantizeLinear' ? linear(node) : blocks(node, source)
}

function linear(node: Node): Float64Array {
  const [tensor, scales, zeros] = node.inputs.map((input) => input!.initializer!)
  const dims = tensor!.dims
  const scale = scales!.float32()
  const zero = zeros?.elements()
  const axis = node.int('axis', 1)
  const inner = size(dims.slice(axis + 1))
  const blockSize = node.int('block_size', 0)
  return Float64Array.from(tensor!.elements() as number[], (q, at) => {
    const place = Math.floor(at / inner) % dims[axis]!
    const outer = Math.floor(at / inner / dims[axis]!)
    const count = Math.ceil(dims[axis]! / blockSize)
    const block =
      scales!.dims.length === 0
        ? 0
        : blockSize === 0
          ? place
          : (outer * count + Math.floor(place / blockSize)) * inner + (at % inner)
    return (q - Number(zero?.[block] ?? 0)) * scale[block]!
  })
}

/** As docs/ContribOperators.md of onnxruntime describes MatMulNBits and GatherBlockQuantized. */
function blocks(node: Node, source: readonly number[]): Float64Array {
  const product = node.opType === 'MatMulNBits'
  const data = node.inputs[product ? 1 : 0]!
  const packed = (data.initializer ?? data.producer!.inputs[0]!.initializer)!.bytes()
  const scale = node.inputs[2]!.initializer!.float32()
  const zeros = node.inputs[3]?.initializer?.bytes()
  const [bits, blockSize] = [node.int('bits', 4), node.int('block_size', 0)]
  // MatMul reads [K, N]; what Gemm, Gather and a Transpose read is [N, K] here, but for the plain Gemm.
  const rows = scaleRows(node)
  const columns = size(source) / rows
  const transposed = product && source[0] === columns && source[1] === rows && source[0] !== source[1]
  const count = Math.ceil(columns / blockSize)
  const element = (bytes: Uint8Array, row: number, rowBytes: number, index: number) => {
    const byte = bytes[row * rowBytes + Math.floor((index * bits) / 8)]!
    return (byte >> ((index * bits) % 8)) & (2 ** bits - 1)
  }
  const result = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const block = Math.floor(column / blockSize)
      const q = element(packed, row, packed.length / rows, column)
      const zero = zeros ? element(zeros, row, zeros.length / rows, block) : 2 ** (bits - 1)
      result[transposed ? column * rows + row : row * columns + column] =
        (q - zero) * scale[row * count + block]!
    }
  }
  return result
}

const scaleRows = (node: Node): number => node.inputs[2]!.initializer!.dims[0]!
