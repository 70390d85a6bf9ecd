import { env, pipeline } from '@huggingface/transformers'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'
import numbers from './numbers.onnx'

// Tokenizer and configuration are in public/models/numbers; nothing comes from huggingface.co or a CDN.
env.allowRemoteModels = false
env.allowLocalModels = true
env.localModelPath = `${import.meta.env.BASE_URL}models/`
if (env.backends.onnx.wasm) env.backends.onnx.wasm.wasmPaths = { mjs, wasm }

/** A pipeline on the variant that fits this browser. */
export async function openPipeline() {
  const { bytes, variant } = await numbers.load()
  env.useCustomCache = true
  env.customCache = {
    match: async (file: string) => (file.endsWith('/onnx/model.onnx') ? new Response(bytes) : undefined),
    put: async () => {},
  }
  return pipeline('feature-extraction', 'numbers', {
    dtype: 'fp32', // which asks for model.onnx; what it holds is the build's choice
    device: variant.provider === 'webgpu' ? 'webgpu' : 'wasm',
    session_options: { ...variant.session },
  })
}
