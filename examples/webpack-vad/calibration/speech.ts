import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { InferenceSession, Tensor } from 'onnxruntime-web'
import { createListener, frameLength, type Step, sampleRate } from '../src/vad/detector'

const model = createRequire(import.meta.url).resolve('@ricky0123/vad-web/dist/silero_vad_v5.onnx')
/** Samples of the app's sample recording: 16 bits each, after a header of 44 bytes. */
const { buffer } = new Uint8Array(readFileSync(new URL('../src/sample.wav', import.meta.url)))
const samples = Float32Array.from(new Int16Array(buffer, 44), (sample) => sample / 32768)

/** Real inputs: steps of the sample recording, each with the state that the model itself had come to. */
export default async function* feeds() {
  const session = await InferenceSession.create(new Uint8Array(readFileSync(model)), { logSeverityLevel: 3 })
  const sr = new Tensor('int64', BigInt64Array.of(BigInt(sampleRate)), [])
  const steps: Step[] = []
  const listener = createListener(async (step) => {
    steps.push(step)
    const { output, stateN } = await session.run({
      input: new Tensor('float32', step.input.data, step.input.dims),
      state: new Tensor('float32', step.state.data, step.state.dims),
      sr,
    })
    return { probability: Number(output?.data[0]), state: Float32Array.from(stateN?.data as Float32Array) }
  })
  for (let start = 0; start < samples.length; start += frameLength)
    await listener.hear(samples.subarray(start, start + frameLength))
  await session.release()
  for (const step of steps) yield { ...step, sr: { data: sr.data, dims: [] } }
}
