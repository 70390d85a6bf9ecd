import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import type { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'

/** A node that multiplies its input with a constant float32 matrix: y = W x + b, for each position. */
export interface LinearLayer {
  readonly node: Node
  readonly kind: 'MatMul' | 'Gemm' | 'Conv' | 'ConvTranspose'
  readonly weight: Value
  /** What it multiplies the weight with. */
  readonly input: Value
  /** Index of that input of the node. */
  readonly inputIndex: number
  readonly bias: Value | undefined
  /** 1 but for grouped Conv and ConvTranspose. */
  readonly groups: number
  /** Output channels of one group. */
  readonly outputs: number
  /** Inputs of one output: K of a matrix product, channels * kernel of a convolution. */
  readonly features: number
  /** How the weight's elements lie: strides of [group, output, feature's channel, feature's kernel position]. */
  readonly strides: readonly [group: number, output: number, channel: number, kernel: number]
  /** Positions of the kernel; 1 for matrix products. */
  readonly kernelSize: number
}

/**
 * The layers whose weight is a constant of its own: MatMul with a matrix on either side, Gemm, Conv, ConvTranspose.
 * Weights are looked at where they stand, not through other nodes: run fold-constants before.
 */
export function linearLayers(model: Model): LinearLayer[] {
  const layers: LinearLayer[] = []
  for (const node of model.nodes()) {
    const layer = linearLayer(node)
    if (layer !== undefined) layers.push(layer)
  }
  return layers
}

const constant = (value: Value | undefined): Tensor | undefined => {
  if (value === undefined || !value.isConstant) return undefined
  const tensor = value.initializer
  return tensor?.dataType === 'float32' && tensor.size > 0 ? tensor : undefined
}

export function linearLayer(node: Node): LinearLayer | undefined {
  if (node.domain !== '') return undefined
  switch (node.opType) {
    case 'MatMul':
      return matMul(node, 1) ?? matMul(node, 0)
    case 'Gemm':
      return gemm(node)
    case 'Conv':
    case 'ConvTranspose':
      return convolution(node, node.opType)
    default:
      return undefined
  }
}

function matMul(node: Node, index: 0 | 1): LinearLayer | undefined {
  const weight = node.inputs[index]
  const input = node.inputs[1 - index]
  const tensor = constant(weight)
  if (weight === undefined || input === undefined || input.isConstant || tensor?.dims.length !== 2)
    return undefined
  const [rows = 0, columns = 0] = tensor.dims
  // A weight on the left multiplies columns of its input: [outputs, features] as it stands.
  const [outputs, features, strides] =
    index === 1 ? [columns, rows, [0, 1, columns, 0] as const] : [rows, columns, [0, columns, 1, 0] as const]
  const base = { node, kind: 'MatMul' as const, weight, input, inputIndex: 1 - index, bias: undefined }
  return { ...base, groups: 1, outputs, features, strides, kernelSize: 1 }
}

function gemm(node: Node): LinearLayer | undefined {
  const [input, weight, bias] = node.inputs
  const tensor = constant(weight)
  if (weight === undefined || input === undefined || input.isConstant || tensor?.dims.length !== 2)
    return undefined
  if (node.float('alpha', 1) !== 1) return undefined
  const [rows = 0, columns = 0] = tensor.dims
  const transposed = node.int('transB', 0) === 1
  return {
    node,
    kind: 'Gemm',
    weight,
    input,
    inputIndex: 0,
    bias,
    groups: 1,
    outputs: transposed ? rows : columns,
    features: transposed ? columns : rows,
    strides: transposed ? [0, columns, 1, 0] : [0, 1, columns, 0],
    kernelSize: 1,
  }
}

function convolution(node: Node, kind: 'Conv' | 'ConvTranspose'): LinearLayer | undefined {
  const [input, weight, bias] = node.inputs
  const tensor = constant(weight)
  if (weight === undefined || input === undefined || input.isConstant || tensor === undefined)
    return undefined
  if (tensor.dims.length < 3) return undefined
  const groups = node.int('group', 1)
  const [first = 0, second = 0, ...kernel] = tensor.dims
  const kernelSize = kernel.reduce((size, dim) => size * dim, 1)
  const base = { node, kind, weight, input, inputIndex: 0, bias, groups, kernelSize }
  if (kind === 'Conv') {
    // [outputs, channels of a group, kernel]
    const outputs = first / groups
    const row = second * kernelSize
    return { ...base, outputs, features: row, strides: [outputs * row, row, kernelSize, 1] }
  }
  // [channels, outputs of a group, kernel]
  const channels = first / groups
  const strides = [channels * second * kernelSize, kernelSize, second * kernelSize, 1] as const
  return { ...base, outputs: second, features: channels * kernelSize, strides }
}

/**
 * The weight as rows, one for each output channel: [groups * outputs, features], row-major.
 * @param data other data in the order of the weight's elements
 */
export function weightRows(
  layer: LinearLayer,
  data: Float32Array = layer.weight.initializer?.float32() ?? new Float32Array(),
): Float32Array {
  const rows = new Float32Array(data.length)
  visit(layer, (row, element) => {
    rows[row] = data[element] as number
  })
  return rows
}

/** The inverse of `weightRows`: rows in the order of the weight's own elements. */
export function fromRows(layer: LinearLayer, rows: Float32Array): Float32Array {
  const data = new Float32Array(rows.length)
  visit(layer, (row, element) => {
    data[element] = rows[row] as number
  })
  return data
}

function visit(layer: LinearLayer, each: (row: number, element: number) => void): void {
  const { groups, outputs, features, kernelSize, strides } = layer
  const [groupStride, outputStride, channelStride, kernelStride] = strides
  const channels = features / kernelSize
  let row = 0
  for (let group = 0; group < groups; group++) {
    for (let output = 0; output < outputs; output++) {
      const start = group * groupStride + output * outputStride
      for (let channel = 0; channel < channels; channel++) {
        for (let k = 0; k < kernelSize; k++) each(row++, start + channel * channelStride + k * kernelStride)
      }
    }
  }
}
