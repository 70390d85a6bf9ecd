import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyPasses, encodeModel, Model, readModel, type Step, Tensor } from '@unplugin-onnx/core'
import { describe, expect, it } from 'vitest'
import { gridOf, histogramOf } from '../src/report/histogram'
import { layersOf } from '../src/report/layers'
import { readLayers } from '../src/report/read-layers'
import { temporaryFolder } from './models'

const float32 = (...shape: (number | string)[]) => ({ kind: 'tensor', dataType: 'float32', shape }) as const
const tensor = (dims: readonly number[], of: (index: number) => number): Tensor =>
  Tensor.fromBytes(
    'float32',
    dims,
    new Uint8Array(
      Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, index) => of(index)).buffer,
    ),
  )

/** y = x W + b, of 256 inputs and 32 outputs. */
function dense(of: (index: number) => number = Math.sin): Model {
  const model = Model.create({ opsetImports: { '': 21 }, inputs: { x: float32('batch', 256) } })
  const { graph } = model
  const inputs = [graph.find('x'), graph.addInitializer('w', tensor([256, 32], of))]
  const [product] = graph.addNode({ opType: 'MatMul', name: 'dense', inputs, outputs: ['product'] }).outputs
  const bias = graph.addInitializer('b', tensor([32], Math.cos))
  const [y] = graph.addNode({ opType: 'Add', name: 'bias', inputs: [product, bias], outputs: ['y'] }).outputs
  graph.addOutput(y!, float32('batch', 32))
  return readModel(encodeModel(model))
}

/** The layers of a model, and of what passes make of it. */
async function layersAfter(model: Model, steps: readonly Step[]) {
  const variant = readModel(encodeModel(model))
  await applyPasses(variant, steps)
  const written = readModel(encodeModel(variant))
  return { layers: [...layersOf(model, [{ file: 'v', model: written }])], written }
}

describe('layers of a report', () => {
  it('are the weights that are multiplied with, with their shape and who reads them', async () => {
    const { layers } = await layersAfter(dense(), [])
    expect(layers).toMatchObject([
      { name: 'w', node: 'dense', opType: 'MatMul', dims: [256, 32], dataType: 'float32', bytes: 32768 },
    ])
    expect(layers[0]?.variants).toEqual([{ file: 'v', dataType: 'float32', bytes: 32768, sqnr: 200 }])
    expect(layers[0]?.weights?.counts.reduce((sum, count) => sum + count)).toBe(256 * 32)
  })

  it('have the bytes of integers with their scales, and the grid of the widest channel', async () => {
    const { layers, written } = await layersAfter(
      dense((index) => Math.sin(index) * (1 + (index % 32))),
      [{ pass: 'quantize-weights' }],
    )
    const [after] = layers[0]!.variants
    const scales = written.graph.find('w_scale')!.initializer!.float32()
    expect(after).toMatchObject({ dataType: 'int8', bytes: 256 * 32 + 4 * 32 })
    expect(after?.grid).toEqual({ from: -128 * Math.max(...scales), step: Math.max(...scales), count: 256 })
    // A step of 1/127 of the range, evenly rounded: 6.02 dB a bit, less what a sine's peaks take.
    expect(after?.sqnr).toBeGreaterThan(40)
    expect(after?.sqnr).toBeLessThan(60)
  })

  it('are told too where blocks of 4 bits share a scale, in the order of the source', async () => {
    const { layers } = await layersAfter(dense(), [
      {
        pass: 'quantize-weights',
        options: { bits: 4, granularity: 'block', blockSize: 32, format: 'nbits', symmetric: false },
      },
    ])
    const [after] = layers[0]!.variants
    expect(after).toMatchObject({ dataType: 'uint4', grid: { count: 16 } })
    expect(after!.bytes).toBeLessThan(256 * 32)
    // In another order the numbers would be others, and nothing would agree.
    expect(after?.sqnr).toBeGreaterThan(15)
    expect(after?.sqnr).toBeLessThan(40)
  })

  it('say no grid for floating point, but how much was lost', async () => {
    const { layers } = await layersAfter(dense(), [{ pass: 'float16', options: { mode: 'storage' } }])
    const [after] = layers[0]!.variants
    expect(after).toMatchObject({ dataType: 'float16', bytes: 16384 })
    expect(after?.grid).toBeUndefined()
    expect(after?.sqnr).toBeGreaterThan(65)
  })

  it('are not there any more where the variant has no such weight', () => {
    const other = Model.create({ opsetImports: { '': 21 }, inputs: { x: float32('batch', 256) } })
    const [layer] = layersOf(dense(), [{ file: 'v', model: other }])
    expect(layer?.variants).toEqual([{ file: 'v', dataType: 'none', bytes: 0 }])
  })

  it('carry the reason that a pass gave for leaving them', () => {
    const model = dense()
    const reasons = [
      [{ node: 'w', reason: 'of its weight' }],
      [{ node: 'dense', reason: 'of its node' }],
      [{ node: 'other', reason: 'of another' }],
    ]
    const [layer] = layersOf(
      model,
      reasons.map((skipped, index) => ({ file: `${index}`, model, skipped })),
    )
    expect(layer?.variants.map(({ kept }) => kept)).toEqual(['of its weight', 'of its node', undefined])
  })

  it('are read from files, each file of several targets once', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'dense.onnx')
    writeFileSync(path, encodeModel(dense()))
    const [layer] = readLayers({ path, name: 'dense.onnx' }, [
      { file: 'v', path },
      { file: 'v', path },
    ])
    expect(layer?.variants).toHaveLength(1)
  })
})

describe('a histogram', () => {
  it('counts every finite number once, in equal bins from the least to the greatest', () => {
    const values = [0, 1, 2, 3, 4, Number.NaN, Number.POSITIVE_INFINITY]
    expect(histogramOf(values, 4)).toEqual({ from: 0, to: 4, counts: [1, 1, 1, 2] })
  })

  it('has a width even where all numbers are the same, and is none where there are none', () => {
    expect(histogramOf([2, 2], 2)).toEqual({ from: 1, to: 3, counts: [0, 2] })
    expect(histogramOf([Number.NaN])).toBeUndefined()
  })
})

describe('a grid', () => {
  it('runs upwards whatever the sign of its scale', () => {
    expect(gridOf(0.5, 8, { min: 0, count: 16 })).toEqual({ from: -4, step: 0.5, count: 16 })
    expect(gridOf(-0.5, 8, { min: 0, count: 16 })).toEqual({ from: -3.5, step: 0.5, count: 16 })
  })
})
