import type { DataType, Node, Value } from '@unplugin-onnx/core'
import type { Fact, Facts } from './table'

/** What operators take where an attribute is left out, as far as rules ask for it. */
const defaults: Readonly<Record<string, Readonly<Record<string, Fact>>>> = {
  'com.microsoft.MatMulNBits': { bits: 4 },
  'com.microsoft.GatherBlockQuantized': { bits: 4, block_size: 128, gather_axis: 0 },
}

/**
 * What rules can ask of a node:
 * - `opset`: version of its domain that the model asks for
 * - `input0`, `output0` …: element types
 * - `constant0` …: whether an input is constant
 * - `rank0` …: number of dimensions of an input, where it is constant or declared
 * - `sparse`: whether an input is a sparse initializer
 * - `half`: whether it makes float16, or reads it from anything but a constant
 * - each attribute that is one number or string, by its own name
 * - of QuantizeLinear and DequantizeLinear: `granularity` `tensor`, `axis` or `block`, and `zeroPoint` `none` or `given`
 * - of MatMulInteger, ConvInteger: `weightZeroPoint` `none`, `scalar` or `axis`
 * - of MatMulNBits and GatherBlockQuantized: `zeroPoint` `none` or `given`
 * - of Conv, ConvTranspose and ConvInteger: `kernel` (the longest side), `inputChannels` and `outputChannels`, both of one
 *   group, `allOutputChannels`, `group`, and `dimensions` (spatial ones)
 */
export function factsOf(node: Node, types: ReadonlyMap<Value, DataType | undefined>): Facts {
  const { domain, opType, inputs, outputs } = node
  const facts: Record<string, Fact | undefined> = {
    opset: node.graph.model.opset(domain),
    ...defaults[domain === '' ? opType : `${domain}.${opType}`],
  }
  for (const { name, type, value } of node.attributes()) {
    if (type === 'int' || type === 'float' || type === 'string') facts[name] = plain(value)
  }
  let half = false
  let sparse = false
  for (const [index, value] of inputs.entries()) {
    if (value === undefined) continue
    const type = types.get(value)
    facts[`input${index}`] = type
    facts[`constant${index}`] = isConstant(value)
    facts[`rank${index}`] = dimsOf(value)?.length
    half ||= type === 'float16' && !isConstant(value)
    sparse ||= value.sparseInitializer !== undefined
  }
  for (const [index, value] of outputs.entries()) {
    if (value === undefined) continue
    const type = types.get(value)
    facts[`output${index}`] = type
    half ||= type === 'float16' && opType !== 'Constant'
  }
  return { ...facts, half, sparse, ...special[opType]?.(node) }
}

const special: Readonly<Record<string, (node: Node) => Facts>> = {
  QuantizeLinear: linear,
  DequantizeLinear: linear,
  MatMulInteger: ({ inputs }) => ({ weightZeroPoint: zeroPointKind(inputs[3]) }),
  ConvInteger: (node) => ({ ...convolution(node), weightZeroPoint: zeroPointKind(node.inputs[3]) }),
  MatMulNBits: ({ inputs }) => ({ zeroPoint: inputs[3] === undefined ? 'none' : 'given' }),
  GatherBlockQuantized: ({ inputs }) => ({ zeroPoint: inputs[3] === undefined ? 'none' : 'given' }),
  Conv: convolution,
  ConvTranspose: convolution,
}

function linear(node: Node): Facts {
  const [, scale, zeroPoint] = node.inputs
  const block = node.int('block_size', 0) > 0
  const rank = scale && dimsOf(scale)?.length
  const elements = scale && dimsOf(scale)?.reduce<number>((size, dim) => size * Number(dim), 1)
  const granularity = block ? 'block' : elements === 1 ? 'tensor' : rank === 1 ? 'axis' : undefined
  return {
    zeroPoint: zeroPoint === undefined ? 'none' : 'given',
    ...(granularity !== undefined && { granularity }),
  }
}

function convolution(node: Node): Facts {
  const dims = node.inputs[1] && dimsOf(node.inputs[1])
  if (dims === undefined) return {}
  const group = node.int('group', 1)
  const [first, second, ...kernel] = dims.map((dim) => (typeof dim === 'number' ? dim : undefined))
  const transposed = node.opType === 'ConvTranspose'
  const whole = first !== undefined && first % group === 0 ? first / group : undefined
  const known = kernel.filter((size) => size !== undefined)
  return {
    group,
    dimensions: kernel.length,
    kernel: known.length === kernel.length ? Math.max(0, ...known) : undefined,
    inputChannels: transposed ? whole : second,
    outputChannels: transposed ? second : whole,
    allOutputChannels: transposed ? second && second * group : first,
  }
}

function zeroPointKind(value: Value | undefined): Fact {
  if (value === undefined) return 'none'
  const dims = dimsOf(value)
  return dims === undefined || dims.some((dim) => dim !== 1) ? 'axis' : 'scalar'
}

type Dims = readonly (number | string | undefined)[]

/** Of constants, of what is declared, and of weights that are given back from how they are stored. */
function dimsOf(value: Value): Dims | undefined {
  const { initializer, sparseInitializer, producer, type } = value
  const known = (initializer ?? sparseInitializer)?.dims ?? (type?.kind === 'tensor' ? type.shape : undefined)
  if (known !== undefined || producer === undefined || producer.domain !== '') return known
  const [first, second] = producer.inputs
  switch (producer.opType) {
    case 'Constant':
      return producer.tensor('value')?.dims
    case 'Cast':
    case 'DequantizeLinear':
      return first && dimsOf(first)
    case 'Reshape':
      return second?.initializer && Array.from(second.initializer.elements(), Number)
    default:
      return undefined
  }
}

const isConstant = (value: Value): boolean => value.isConstant || isConstantNode(value.producer)

const isConstantNode = (node: Node | undefined): boolean => node?.opType === 'Constant' && node.domain === ''

const plain = (value: unknown): Fact | undefined =>
  typeof value === 'bigint'
    ? Number(value)
    : typeof value === 'number' || typeof value === 'string'
      ? value
      : undefined
