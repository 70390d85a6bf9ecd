import type { TensorType } from '@unplugin-onnx/runtime'
import type { InferenceSession, Tensor } from 'onnxruntime-common'
import { type DenseArray, type Feeds, isNumeric } from './arrays'
import type { EnginePackage } from './engine-package'

/** The part of onnxruntime's API that both packages share. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>
  }
  readonly Tensor: new (
    type: Tensor.Type,
    data: Tensor.DataType | readonly string[],
    dims: readonly number[],
  ) => Tensor
  readonly env: {
    logLevel?: string
    readonly wasm: { numThreads?: number }
    readonly versions?: { readonly web?: string }
  }
}

/** The package as it comes when it is imported. */
export type OnnxRuntimeModule = OnnxRuntime | { readonly default: OnnxRuntime }

/** A model opened in an engine. */
export interface EngineSession {
  /** Runs once, for these outputs or for all. */
  run(feeds: Feeds, outputs?: readonly string[]): Promise<Feeds>
  close(): Promise<void>
}

export interface ExternalData {
  readonly path: string
  readonly data: Uint8Array
}

const loaded = new Map<string, Promise<OnnxRuntime>>()

function load({ entry, engine }: EnginePackage): Promise<OnnxRuntime> {
  let runtime = loaded.get(entry)
  if (runtime === undefined) {
    runtime = import(/* @vite-ignore */ entry).then((module) => prepared(module, engine))
    loaded.set(entry, runtime)
  }
  return runtime
}

/** Takes a module that was imported already for the one at an engine's entry. */
export function provideEngine({ entry, engine }: EnginePackage, module: OnnxRuntimeModule): void {
  loaded.set(entry, Promise.resolve(prepared(module, engine)))
}

function prepared(module: OnnxRuntimeModule, engine: EnginePackage['engine']): OnnxRuntime {
  const ort = 'InferenceSession' in module ? module : module.default
  ort.env.logLevel = 'error'
  // One thread: sums come out in the same order on every machine, and each worker process keeps to one core.
  if (engine === 'wasm') ort.env.wasm.numThreads = 1
  return ort
}

/**
 * Opens a model in onnxruntime.
 * @param extra further session options
 * @throws Error with onnxruntime's own message, where it refuses the model
 */
export async function openModel(
  engine: EnginePackage,
  model: Uint8Array,
  externalData: readonly ExternalData[] = [],
  extra: Readonly<Record<string, unknown>> = {},
): Promise<EngineSession> {
  const ort = await load(engine)
  const options: InferenceSession.SessionOptions = {
    executionProviders: [engine.engine === 'wasm' ? 'wasm' : 'cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    ...(externalData.length === 0 ? {} : { externalData: [...externalData] }),
    // onnxruntime-web writes options of its own into what it is given.
    ...structuredClone(extra),
  }
  const session = await ort.InferenceSession.create(model, options)
  return {
    async run(feeds, outputs = session.outputNames) {
      const given = Object.fromEntries(
        Object.entries(feeds).map(([name, array]) => [name, tensorOf(ort, array)]),
      )
      const results = await session.run(given, [...outputs])
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, arrayOf(tensor)]))
    },
    async close() {
      await session.release()
    },
  }
}

const tensorOf = (ort: OnnxRuntime, { type, data, dims }: DenseArray): Tensor =>
  new ort.Tensor(type as Tensor.Type, data as Tensor.DataType, dims)

function arrayOf(tensor: Tensor): DenseArray {
  const type = tensor.type as TensorType
  const { data } = tensor
  // Newer Node gives Float16Array; its bits are what is kept here.
  if (type === 'float16' && ArrayBuffer.isView(data) && !(data instanceof Uint16Array)) {
    const bits = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
    return { type, dims: tensor.dims, data: bits }
  }
  if (!isNumeric(type) && type !== 'string') throw new Error(`an output of type ${type} can't be compared`)
  return { type, dims: tensor.dims, data: data as DenseArray['data'] }
}
