/** Opens models in onnxruntime-web's WebAssembly build and in onnxruntime-node, one thread each. */
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import * as node from 'onnxruntime-node'
import * as web from 'onnxruntime-web'

web.env.wasm.numThreads = 1
web.env.logLevel = 'error'

/**
 * Feeds are { name: { type, data, dims } }; outputs come as float32.
 * @param file where the model lies, for data beside it; `shards` are such data, `session` session options that it wants
 */
export async function openModel(bytes, engine, { file, shards = [], session: wanted } = {}) {
  const ort = engine === 'wasm' ? web : (node.default ?? node)
  const external =
    file !== undefined && existsSync(`${file}.data`)
      ? [{ path: `${basename(file)}.data`, data: readFileSync(`${file}.data`) }]
      : shards
  const session = await ort.InferenceSession.create(bytes, {
    logSeverityLevel: 4,
    executionProviders: [engine === 'wasm' ? 'wasm' : 'cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    ...(external.length > 0 && { externalData: external }),
    ...wanted,
  })
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(feeds) {
      const given = session.inputNames
        .filter((name) => feeds[name] !== undefined)
        .map((name) => {
          const { type, data, dims } = feeds[name]
          return [name, new ort.Tensor(type, data, dims)]
        })
      const results = await session.run(Object.fromEntries(given))
      return Object.fromEntries(
        Object.entries(results).map(([name, { data, dims }]) => [
          name,
          { dims, data: data instanceof Float32Array ? data : Float32Array.from(data, Number) },
        ]),
      )
    },
    close: () => session.release(),
  }
}
