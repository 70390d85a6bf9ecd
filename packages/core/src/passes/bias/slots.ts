import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { onlyReader } from '../channel-affine'
import { constantOf } from '../facts'

/** A layer with quantized weights, and where a number for each of its channels can be added. */
export interface BiasSlot {
  readonly node: Node
  /** What the layer gives, its bias included. */
  readonly output: Value
  readonly channels: number
  /** Axis of the channels in the output; negative ones count from the end. */
  readonly axis: 1 | -1
  /** @returns whether that makes a difference: integers may be too coarse for it */
  add(delta: Float64Array): boolean
}

export interface Slotless {
  readonly node: Node
  readonly reason: string
}

/**
 * Layers whose weights are quantized, in the graph's order: with weights through DequantizeLinear, MatMulInteger and
 * ConvInteger as quantize-dynamic writes them, MatMulNBits.
 */
export function biasSlots(model: Model): (BiasSlot | Slotless)[] {
  const slots: (BiasSlot | Slotless)[] = []
  for (const node of model.nodes()) {
    const slot = slotOf(node)
    if (slot !== undefined) slots.push(slot)
  }
  return slots
}

function slotOf(node: Node): BiasSlot | Slotless | undefined {
  const [, weight] = node.inputs
  const dims = weight && dequantizedDims(weight)
  switch (`${node.domain}:${node.opType}`) {
    case ':Conv':
      return dims && inputSlot(node, dims[0] ?? 0, 1)
    case ':ConvTranspose':
      return dims && inputSlot(node, (dims[1] ?? 0) * node.int('group', 1), 1)
    case ':Gemm':
      if (dims === undefined) return undefined
      if (node.float('beta', 1) !== 1) return { node, reason: 'it scales its bias' }
      return inputSlot(node, dims[node.int('transB', 0) === 1 ? 0 : 1] ?? 0, -1)
    case ':MatMul':
      return dims?.length === 2 ? addSlot(node, node.outputs[0], dims[1] ?? 0, -1) : undefined
    case 'com.microsoft:MatMulNBits':
      return addSlot(node, node.outputs[0], node.int('N', 0), -1)
    case ':MatMulInteger':
      return integerSlot(node, constantOf(weight)?.dims[1] ?? 0, -1)
    case ':ConvInteger':
      return integerSlot(node, constantOf(weight)?.dims[0] ?? 0, 1)
    default:
      return undefined
  }
}

/** Dimensions of a constant that DequantizeLinear gives back. */
function dequantizedDims({ producer }: Value): readonly number[] | undefined {
  if (producer?.opType !== 'DequantizeLinear') return undefined
  return constantOf(producer.inputs[0])?.dims
}

/** Behind MatMulInteger and ConvInteger come a Cast and a Mul with the scales. */
function integerSlot(node: Node, channels: number, axis: 1 | -1): BiasSlot | Slotless | undefined {
  const cast = onlyReader(node.outputs[0])?.node
  const scaled = cast?.opType === 'Cast' ? onlyReader(cast.outputs[0])?.node : undefined
  return scaled?.opType === 'Mul' ? addSlot(node, scaled.outputs[0], channels, axis) : undefined
}

/** The bias is what an Add behind the layer adds. */
function addSlot(node: Node, value: Value | undefined, channels: number, axis: 1 | -1): BiasSlot | Slotless {
  const use = onlyReader(value)
  const index = 1 - (use?.index ?? 0)
  const bias = use?.node.opType === 'Add' ? use.node.inputs[index] : undefined
  const output = use?.node.outputs[0]
  const tensor = constantOf(bias)
  if (use === undefined || bias === undefined || output === undefined || !isBias(tensor, channels, axis))
    return { node, reason: 'has no bias to correct' }
  return { node, output, channels, axis, add: (delta) => addToFloats(use.node, index, bias, delta) }
}

/** The bias is the third input. */
function inputSlot(node: Node, channels: number, axis: 1 | -1): BiasSlot | Slotless | undefined {
  const [output] = node.outputs
  const [, , bias] = node.inputs
  if (output === undefined) return undefined
  const slot = { node, output, channels, axis }
  if (bias === undefined) {
    const scales = productScales(node)
    return { ...slot, add: (delta) => newBias(node, delta, scales) }
  }
  const tensor = constantOf(bias)
  if (tensor?.dataType === 'float32' && tensor.size === channels)
    return { ...slot, add: (delta) => addToFloats(node, 2, bias, delta) }
  const { producer } = bias
  const integers = producer?.opType === 'DequantizeLinear' ? producer.inputs[0] : undefined
  const scales = constantOf(producer?.inputs[1])
  if (
    producer === undefined ||
    integers === undefined ||
    scales?.dataType !== 'float32' ||
    constantOf(integers)?.dataType !== 'int32'
  )
    return { node, reason: 'its bias is not constant' }
  return { ...slot, add: (delta) => addToIntegers(producer, integers, scales.float32(), delta) }
}

