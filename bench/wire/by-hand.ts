/** The models as they are, in plain onnxruntime-web: what src/models.ts of the OCR example is without the plugin. */
import detector from '@ocr-models/ch_PP-OCRv4_det_infer.onnx?url'
import recognizer from '@ocr-models/ch_PP-OCRv4_rec_infer.onnx?url'
import classifier from '@ocr-models/ch_ppocr_mobile_v2.0_cls_infer.onnx?url'
import keys from '@ocr-models/ppocr_keys_v1.txt?raw'
import { alphabetOf } from '../../examples/vite-ocr/src/ocr/recognize'

export const alphabet = alphabetOf(keys)

/** Each provider's own build, which is smaller than the one that has all. */
const engines = {
  wasm: () => import('onnxruntime-web/wasm'),
  webgpu: () => import('onnxruntime-web/webgpu'),
}

export async function openModels(provider: 'wasm' | 'webgpu' = 'wasm') {
  const start = performance.now()
  const { InferenceSession, Tensor } = await engines[provider]()
  const bytes = await Promise.all(
    [detector, recognizer, classifier].map(
      async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer()),
    ),
  )
  const runs = []
  for (const model of bytes) {
    const session = await InferenceSession.create(model, {
      executionProviders: [provider],
      logSeverityLevel: 3,
    })
    runs.push(async ({ data, dims }: { data: Float32Array; dims: readonly number[] }) => {
      const results = await session.run({ [session.inputNames[0] ?? '']: new Tensor('float32', data, dims) })
      const result = results[session.outputNames[0] ?? '']
      return { data: result?.data, dims: result?.dims }
    })
  }
  const [detect, recognize, classify] = runs
  const opened = () =>
    bytes.map(({ byteLength }) => ({
      name: '',
      target: '',
      provider,
      recipe: 'source',
      bytes: byteLength,
      skipped: [],
    }))
  return {
    models: { detect, recognize, classify },
    opened,
    load: performance.now() - start,
    dispose: async () => {},
  }
}
