/** The untouched source model in plain onnxruntime-web, to hold the variant against. Imported only when asked for. */
import sourceUrl from '@ricky0123/vad-web/dist/silero_vad_v5.onnx?url'
import { InferenceSession, Tensor } from 'onnxruntime-web/wasm'
import { listenTo, sampleRate } from './vad/detector'

export interface SourceResult {
  readonly probabilities: Float32Array
  readonly bytes: number
}

export async function listenWithSource(samples: Float32Array): Promise<SourceResult> {
  const response = await fetch(sourceUrl)
  if (!response.ok) throw new Error(`${sourceUrl}: ${response.status}`)
  const model = new Uint8Array(await response.arrayBuffer())
  const session = await InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 })
  const sr = new Tensor('int64', BigInt64Array.of(BigInt(sampleRate)), [])
  const probabilities = await listenTo(samples, async ({ input, state }) => {
    const { output, stateN } = await session.run({
      input: new Tensor('float32', input.data, input.dims),
      state: new Tensor('float32', state.data, state.dims),
      sr,
    })
    return { probability: Number(output?.data[0]), state: Float32Array.from(stateN?.data as Float32Array) }
  })
  await session.release()
  return { probabilities, bytes: model.byteLength }
}
