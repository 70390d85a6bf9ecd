/** Runs models in the real engines: onnxruntime-web's WebAssembly build, in Node, and onnxruntime-node. */
import * as node from 'onnxruntime-node'
import * as web from 'onnxruntime-web/wasm'
import type { DataType } from '../src/index'

web.env.wasm.numThreads = 1
web.env.logLevel = 'error'

export interface Feed {
  readonly type: Extract<DataType, 'float32' | 'int64' | 'int32' | 'bool' | 'float16'>
  readonly dims: readonly number[]
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array
}
export type Feeds = Readonly<Record<string, Feed>>
export type Outputs = Record<string, { readonly dims: readonly number[]; readonly data: Float32Array }>

export interface Engine {
  readonly name: 'wasm' | 'node'
  /** 'all' folds and fuses; 'disabled' runs the graph as it is written. */
  readonly optimize?: 'all' | 'disabled'
}

export const float = (dims: readonly number[], data: Float32Array | readonly number[]): Feed => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
})

export const int64 = (dims: readonly number[], data: readonly number[]): Feed => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(data, BigInt),
})

/** Loads the model once and runs it on each of the feeds; `feedback` names outputs that go into inputs of the next run. */
export async function runModel(
  bytes: Uint8Array,
  feeds: readonly Feeds[],
  { name, optimize = 'all' }: Engine = { name: 'wasm' },
  feedback: Readonly<Record<string, string>> = {},
): Promise<Outputs[]> {
  const ort = name === 'wasm' ? web : (node as unknown as typeof web)
  const options = { graphOptimizationLevel: optimize, logSeverityLevel: 3 as const }
  const session = await ort.InferenceSession.create(bytes, {
    ...options,
    ...(name === 'wasm' ? { executionProviders: ['wasm'] } : { intraOpNumThreads: 1, interOpNumThreads: 1 }),
  })
  try {
    const results: Outputs[] = []
    let state: Record<string, web.Tensor> = {}
    for (const feed of feeds) {
      const inputs: Record<string, web.Tensor> = { ...state }
      for (const [key, { type, data, dims }] of Object.entries(feed))
        inputs[key] ??= new ort.Tensor(type, data as Float32Array, dims)
      const outputs = await session.run(inputs)
      state = {}
      for (const [input, output] of Object.entries(feedback))
        if (outputs[output] !== undefined) state[input] = outputs[output]
      const read = (tensor: web.Tensor) => ({
        dims: tensor.dims,
        data: Float32Array.from(tensor.data as Float32Array, Number),
      })
      results.push(Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [key, read(tensor)])))
    }
    return results
  } finally {
    await session.release()
  }
}
