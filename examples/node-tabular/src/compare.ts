/** The untouched source model in plain onnxruntime-node, to hold the variant against. Imported only when asked for. */
import { fileURLToPath } from 'node:url'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sourceUrl from '../model/diabetes.onnx?url'
import { features } from './patients'

export async function predictWithSource(rows: Float32Array): Promise<Float32Array> {
  const session = await InferenceSession.create(fileURLToPath(sourceUrl))
  const { y } = await session.run({
    x: new Tensor('float32', rows, [rows.length / features.length, features.length]),
  })
  await session.release()
  if (!(y?.data instanceof Float32Array)) throw new Error('the model gave no numbers')
  return y.data
}
