/** The untouched source model in plain onnxruntime-web, to hold the variant against. Imported only when asked for. */
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm'
import sourceUrl from '../model/digits.onnx?url'
import { side } from './picture'
import { softmax } from './softmax'

export interface SourceResult {
  readonly probabilities: readonly number[]
  readonly bytes: number
}

export async function classifyWithSource(picture: Float32Array): Promise<SourceResult> {
  env.wasm.wasmPaths = { wasm: new URL(wasmUrl, document.baseURI).href }
  const response = await fetch(sourceUrl)
  if (!response.ok) throw new Error(`${sourceUrl}: ${response.status}`)
  const model = new Uint8Array(await response.arrayBuffer())
  const session = await InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 })
  const { y } = await session.run({ x: new Tensor('float32', picture, [1, 1, side, side]) })
  await session.release()
  if (!(y?.data instanceof Float32Array)) throw new Error('the model gave no scores')
  return { probabilities: softmax(y.data), bytes: model.byteLength }
}
