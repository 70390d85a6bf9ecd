import { Tensor } from 'unplugin-onnx/runtime'
import { likeliest } from '../likeliest'
import keywords from './keywords.onnx'
import { bands, logmel } from './logmel'

export const words = ['yes', 'no', 'up', 'down', 'left', 'right', 'on', 'off', 'stop', 'go']
const session = await keywords.open()

/** @param samples a second of sound at 16 kHz, from -1 to 1 */
export const recognize = (samples: Float32Array): Promise<string | undefined> => wordIn(logmel(samples))

export async function wordIn(features: Float32Array): Promise<string | undefined> {
  const logmel = new Tensor('float32', features, [1, features.length / bands, bands])
  const { y } = await session.run({ logmel })
  return words[likeliest(y.data)[0] ?? -1]
}
