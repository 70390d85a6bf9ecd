/** The untouched source models in plain onnxruntime-web, to hold the variants against. Imported only when asked for. */
import detector from '@ocr-models/ch_PP-OCRv4_det_infer.onnx?url'
import recognizer from '@ocr-models/ch_PP-OCRv4_rec_infer.onnx?url'
import classifier from '@ocr-models/ch_ppocr_mobile_v2.0_cls_infer.onnx?url'
import { InferenceSession, Tensor } from 'onnxruntime-web/wasm'
import { alphabet } from './models'
import type { Pixels } from './ocr/pixels'
import { type Page, type Run, read } from './ocr/read'

export interface SourcePage extends Page {
  /** Of the three model files together. */
  readonly bytes: number
  /** Milliseconds. */
  readonly load: number
}

/** Reads twice: the first run of a session also compiles, and is no measure of the second. */
export async function readWithSource(image: Pixels): Promise<SourcePage> {
  const start = performance.now()
  let bytes = 0
  const sessions: InferenceSession[] = []
  const open = async (url: string): Promise<Run> => {
    const response = await fetch(url)
    if (!response.ok) throw new Error(`${url}: ${response.status}`)
    const model = new Uint8Array(await response.arrayBuffer())
    bytes += model.byteLength
    const session = await InferenceSession.create(model, {
      executionProviders: ['wasm'],
      logSeverityLevel: 3,
    })
    sessions.push(session)
    return async ({ data, dims }) => {
      const results = await session.run({ [session.inputNames[0] ?? '']: new Tensor('float32', data, dims) })
      const result = results[session.outputNames[0] ?? '']
      if (!(result?.data instanceof Float32Array)) throw new Error('the output is not float32')
      return { data: result.data, dims: result.dims }
    }
  }
  const models = {
    detect: await open(detector),
    recognize: await open(recognizer),
    classify: await open(classifier),
  }
  const load = performance.now() - start
  await read(image, models, alphabet)
  const page = await read(image, models, alphabet)
  for (const session of sessions) await session.release()
  return { ...page, bytes, load }
}
