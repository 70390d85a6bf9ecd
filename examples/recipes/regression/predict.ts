import { Tensor } from 'unplugin-onnx/runtime'
import diabetes from './diabetes.onnx'

const session = await diabetes.open()

/** @param rows ten standardized features of each patient, one row after the other */
export async function predict(rows: Float32Array): Promise<Float32Array> {
  const { y } = await session.run({ x: new Tensor('float32', rows, [rows.length / 10, 10]) })
  return y.data
}
