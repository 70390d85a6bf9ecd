import { encodeModel, Model } from '@unplugin-onnx/core'
import { type OnnxRuntimeModule, openModel, provideEngine } from '../engine'
import type { EnginePackage } from '../engine-package'

/** onnxruntime-web's WebAssembly, as a page has it. */
export type BrowserEngine = EnginePackage & { readonly engine: 'wasm' }

/**
 * Starts an engine: with the first model it loads the last of its files.
 * @param module onnxruntime-web, imported, that knows where its files are
 */
export async function startEngine(module: OnnxRuntimeModule): Promise<BrowserEngine> {
  const { env } = 'InferenceSession' in module ? module : module.default
  const engine: BrowserEngine = {
    engine: 'wasm',
    name: 'onnxruntime-web',
    version: env.versions?.web ?? '',
    entry: 'onnxruntime-web',
  }
  provideEngine(engine, module)
  const session = await openModel(engine, smallestModel())
  await session.close()
  return engine
}

/** y = x */
function smallestModel(): Uint8Array {
  const type = { kind: 'tensor', dataType: 'float32', shape: [1] } as const
  const model = Model.create({ opsetImports: { '': 13 }, inputs: { x: type } })
  const [y] = model.graph.addNode({
    opType: 'Identity',
    inputs: [...model.graph.inputs],
    outputs: ['y'],
  }).outputs
  if (y !== undefined) model.graph.addOutput(y, type)
  return encodeModel(model)
}
