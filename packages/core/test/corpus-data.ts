/** The models of the ONNX operator corpus with their inputs and expected outputs, and what an engine makes of them. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as node from 'onnxruntime-node'
import * as web from 'onnxruntime-web/wasm'
import { Tensor } from '../src/graph/tensor'
import type { Model, Value } from '../src/index'
import { decodeMessage } from '../src/onnx/decode'
import { weights } from './random'

web.env.wasm.numThreads = 1
web.env.logLevel = 'fatal'

export type EngineTensor = web.Tensor
export type Feeds = Record<string, EngineTensor>
export type EngineName = 'wasm' | 'node'

const arrays: Readonly<Partial<Record<string, new (buffer: ArrayBuffer) => ArrayLike<unknown>>>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
}

/** @returns undefined for a type that JavaScript's tensors don't have */
function readTensor(file: string): EngineTensor | undefined {
  const message = decodeMessage('TensorProto', readFileSync(file), 100)
  const tensor = Tensor.fromMessage(message, undefined, 2 ** 30)
  if (tensor.dataType === 'string') return new web.Tensor('string', [...tensor.strings()], tensor.dims)
  const TypedArray = arrays[tensor.dataType]
  if (TypedArray === undefined) return undefined
  const data = new TypedArray(new Uint8Array(tensor.bytes()).buffer)
  return new web.Tensor(tensor.dataType as 'float32', data as Float32Array, tensor.dims)
}

/** By name: of the first data set. Undefined where the corpus has no data, or has what JavaScript can't hold. */
function readData(file: string, kind: 'input' | 'output', values: readonly Value[]): Feeds | undefined {
  const feeds: Feeds = {}
  for (const [index, { name, type }] of values.entries()) {
    const path = join(dirname(file), 'test_data_set_0', `${kind}_${index}.pb`)
    const tensor = type?.kind === 'tensor' && existsSync(path) ? readTensor(path) : undefined
    if (tensor === undefined) return undefined
    feeds[name] = tensor
  }
  return feeds
}

/** The corpus' own inputs; random images for the models of image classes, which it has none for. */
export function inputData(file: string, model: Model): Feeds | undefined {
  const inputs = model.graph.inputs.filter(({ initializer }) => initializer === undefined)
  return isLight(file) ? imagesFor(inputs) : readData(file, 'input', inputs)
}

export const isLight = (file: string): boolean => basename(file).startsWith('light_')

function imagesFor(inputs: readonly Value[]): Feeds {
  const feeds: Feeds = {}
  for (const { name, type } of inputs) {
    const dims = type?.kind === 'tensor' ? (type.shape ?? []).map(Number) : []
    const elements = dims.reduce((a, b) => a * b, 1)
    feeds[name] = new web.Tensor('float32', weights(elements, 5, 1), dims)
  }
  return feeds
}

export const expectedData = (file: string, model: Model): Feeds | undefined =>
  readData(file, 'output', model.graph.outputs)

/** @throws the engine's error where it refuses the model or the inputs */
export async function runOn(engine: EngineName, bytes: Uint8Array, feeds: Feeds): Promise<Feeds> {
  const ort = engine === 'wasm' ? web : (node as unknown as typeof web)
  const session = await ort.InferenceSession.create(bytes, {
    logSeverityLevel: 4,
    ...(engine === 'wasm' ? { executionProviders: ['wasm'] } : { intraOpNumThreads: 1 }),
  })
  try {
    return { ...(await session.run(feeds)) }
  } finally {
    await session.release()
  }
}

/**
 * The first difference between two sets of outputs, beyond rounding: kernels of two versions of an operator may add up
 * in another order.
 */
export function difference(actual: Feeds, expected: Feeds, tolerance: number): string | undefined {
  for (const [name, { type, dims, data }] of Object.entries(expected)) {
    const other = actual[name]
    if (other === undefined) return `${name} is missing`
    if (other.type !== type) return `${name} is ${other.type} and not ${type}`
    if (other.dims.join() !== dims.join()) return `${name} has dims ${other.dims} and not ${dims}`
    for (let index = 0; index < data.length; index++) {
      const [a, b] = [other.data[index], data[index]]
      if (Object.is(a, b) || a === b) continue
      const near =
        type !== 'float16' &&
        typeof a === 'number' &&
        typeof b === 'number' &&
        Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b))
      if (!near) return `${name}[${index}] is ${a} and not ${b}`
    }
  }
  return undefined
}
