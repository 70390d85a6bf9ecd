import { readFileSync } from 'node:fs'
import { type Evaluate, readNpz } from 'unplugin-onnx'
import { r2 } from './r2'

const { x, labels } = Object.fromEntries(readNpz(readFileSync(new URL('./labelled.npz', import.meta.url))))

const evaluate: Evaluate = async (model) => {
  const { y } = await model.run({ x })
  return r2(y?.data as Float32Array, labels?.data as Float32Array)
}
export default evaluate
