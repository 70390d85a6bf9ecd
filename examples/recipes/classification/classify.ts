import { Tensor } from 'unplugin-onnx/runtime'
import { likeliest } from '../likeliest'
import digits from './digits.onnx'

const session = await digits.open()

/** @param rows 64 features of each row, from 0 to 1 */
export async function classify(rows: Float32Array): Promise<number[]> {
  const count = rows.length / 64
  const { y } = await session.run({ x: new Tensor('float32', rows, [count, 64]) })
  return likeliest(y.data, count)
}
