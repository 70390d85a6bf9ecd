import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, printModel, readModel, Tensor } from '../src/index'
import { add, body, build, floats, run, tensorType } from './build-model'
import { float, runModel } from './engine'
import { random, weights } from './random'
import { calibration, trainedFolder } from './real-feeds'

/** Weights of which a share is zero. */
function holes(size: number, sparsity: number, seed: number): Float32Array {
  const next = random(seed)
  return weights(size, seed + 1).map((weight) => (next() < sparsity ? 0 : weight))
}

const sparse = () =>
  build(17, { x: tensorType('float32', 2, 32), flag: tensorType('bool') }, (graph, input) => {
    const outer = graph.addInitializer('outer', floats([32, 32], holes(1024, 0.9, 1)))
    const codes = Int8Array.from(holes(1024, 0.95, 2), (weight) => Math.round(weight * 100))
    const eight = graph.addInitializer(
      'eight',
      Tensor.fromBytes('int8', [32, 32], new Uint8Array(codes.buffer)),
    )
    const scale = graph.addInitializer('scale', floats([], [0.01]))
    const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['chosen'] })
    body(choice, 'then_branch', (inside) => {
      const own = inside.addInitializer('own', floats([32, 32], holes(1024, 0.9, 3)))
      return [add(inside, 'MatMul', [add(inside, 'MatMul', [input('x'), own], 'first'), outer], 'then')]
    })
    body(choice, 'else_branch', (inside) => [add(inside, 'MatMul', [input('x'), outer], 'else')])
    const eights = add(graph, 'DequantizeLinear', [eight, scale], 'eights')
    graph.addOutput(add(graph, 'MatMul', [choice.outputs[0]!, eights], 'y'), tensorType('float32', 2, 32))
  })

const feeds = [0, 1].map((flag) => ({
  x: float([2, 32], weights(64, 9, 2)),
  flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
}))

describe('sparsify-weights', () => {
  it('stores places and values, in branches too', async () => {
    const model = sparse()
    expect(await run(model, 'sparsify-weights')).toMatchObject({ changed: 3, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/sparsify-weights.txt')
  })

  it('makes the file smaller and computes the same bits, in both engines', async () => {
    const model = sparse()
    const source = encodeModel(model)
    await run(model, 'sparsify-weights')
    const variant = encodeModel(model)
    expect(variant.length).toBeLessThan(source.length / 2)
    for (const name of ['wasm', 'node'] as const) {
      for (const optimize of ['all', 'disabled'] as const) {
        const expected = await runModel(source, feeds, { name, optimize })
        expect(await runModel(variant, feeds, { name, optimize })).toEqual(expected)
      }
    }
  })

  const trained = readdirSync(trainedFolder)
    .filter((file) => file.endsWith('.onnx') && !file.includes('script'))
    .map((file) => file.slice(0, -5))

  it.each(trained)(
    'shrinks %s where nine of ten weights are zero, and both engines compute the same',
    async (name) => {
      const external = (location: string) => {
        const bytes = readFileSync(join(trainedFolder, location))
        return {
          byteLength: bytes.length,
          read: (from: number, size: number) => bytes.subarray(from, from + size),
        }
      }
      const model = readModel(readFileSync(join(trainedFolder, `${name}.onnx`)), { external })
      await applyPasses(model, [{ pass: 'prune-weights', options: { amount: 0.9 } }])
      const dense = encodeModel(model)
      const [result] = await applyPasses(model, [{ pass: 'sparsify-weights' }])
      expect(result!.changed).toBeGreaterThan(0)
      const variant = encodeModel(model)
      expect(variant.length).toBeLessThan(dense.length)
      const [feed] = calibration(name, 2, 1)
      for (const engine of ['wasm', 'node'] as const)
        expect(await runModel(variant, [feed!], { name: engine })).toEqual(
          await runModel(dense, [feed!], { name: engine }),
        )
    },
  )

  it('keeps negative zeros', async () => {
    const data = new Float32Array(64)
    data[5] = -0
    data[9] = 3
    const model = build(17, { x: tensorType('float32', 64) }, (graph, input) => {
      graph.addOutput(add(graph, 'Div', [input('x'), graph.addInitializer('w', floats([64], data))], 'y'))
    })
    const before = await runModel(encodeModel(model), [{ x: float([64], new Float32Array(64).fill(1)) }])
    expect(await run(model, 'sparsify-weights')).toMatchObject({ changed: 1 })
    const after = await runModel(encodeModel(model), [{ x: float([64], new Float32Array(64).fill(1)) }])
    expect(before[0]!.y!.data[5]).toBe(Number.NEGATIVE_INFINITY)
    expect(after).toEqual(before)
  })

  it('says why a tensor with many zeros stays dense', async () => {
    const model = build(17, { x: tensorType('float32', 100) }, (graph, input) => {
      const barely = graph.addInitializer(
        'barely',
        floats(
          [100],
          Float32Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? 1 : 0)),
        ),
      )
      const overridable = graph.addInput('overridable', tensorType('float32', 100))
      overridable.initializer = floats([100], new Float32Array(100))
      const given = graph.addInitializer('given', floats([100], new Float32Array(100)))
      graph.addOutput(given)
      graph.addOutput(add(graph, 'Add', [add(graph, 'Add', [input('x'), barely], 'a'), overridable], 'b'))
    })
    const { changed, skipped } = await run(model, 'sparsify-weights', { minSparsity: 0.5 })
    expect(changed).toBe(0)
    expect(Object.fromEntries(skipped.map(({ node, reason }) => [node, reason]))).toEqual({
      barely: 'would be no smaller: 66 % zeros, 440 bytes for 400',
      overridable: 'is the default of an input',
      given: 'is, or becomes, an output of its graph',
    })
    expect(await run(model, 'sparsify-weights')).toMatchObject({ changed: 0 })
  })

  it('leaves IR version 3 alone, where initializers are inputs', async () => {
    const model = build(
      7,
      { x: tensorType('float32', 100) },
      (graph, input) => {
        const weight = graph.addInput('w', tensorType('float32', 100))
        weight.initializer = floats([100], new Float32Array(100))
        graph.addOutput(add(graph, 'Add', [input('x'), weight], 'y'))
      },
      3,
    )
    expect(await run(model, 'sparsify-weights')).toMatchObject({
      changed: 0,
      skipped: [{ node: 'w', reason: 'IR version 3 has no sparse initializers: upgrade-opset first' }],
    })
  })
})
