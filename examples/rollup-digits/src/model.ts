import { type Provider, Tensor } from 'unplugin-onnx/runtime'
import digits from '../model/digits.onnx'
import { side } from './picture'
import { softmax } from './softmax'

/** The variant that runs on this device. */
export interface Opened {
  readonly target: string
  readonly provider: Provider
  readonly recipe: string
  readonly bytes: number
}

export interface Model {
  /** Probabilities of the digits 0 to 9. */
  readonly classify: (picture: Float32Array) => Promise<number[]>
  /** Read it after the first run: a variant that fails there gives way to the next. */
  readonly opened: () => Opened
  /** Milliseconds. */
  readonly load: number
}

/** @param provider undefined: the best that this device has */
export async function openModel(provider: Provider | undefined): Promise<Model> {
  const start = performance.now()
  const session = await digits.open({ ...(provider && { provider }) })
  return {
    async classify(picture) {
      const { y } = await session.run({ x: new Tensor('float32', picture, [1, 1, side, side]) })
      return softmax(y.data)
    },
    opened() {
      const { target, provider, recipe, bytes } = session.variant
      return { target, provider, recipe, bytes }
    },
    load: performance.now() - start,
  }
}
