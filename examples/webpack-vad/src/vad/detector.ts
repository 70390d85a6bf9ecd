/** Samples a second that the model hears. */
export const sampleRate = 16_000
/** Samples of one step, 32 ms. */
export const frameLength = 512
/** Samples of the frame before that the model hears again. */
const contextLength = 64
const stateDims = [2, 1, 128] as const

/** One step of silero VAD v5, as its inputs are named. */
export interface Step {
  readonly input: { readonly data: Float32Array; readonly dims: readonly [1, number] }
  readonly state: { readonly data: Float32Array; readonly dims: typeof stateDims }
}

export interface StepResult {
  /** Of speech, 0 to 1. */
  readonly probability: number
  readonly state: Float32Array
}

export type RunStep = (step: Step) => Promise<StepResult>

/** Hears audio frame by frame; what it heard before stays in its state. */
export interface Listener {
  /** @param frame 512 samples at 16 kHz, -1 to 1; a shorter one is filled up with silence */
  hear(frame: Float32Array): Promise<number>
}

export function createListener(run: RunStep): Listener {
  let state = new Float32Array(2 * 1 * 128)
  let context = new Float32Array(contextLength)
  return {
    async hear(frame) {
      const data = new Float32Array(contextLength + frameLength)
      data.set(context)
      data.set(frame.subarray(0, frameLength), contextLength)
      context = data.slice(frameLength)
      const result = await run({
        input: { data, dims: [1, data.length] },
        state: { data: state, dims: stateDims },
      })
      state = new Float32Array(result.state)
      return result.probability
    },
  }
}

/**
 * Probability of speech for each frame of a recording.
 * @param onFrame hears each as it comes
 */
export async function listenTo(
  samples: Float32Array,
  run: RunStep,
  onFrame: (probability: number, index: number) => void | Promise<void> = () => {},
): Promise<Float32Array> {
  const listener = createListener(run)
  const probabilities = new Float32Array(Math.ceil(samples.length / frameLength))
  for (const index of probabilities.keys()) {
    const start = index * frameLength
    const probability = await listener.hear(samples.subarray(start, start + frameLength))
    probabilities[index] = probability
    await onFrame(probability, index)
  }
  return probabilities
}
