import type { Node } from '../../graph/node'
import { amount, fixed, type Length, one, product, type Shape, times } from './amount'
import { broadcast } from './shape-rules'

/** What a rule may look at: shapes of a node's inputs and of its first output. */
export interface Scene {
  readonly input: (index: number) => Shape | undefined
  readonly output: Shape | undefined
}

export type MacRule = (node: Node, scene: Scene) => Length

/** A product of matrices, stacks of them included: M * K * N in each. */
const matMul =
  (right: number): MacRule =>
  (_, { input }) => {
    const [a, b] = [input(0), input(right)]
    if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined
    const batches = broadcast(a.slice(0, -2), b.slice(0, -2))
    const rows = a.length > 1 ? a.at(-2) : one
    const columns = b.length > 1 ? b.at(-1) : one
    return product([
      ...(batches ?? [undefined]),
      rows,
      inner(a.at(-1), b.at(b.length > 1 ? -2 : -1)),
      columns,
    ])
  }

/** The axis that both sides share: either knows its length. */
const inner = (a: Length, b: Length): Length => (fixed(a) !== undefined ? a : (b ?? a))

const gemm =
  (right: number): MacRule =>
  (node, { input }) => {
    const [a, b] = [input(0), input(right)]
    if (a?.length !== 2 || b?.length !== 2) return undefined
    const [rows, shared] = node.int('transA', 0) === 1 ? [a[1], a[0]] : a
    const [other, columns] = node.int('transB', 0) === 1 ? [b[1], b[0]] : b
    return product([rows, inner(shared, other), columns])
  }

/** FusedMatMul, whose last two axes may be turned. */
const fusedMatMul: MacRule = (node, scene) => {
  const turned = (index: number, attribute: string) => {
    const shape = scene.input(index)
    if (shape === undefined || shape.length < 2 || node.int(attribute, 0) === 0) return shape
    return [...shape.slice(0, -2), shape.at(-1), shape.at(-2)]
  }
  const shapes = [turned(0, 'transA'), turned(1, 'transB')]
  return matMul(1)(node, { ...scene, input: (index) => shapes[index] })
}

/** Every element of the output sums up a kernel over the input channels of its group. */
const convolution =
  (weight: number): MacRule =>
  (_, { input, output }) => {
    const kernel = input(weight)
    return output && kernel && times(product(output), product(kernel.slice(1)))
  }

/** Every element of the input goes into a kernel for each output channel of its group. */
const transposedConvolution: MacRule = (_, { input }) => {
  const [data, kernel] = [input(0), input(1)]
  return data && kernel && times(product(data), product(kernel.slice(1)))
}

/** In every step and for every sample: all weights of the input and all of the recurrence. */
const recurrent: MacRule = (_, { input }) => {
  const [data, weights, recurrence] = [input(0), input(1), input(2)]
  if (data?.length !== 3 || weights === undefined || recurrence === undefined) return undefined
  const [a, b] = [product(weights), product(recurrence)]
  if (fixed(a) === undefined || fixed(b) === undefined) return undefined
  return product([data[0], data[1], amount((fixed(a) ?? 0) + (fixed(b) ?? 0))])
}

const matMulNBits: MacRule = (node, { input }) => {
  const data = input(0)
  return data && product([...data.slice(0, -1), amount(node.int('K', 0)), amount(node.int('N', 0))])
}

/** Products of the lengths of all letters; of more than two operands the order would decide. */
const einsum: MacRule = (node, { input }) => {
  const [left = ''] = node.string('equation', '').replace(/\s/g, '').split('->')
  const operands = left.split(',')
  if (operands.length !== 2 || left.includes('.')) return undefined
  const lengths = new Map<string, Length>()
  for (const [index, letters] of operands.entries()) {
    const shape = input(index)
    if (shape?.length !== letters.length) return undefined
    for (const [axis, letter] of [...letters].entries())
      lengths.set(letter, inner(lengths.get(letter), shape[axis]))
  }
  return product([...lengths.values()])
}

/** Scores, and the sum of values by them. The key's length is its own, and what came before. */
const attention: MacRule = (node, { input }) => {
  const [query, key, value, past] = [input(0), input(1), input(2), input(4)]
  if (query === undefined || key === undefined || value === undefined) return undefined
  const before = node.inputs[4] === undefined ? 0 : fixed(past?.[2])
  const own = key.at(-2)
  const keys =
    before === 0
      ? own
      : fixed(own) !== undefined && before !== undefined
        ? amount((fixed(own) ?? 0) + before)
        : undefined
  // [batch, heads, length, size], or [batch, length, heads * size].
  const heads = node.int('q_num_heads', 0)
  const keyHeads = node.int('kv_num_heads', heads)
  const outer = query.length === 4 ? product([query[0], query[1], query[2]]) : product([query[0], query[1]])
  const widths = query.length === 4 ? [query[3], value[3]] : [query[2], grouped(value[2], heads, keyHeads)]
  const width =
    fixed(widths[0]) === undefined || fixed(widths[1]) === undefined
      ? undefined
      : amount((fixed(widths[0]) ?? 0) + (fixed(widths[1]) ?? 0))
  return product([outer, keys, width])
}

/** What all query heads read of values that they share. */
function grouped(width: Length, heads: number, keyHeads: number): Length {
  const size = fixed(width)
  return size === undefined || heads === 0 || keyHeads === 0 ? width : amount((size / keyHeads) * heads)
}

/** Multiplications with additions of one node, by operator; operators that aren't here multiply no two tensors with a sum. */
export const macRules: ReadonlyMap<string, MacRule> = new Map<string, MacRule>([
  ['MatMul', matMul(1)],
  ['MatMulInteger', matMul(1)],
  ['QLinearMatMul', matMul(3)],
  ['com.microsoft.MatMulIntegerToFloat', matMul(1)],
  ['com.microsoft.DynamicQuantizeMatMul', matMul(1)],
  ['com.microsoft.FusedMatMul', fusedMatMul],
  ['com.microsoft.TransposeMatMul', fusedMatMul],
  ['com.microsoft.MatMulNBits', matMulNBits],
  ['Gemm', gemm(1)],
  ['com.microsoft.FusedGemm', gemm(1)],
  ['com.microsoft.QGemm', gemm(3)],
  ['Conv', convolution(1)],
  ['ConvInteger', convolution(1)],
  ['QLinearConv', convolution(3)],
  ['DeformConv', convolution(1)],
  ['com.microsoft.FusedConv', convolution(1)],
  ['ConvTranspose', transposedConvolution],
  ['LSTM', recurrent],
  ['GRU', recurrent],
  ['RNN', recurrent],
  ['com.microsoft.DynamicQuantizeLSTM', recurrent],
  ['Einsum', einsum],
  ['Attention', attention],
])
