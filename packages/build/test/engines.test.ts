/** The engines that a build measures in are the ones that it says they are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openModel } from '../src/engine'
import { findEngine } from '../src/engine-package'
import { numbersOf } from '../src/numbers'
import { fixtures, packageRoot } from './models'
import { runScript } from './script'

const model = join(fixtures, 'digits_mobile.onnx')
const data = Float32Array.from({ length: 1024 }, (_, index) => Math.sin(index * index))

async function outputsOf(name: 'wasm' | 'node'): Promise<number[]> {
  const session = await openModel(await findEngine(name, packageRoot, 'm'), readFileSync(model))
  const outputs = await session.run({ x: { type: 'float32', dims: [1, 1, 32, 32], data } })
  await session.close()
  return Array.from(numbersOf(Object.values(outputs)[0]!))
}

describe('onnxruntime-node', () => {
  it('computes itself where onnxruntime-web was loaded before it in the same process', async () => {
    const web = await outputsOf('wasm')
    const node = await outputsOf('node')
    const alone = await runScript(`
      import ort from ${JSON.stringify((await findEngine('node', packageRoot, 'm')).entry)}
      import { readFileSync } from 'node:fs'
      const options = { executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1 }
      const session = await ort.InferenceSession.create(readFileSync(${JSON.stringify(model)}), options)
      const data = Float32Array.from({ length: 1024 }, (_, index) => Math.sin(index * index))
      const outputs = await session.run({ x: new ort.Tensor('float32', data, [1, 1, 32, 32]) })
      console.log(JSON.stringify([...Object.values(outputs)[0].data]))`)
    expect(node).toEqual(alone)
    // They sum in another order: were these the same, one would have computed for both.
    expect(node).not.toEqual(web)
  })
})
