/** Tiny models, one for each form of an operator, with inputs and the results that they must give. */
import {
  type DataType,
  encodeModel,
  Model,
  readModel,
  Tensor,
  toFloat16,
  type Value,
} from '@unplugin-onnx/core'

export type FeedType = 'float32' | 'uint8' | 'int8' | 'int64' | 'bool'

export interface Feed {
  readonly type: FeedType
  readonly dims: readonly number[]
  readonly data: readonly number[]
}

/** One form of an operator. */
export interface Probe {
  readonly name: string
  readonly bytes: Uint8Array
  readonly feeds: Readonly<Record<string, Feed>>
  /** Computed here; without it, what WebAssembly gives. */
  readonly wanted?: readonly number[]
}

export type Attributes = NonNullable<Parameters<Model['graph']['addNode']>[0]['attributes']>

/** What a probe's graph is made with. */
export interface Maker {
  readonly model: Model
  /** An input, by name. */
  input(name: string): Value
  constant(tensor: Tensor): Value
  /** A node with one output; the domain stands before a dot. */
  node(operator: string, inputs: readonly (Value | undefined)[], attributes?: Attributes): Value
  nodes(
    operator: string,
    inputs: readonly (Value | undefined)[],
    outputs: number,
    attributes?: Attributes,
  ): Value[]
}

export interface ProbeSpec {
  readonly opset?: number
  readonly feeds: Readonly<Record<string, Feed>>
  readonly make: (maker: Maker) => Value
  readonly wanted?: readonly number[]
}

export const int = (value: number) => ({ type: 'int', value }) as const
export const ints = (...value: number[]) => ({ type: 'ints', value }) as const
export const string = (value: string) => ({ type: 'string', value }) as const

/** A tensor of plain numbers, of float16 and of types under a byte too: the first element in the lowest bits. */
export function tensor(type: DataType, dims: readonly number[], values: readonly number[]): Tensor {
  if (type === 'float16')
    return Tensor.fromBytes(type, dims, new Uint8Array(toFloat16(Float32Array.from(values)).buffer))
  const bits = /int[24]$/.test(type) ? Number(type.slice(-1)) : 8
  if (bits === 8) return Tensor.of(type, dims, values)
  const bytes = new Uint8Array(Math.ceil((values.length * bits) / 8))
  for (const [index, value] of values.entries()) {
    const at = index * bits
    bytes[at >> 3] = (bytes[at >> 3] as number) | ((value & (2 ** bits - 1)) << (at & 7))
  }
  return Tensor.fromBytes(type, dims, bytes)
}

export const shape = (...dims: number[]): Tensor => Tensor.of('int64', [dims.length], dims)

/** Makes the model, and reads it back as engines will read it. */
export function probe(name: string, { opset = 21, feeds, make, wanted }: ProbeSpec): Probe {
  const model = Model.create({
    opsetImports: { '': opset, 'com.microsoft': 1 },
    irVersion: opset >= 25 ? 13 : opset >= 21 ? 10 : opset >= 15 ? 8 : 7,
    name: 'probe',
    inputs: Object.fromEntries(
      Object.entries(feeds).map(([input, { type, dims }]) => [
        input,
        { kind: 'tensor', dataType: type, shape: dims },
      ]),
    ),
  })
  const { graph } = model
  let values = 0
  const nodes: Maker['nodes'] = (operator, inputs, outputs, attributes = {}) => {
    const dot = operator.lastIndexOf('.')
    return graph.addNode({
      opType: operator.slice(dot + 1),
      ...(dot > 0 && { domain: operator.slice(0, dot) }),
      name: `${operator} ${values}`,
      inputs,
      outputs: Array.from({ length: outputs }, () => `value_${values++}`),
      attributes,
    }).outputs as Value[]
  }
  const output = make({
    model,
    input: (input) => graph.find(input) as Value,
    constant: (tensor) => graph.addInitializer(`constant_${values++}`, tensor),
    node: (operator, inputs, attributes) => nodes(operator, inputs, 1, attributes)[0] as Value,
    nodes,
  })
  graph.addOutput(output)
  const bytes = encodeModel(model)
  readModel(bytes)
  return { name, bytes, feeds, ...(wanted && { wanted }) }
}

export const sizeOf = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1)

/** Even numbers between the bounds, the same for the same seed. */
export function random(seed: number, size: number, low = -1, high = 1): number[] {
  let state = seed * 2654435761
  return Array.from({ length: size }, () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return low + (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * (high - low)
  })
}

/** Whole numbers between the bounds, both included. */
export const randomInts = (seed: number, size: number, low: number, high: number): number[] =>
  random(seed, size, low, high + 1).map((value) => Math.min(high, Math.floor(value)))

export const feed = (type: FeedType, dims: readonly number[], data: readonly number[]): Feed => ({
  type,
  dims,
  data,
})

export const floats = (dims: readonly number[], seed: number, low = -1, high = 1): Feed =>
  feed('float32', dims, random(seed, sizeOf(dims), low, high).map(Math.fround))
