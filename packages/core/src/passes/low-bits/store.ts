import type { AttributeValue } from '../../graph/attribute'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { blocksPerRow, type QuantizedBlocks, zeroPointBytes } from '../../kernels/blocks'
import { cutRows, type RowOrder, tensorBytes } from '../../kernels/row-order'
import type { Placement } from '../placement'
import type { DequantizeForm, Form, NBitsForm } from './form'
import { Parts } from './parts'
import { isPassedOn } from './passed-on'

/**
 * Puts the integers in the weight's place, and what gives the weights back between it and its readers.
 * @param quantize called when the model is written, once for all parts where they're written in the model's order
 */
export function store(
  value: Value,
  form: Form,
  symmetric: boolean,
  placement: Placement,
  quantize: () => QuantizedBlocks,
): void {
  const parts = new Parts(quantize)
  if (form.kind === 'nbits') storeNBits(value, form, symmetric, placement, parts)
  else storeDequantized(value, form, symmetric, placement, parts)
}

const bytesOf = (array: Float32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const int = (value: number): AttributeValue => ({ type: 'int', value })

function storeNBits(
  value: Value,
  { readers, layout }: NBitsForm,
  symmetric: boolean,
  placement: Placement,
  parts: Parts,
): void {
  const { graph, name } = value
  const { products, turns, lookups } = readers
  const { rows, columns, blockSize, bits } = layout
  const blocks = blocksPerRow(layout)
  graph.model.opsetImports.set('com.microsoft', graph.model.opsetImports.get('com.microsoft') ?? 1)
  const first = placement.firstUser(value)
  const tableBytes = (columns * bits) / 8
  const matrixDims = [rows, blocks, (blockSize * bits) / 8]
  value.initializer =
    products.length > 0
      ? Tensor.lazy('uint8', matrixDims, () => parts.packed())
      : Tensor.lazy('uint8', [rows, tableBytes], () => cutRows(parts.packed(), rows, tableBytes))
  const scaleTensor = Tensor.lazy('float32', [rows, blocks], () => parts.scaleBytes())
  const scale = graph.addInitializer(graph.uniqueName(`${name}_scale`), scaleTensor)
  const zeroDims = [rows, zeroPointBytes(layout)]
  // What GatherBlockQuantized takes for a missing zero point depends on the execution provider.
  const middles = () => new Uint8Array(rows * zeroPointBytes(layout)).fill(middleByte(bits))
  const zeroPoint =
    symmetric && lookups.length === 0
      ? undefined
      : graph.addInitializer(
          graph.uniqueName(`${name}_zero_point`),
          Tensor.lazy('uint8', zeroDims, symmetric ? middles : () => parts.zeroPoints()),
        )
  let table = value
  if (products.length > 0 && lookups.length > 0 && first !== undefined) {
    const shape = Tensor.of('int64', [2], [rows, tableBytes])
    const inputs = [value, graph.addInitializer(graph.uniqueName(`${name}_table_shape`), shape)]
    const outputs = [graph.uniqueName(`${name}_table`)]
    table = graph.addNode({ opType: 'Reshape', inputs, outputs }, { before: first }).outputs[0] ?? value
  }
  const common = { bits: int(bits), block_size: int(blockSize) }
  const rest = zeroPoint === undefined ? [scale] : [scale, zeroPoint]
  for (const node of products) {
    const [input, , bias] = node.inputs
    // Not the operator's own bias input: not all providers have it.
    if (node.opType === 'Gemm' && bias !== undefined) {
      const outputs = [node.graph.uniqueName(`${node.outputs[0]?.name ?? name}_product`)]
      const attributes = { K: int(columns), N: int(rows), ...common }
      const product = node.graph.addNode(
        {
          opType: 'MatMulNBits',
          domain: 'com.microsoft',
          inputs: [input, value, ...rest],
          outputs,
          attributes,
        },
        { before: node },
      )
      node.graph.replaceNode(node, { opType: 'Add', name: node.name, inputs: [product.outputs[0], bias] })
      continue
    }
    node.graph.replaceNode(node, {
      opType: 'MatMulNBits',
      domain: 'com.microsoft',
      name: node.name,
      inputs: [input, value, ...rest],
      attributes: { K: int(columns), N: int(rows), ...common },
    })
  }
  for (const node of lookups) {
    node.graph.replaceNode(node, {
      opType: 'GatherBlockQuantized',
      domain: 'com.microsoft',
      name: node.name,
      inputs: [table, node.inputs[1], ...rest],
      attributes: { gather_axis: int(0), quantize_axis: int(1), ...common },
    })
  }
  for (const node of turns) node.graph.removeNode(node)
}

/** A byte full of zero points 2^(bits - 1). */
const middleByte = (bits: 8 | 4 | 2): number => (bits === 8 ? 0x80 : bits === 4 ? 0x88 : 0xaa)

function storeDequantized(
  value: Value,
  { dims, axis, blocked, order, layout }: DequantizeForm,
  symmetric: boolean,
  placement: Placement,
  parts: Parts,
): void {
  const user = placement.firstUser(value)
  const { graph, name, initializer } = value
  if (user === undefined || initializer === undefined) return
  const { rows, blockSize, bits } = layout
  const blocks = blocksPerRow(layout)
  const uses = [...value.uses]
  const width = bits === 8 ? 8 : 4
  const dataType = `${symmetric ? '' : 'u'}int${width}` as const
  const subtract = symmetric ? 2 ** (bits - 1) : 0
  if (width === 4 && graph.model.irVersion < 10) graph.model.irVersion = 10
  value.initializer = Tensor.lazy(dataType, dims, () =>
    tensorBytes({ bytes: parts.packed(), pitch: blocks * blockSize, bits }, order, width, subtract),
  )
  const scaleDims =
    axis === undefined ? [] : blocked ? dims.map((dim, at) => (at === axis ? blocks : dim)) : [rows]
  const scaleOrder: RowOrder = { ...order, size: blocked ? blocks : order.size }
  const transposed = blocked && order.inner > 1
  const scale = graph.addInitializer(
    graph.uniqueName(`${name}_scale`),
    Tensor.lazy('float32', scaleDims, () =>
      bytesOf(transposed ? turned(parts.scales(), scaleOrder) : parts.scales()),
    ),
  )
  const inputs = [value, scale]
  if (!symmetric) {
    const zeroOrder: RowOrder = blocked ? scaleOrder : { outer: 1, size: rows, inner: 1, along: false }
    const pitch = (zeroPointBytes(layout) * 8) / bits
    const zeros = Tensor.lazy(dataType, scaleDims, () =>
      tensorBytes({ bytes: parts.zeroPoints(), pitch, bits }, zeroOrder, width, 0),
    )
    inputs.push(graph.addInitializer(graph.uniqueName(`${name}_zero_point`), zeros))
  } else if (isPassedOn(uses)) {
    const count = scaleDims.reduce((product, dim) => product * dim, 1)
    const zeros = Tensor.fromBytes(dataType, scaleDims, new Uint8Array(Math.ceil((count * width) / 8)))
    inputs.push(graph.addInitializer(graph.uniqueName(`${name}_zero_point`), zeros))
  }
  const attributes: Record<string, AttributeValue> = {}
  if (axis !== undefined) attributes.axis = int(axis)
  if (blocked) attributes.block_size = int(blockSize)
  const outputs = [graph.uniqueName(`${name}_dequantized`)]
  let [output] = graph.addNode(
    { opType: 'DequantizeLinear', inputs, outputs, attributes },
    { before: user },
  ).outputs
  if (dims.length !== initializer.dims.length && output !== undefined) {
    const shape = Tensor.of('int64', [initializer.dims.length], initializer.dims)
    const target = graph.addInitializer(graph.uniqueName(`${name}_shape`), shape)
    const reshaped = [graph.uniqueName(`${name}_reshaped`)]
    ;[output] = graph.addNode(
      { opType: 'Reshape', inputs: [output, target], outputs: reshaped },
      { before: user },
    ).outputs
  }
  for (const { node, index } of uses) node.setInput(index, output)
}

/** Scales [rows, blocks] in the order of a tensor. */
function turned(scales: Float32Array, { outer, size, inner }: RowOrder): Float32Array {
  const result = new Float32Array(scales.length)
  for (let row = 0, at = 0; row < outer * inner; row++) {
    const start = Math.floor(row / inner) * size * inner + (row % inner)
    for (let block = 0; block < size; block++) result[start + block * inner] = scales[at++] as number
  }
  return result
}
