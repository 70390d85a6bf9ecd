import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel, Model, readModel, Tensor } from '@unplugin-onnx/core'
import { afterAll, describe, expect, it } from 'vitest'
import { type Converter, createConverter, type ProgressEvent } from '../src/index'
import { fixtures, packageRoot, temporaryFolder } from './models'

const folder = temporaryFolder()
let onProgress: ((event: ProgressEvent) => void) | undefined
const converter: Converter = createConverter({
  root: packageRoot,
  cacheDir: join(folder, 'cache'),
  onProgress: (event) => onProgress?.(event),
})
afterAll(() => converter.close())

const float32 = (...shape: (number | string)[]) => ({ kind: 'tensor', dataType: 'float32', shape }) as const
const put = (name: string, model: Model): string => {
  const path = join(folder, name)
  writeFileSync(path, encodeModel(model))
  return path
}
const weights = (rows: number, columns: number, of: (index: number) => number): Tensor =>
  Tensor.fromBytes(
    'float32',
    [rows, columns],
    new Uint8Array(Float32Array.from({ length: rows * columns }, (_, index) => of(index)).buffer),
  )

/** y = x W, with whatever operator. */
function dense(opType: string, domain: string, tensor: Tensor): Model {
  const model = Model.create({
    opsetImports: { '': 17, [domain]: 1, ...(domain === '' ? { '': 17 } : {}) },
    inputs: { x: float32('batch', tensor.dims[0] ?? 1) },
  })
  const { graph } = model
  const weight = graph.addInitializer('w', tensor)
  const [y] = graph.addNode({ opType, domain, inputs: [graph.find('x'), weight], outputs: ['y'] }).outputs
  graph.addOutput(y!, float32('batch', tensor.dims[1] ?? 1))
  return model
}

describe('a model that the engines do not run', () => {
  it('is passed on byte by byte, with a warning and the reason', async () => {
    const path = put('custom.onnx', dense('Mystery', 'com.example', weights(32, 32, Math.sin)))
    const { manifest, dir } = await converter.convert(path, { targets: ['wasm', 'node'], effort: 'fast' })
    for (const { file, recipe, accuracy } of manifest.variants) {
      expect(recipe).toBe('source')
      expect(accuracy).toEqual({ sqnr: 200, cosine: 1, maxError: 0 })
      expect(readFileSync(join(dir, file))).toEqual(readFileSync(path))
    }
    expect(manifest.verifiedOn.samples).toBe(0)
    expect(manifest.warnings).toEqual([
      expect.stringMatching(/^The source is not loaded by onnxruntime-(web|node): .*Mystery/),
      expect.stringMatching(/^The source is not loaded by onnxruntime-(web|node): .*Mystery/),
    ])
    const chosen = manifest.candidates.filter((candidate) => candidate.chosen)
    expect(chosen[0]?.reason).toMatch(/^Nothing could be verified/)
  })

  it('is passed on too if it loads, but no made-up shape fits it', async () => {
    const model = dense('MatMul', '', weights(7, 5, Math.sin))
    const { graph } = model
    const seven = graph.addInitializer('seven', weights(7, 7, Math.cos))
    const [product] = graph.addNode({
      opType: 'MatMul',
      inputs: [graph.addInput('z', float32('any', 'thing')), seven],
      outputs: ['product'],
    }).outputs
    graph.addOutput(product!, float32('any', 7))
    const path = put('odd.onnx', model)
    const unguided = await converter.convert(path, { targets: ['wasm'], effort: 'fast' })
    expect(unguided.manifest.variants[0]?.recipe).toBe('source')
    expect(unguided.manifest.warnings[0]).toContain('fails in onnxruntime-web on synthesized inputs')
    const guided = await converter.convert(path, { targets: ['wasm'], effort: 'fast', inputs: { z: [3, 7] } })
    expect(guided.manifest.verifiedOn).toMatchObject({ source: 'synthesized', samples: 4 })
    expect(guided.manifest.warnings).toEqual([])
  })
})

describe('the choice', () => {
  it('falls on float16 where int8 misses the budget, and says by how much', async () => {
    // One huge weight a row leaves int8 nothing for the others.
    const model = dense(
      'MatMul',
      '',
      weights(256, 256, (index) => (index % 257 === 0 ? 300 : Math.sin(index))),
    )
    const { manifest } = await converter.convert(put('outliers.onnx', model), {
      targets: ['wasm'],
      accuracy: { sqnr: 60 },
      recipes: ['int8', 'float16', 'float32'],
    })
    expect(manifest.variants[0]?.recipe).toBe('float16')
    const int8 = manifest.candidates.find((candidate) => candidate.recipe === 'int8')
    expect(int8?.reason).toMatch(/^\d+\.\d dB is \d+\.\d dB short of 60 dB\.$/)
    expect(int8?.accuracy?.sqnr).toBeLessThan(60)
  })

  it('falls on the source where nothing is smaller', async () => {
    const { graph } = readModel(readFileSync(join(fixtures, 'digits_mlp.onnx')))
    expect(graph.inputs).toHaveLength(1)
    const { manifest } = await converter.convert(join(fixtures, 'digits_mlp.onnx'), {
      targets: ['wasm'],
      accuracy: { sqnr: 200 },
      recipes: ['int8'],
    })
    expect(manifest.variants[0]).toMatchObject({ recipe: 'source', bytes: manifest.source.bytes })
    expect(manifest.candidates.at(-1)?.reason).toContain('the source is passed on as it is')
  })

  it('puts the weights into a source whose data lies outside, where it has to be passed on', async () => {
    const { manifest } = await converter.convert(join(fixtures, 'digits_ext.onnx'), {
      targets: ['node'],
      accuracy: { sqnr: 200 },
      recipes: ['int8'],
    })
    expect(manifest.variants[0]).toMatchObject({ recipe: 'source' })
    expect(manifest.variants[0]?.bytes).toBeGreaterThan(300_000)
  })
})

describe('a file that changes while it is converted', () => {
  it('is converted again, and never lies under the key of what it was', async () => {
    const path = join(folder, 'changing.onnx')
    copyFileSync(join(fixtures, 'digits_mlp.onnx'), path)
    let changed = false
    onProgress = ({ stage }) => {
      if (stage !== 'verify' || changed) return
      changed = true
      copyFileSync(join(fixtures, 'diabetes_mlp.onnx'), path)
    }
    const converted = await converter.convert(path, { targets: ['wasm'], effort: 'fast' })
    onProgress = undefined
    expect(converted.manifest.inputs[0]?.dims).toEqual(['batch', 10])
    expect(
      await converter.convert(join(fixtures, 'digits_mlp.onnx'), { targets: ['wasm'], effort: 'fast' }),
    ).toMatchObject({
      cached: false,
    })
  })

  it('is given up on when it never comes to rest', async () => {
    const path = join(folder, 'restless.onnx')
    const contents = ['digits_mlp', 'diabetes_mlp', 'digits_script', 'digits_cnn', 'digits_mobile']
    const next = () => copyFileSync(join(fixtures, `${contents.shift()}.onnx`), path)
    next()
    onProgress = ({ stage }) => stage === 'run source' && next()
    // Numbers of its own, so that no other test has these conversions in the cache.
    const conversion = converter.convert(path, {
      targets: ['wasm'],
      effort: 'fast',
      accuracy: { sqnr: 24.5 },
    })
    await expect(conversion).rejects.toMatchObject({ code: 'ONNX_MODEL_CHANGING', model: 'restless.onnx' })
    onProgress = undefined
  })
})
