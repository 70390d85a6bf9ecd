import vad from '@ricky0123/vad-web/dist/silero_vad_v5.onnx'
import { type Provider, Tensor } from 'unplugin-onnx/runtime'
import type { RunStep } from './vad/detector'
import { sampleRate } from './vad/detector'

/** The variant that runs on this device. */
export interface Opened {
  readonly target: string
  readonly provider: Provider
  readonly recipe: string
  readonly bytes: number
}

export interface Model {
  readonly run: RunStep
  /** Read it after the first run: a variant that fails there gives way to the next. */
  readonly opened: () => Opened
  /** Milliseconds. */
  readonly load: number
}

/** @param provider undefined: the best that the build holds for this device */
export async function openModel(provider: Provider | undefined): Promise<Model> {
  const start = performance.now()
  const session = await vad.open({ ...(provider && { provider }) })
  const rate = new Tensor('int64', BigInt64Array.of(BigInt(sampleRate)), [])
  return {
    async run({ input, state }) {
      const { output, stateN } = await session.run({
        input: new Tensor('float32', input.data, input.dims),
        state: new Tensor('float32', state.data, state.dims),
        sr: rate,
      })
      if (!(output?.data instanceof Float32Array && stateN?.data instanceof Float32Array))
        throw new Error('the model gave no probability')
      return { probability: output.data[0] ?? 0, state: stateN.data }
    },
    opened() {
      const { target, provider, recipe, bytes } = session.variant
      return { target, provider, recipe, bytes }
    },
    load: performance.now() - start,
  }
}