/** Of one element a channel that lies where the channels lie. */
function isBias(tensor: Tensor | undefined, channels: number, axis: 1 | -1): boolean {
  if (tensor?.dataType !== 'float32' || tensor.size !== channels) return false
  return tensor.dims.at(axis === 1 ? Math.min(1, tensor.dims.length - 1) : -1) === channels
}

const isOwn = (value: Value): boolean =>
  value.isConstant && !value.isInput && !value.isOutput && value.uses.length === 1

function addToFloats(node: Node, index: number, bias: Value, delta: Float64Array): boolean {
  const tensor = constantOf(bias)
  if (tensor === undefined) return false
  const sums = tensor.float32().map((value, channel) => value + (delta[channel] as number))
  put(node, index, bias, Tensor.fromBytes('float32', tensor.dims, new Uint8Array(sums.buffer)))
  return true
}

function addToIntegers(
  dequantize: Node,
  integers: Value,
  scales: Float32Array,
  delta: Float64Array,
): boolean {
  const tensor = constantOf(integers)
  if (tensor === undefined) return false
  const steps = Array.from(delta, (value, channel) =>
    Math.round(value / (scales[scales.length === 1 ? 0 : channel] as number)),
  )
  if (steps.every((step) => step === 0)) return false
  const sums = tensor.ints().map((value, channel) => clamped(value + (steps[channel] as number)))
  put(dequantize, 0, integers, Tensor.of('int32', tensor.dims, sums))
  return true
}

const clamped = (value: number): number => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value))

/** A bias that others read as well stays as it is for them. */
function put(node: Node, index: number, bias: Value, tensor: Tensor): void {
  if (isOwn(bias)) {
    bias.initializer = tensor
    return
  }
  const { graph } = node
  node.setInput(index, graph.addInitializer(graph.uniqueName(`${bias.name}_corrected`), tensor))
}

/** Scales of an int32 bias, where activations are quantized too; undefined where they are float32. */
function productScales({
  inputs: [input, weight],
}: Node): { scales: Float32Array; perChannel: boolean } | undefined {
  const scaleOf = (value: Value | undefined) =>
    value?.producer?.opType === 'DequantizeLinear' && value.producer.domain === ''
      ? constantOf(value.producer.inputs[1])
      : undefined
  const [activations, weights] = [scaleOf(input), scaleOf(weight)]
  if (activations?.size !== 1 || weights === undefined) return undefined
  const factor = activations.float32()[0] ?? 1
  return { scales: weights.float32().map((scale) => scale * factor), perChannel: weights.dims.length === 1 }
}

function newBias(node: Node, delta: Float64Array, products: ReturnType<typeof productScales>): boolean {
  const { graph } = node
  const name = `${node.outputs[0]?.name ?? node.opType}_bias`
  const constant = (suffix: string, tensor: Tensor) =>
    graph.addInitializer(graph.uniqueName(`${name}${suffix}`), tensor)
  const floats = (dims: readonly number[], data: Float32Array) =>
    Tensor.fromBytes('float32', dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  if (products === undefined) {
    node.setInput(2, constant('', floats([delta.length], Float32Array.from(delta))))
    return true
  }
  const { scales, perChannel } = products
  const integers = Array.from(delta, (value, channel) =>
    clamped(Math.round(value / (scales[perChannel ? channel : 0] as number))),
  )
  const inputs = [
    constant('_quantized', Tensor.of('int32', [delta.length], integers)),
    constant(
      '_scale',
      floats(perChannel ? [delta.length] : [], scales.slice(0, perChannel ? delta.length : 1)),
    ),
  ]
  const [bias] = graph.addNode(
    {
      opType: 'DequantizeLinear',
      inputs,
      outputs: [graph.uniqueName(`${name}_dequantized`)],
      attributes: perChannel ? { axis: { type: 'int', value: 0 } } : {},
    },
    { before: node },
  ).outputs
  node.setInput(2, bias)
  return true
}
