import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  applyPasses,
  encodeModel,
  type Graph,
  type Model,
  printModel,
  readModel,
  type Step,
  top1Agreement,
  type Value,
} from '../src/index'
import { add, build, floats, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feeds, float, runModel } from './engine'
import { random, weights } from './random'
import { calibration, trainedFolder } from './real-feeds'

/** Numbers above 0: rounding of weights then shifts means. */
const positive = (dims: readonly number[], seed: number) => {
  const next = random(seed)
  const size = dims.reduce((product, dim) => product * dim, 1)
  return float(
    dims,
    Float32Array.from({ length: size }, () => next() + 0.5),
  )
}

const conv = (g: Graph, x: Value, name: string, dims: readonly number[], bias = true) =>
  add(
    g,
    'Conv',
    [
      x,
      g.addInitializer(
        `${name}_w`,
        floats(
          dims,
          weights(
            dims.reduce((a, b) => a * b, 1),
            name.length,
            0.4,
          ),
        ),
      ),
      ...(bias ? [g.addInitializer(`${name}_b`, floats([dims[0]!], weights(dims[0]!, 5)))] : []),
    ],
    name,
  )

const network = () =>
  build(13, { x: tensorType('float32', 'n', 3, 8, 8) }, (g, input) => {
    const first = add(g, 'Relu', [conv(g, input('x'), 'first', [16, 3, 3, 3])], 'relu')
    const second = conv(g, first, 'second', [16, 16, 3, 3], false)
    const mean = add(g, 'Flatten', [add(g, 'GlobalAveragePool', [second], 'mean')], 'flat')
    const product = add(
      g,
      'MatMul',
      [mean, g.addInitializer('w', floats([16, 24], weights(384, 6, 0.4)))],
      'product',
    )
    g.addOutput(
      add(g, 'Add', [product, g.addInitializer('b', floats([24], weights(24, 7)))], 'y'),
      tensorType('float32', 'n', 24),
    )
  })

const feeds: Feeds[] = [1, 2, 3, 4].map((seed) => ({ x: positive([4, 3, 8, 8], seed) }))

const correctAfter = async (model: Model, steps: readonly Step[], options: Record<string, unknown> = {}) => {
  const results = await applyPasses(
    model,
    [...steps, { pass: 'correct-bias', options }],
    contextOf(feeds, encodeModel(model)),
  )
  return results.at(-1)!
}

const coarse: Step = { pass: 'quantize-weights', options: { granularity: 'tensor', minElements: 0 } }

/** The largest distance of a channel's mean from that of the source, over all samples. */
async function meanError(source: Uint8Array, bytes: Uint8Array): Promise<number> {
  const [expected, actual] = [await runModel(source, feeds), await runModel(bytes, feeds)]
  const sums = new Float64Array(24)
  let count = 0
  for (const [index, { y }] of actual.entries()) {
    count += y!.data.length / 24
    for (const [at, value] of y!.data.entries()) sums[at % 24]! += value - expected[index]!.y!.data[at]!
  }
  return Math.max(...sums.map((sum) => Math.abs(sum / count)))
}

describe('correct-bias', () => {
  it('adds what the means are off by, and gives a bias to a Conv that has none', async () => {
    const model = network()
    expect(await correctAfter(model, [coarse])).toMatchObject({ changed: 3, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/correct-bias.txt')
  })

  it.each<[string, Step]>([
    ['weights alone', coarse],
    ['quantize-dynamic', { pass: 'quantize-dynamic', options: { granularity: 'tensor' } }],
    ['quantize-static', { pass: 'quantize-static', options: { granularity: 'tensor' } }],
  ])('brings means back after %s', async (_, step) => {
    const source = encodeModel(network())
    const plain = network()
    await applyPasses(plain, [step], contextOf(feeds))
    const model = network()
    expect((await correctAfter(model, [step])).changed).toBeGreaterThanOrEqual(2)
    const before = await meanError(source, encodeModel(plain))
    expect(await meanError(source, encodeModel(model))).toBeLessThan(before / 3)
  })

  it('is done after one run', async () => {
    const model = network()
    const context = contextOf(feeds, encodeModel(model))
    const pass = { pass: 'correct-bias' }
    const results = await applyPasses(model, [{ pass: 'quantize-static' }, pass, pass], context)
    expect(results.at(-1)).toMatchObject({ changed: 0 })
  })

  it('leaves a model alone whose weights are as they were', async () => {
    expect(await correctAfter(network(), [])).toMatchObject({ changed: 0, skipped: [] })
  })

  it('lets a depthwise network with one scale a tensor give the right answer more often', async () => {
    const source = readFileSync(join(trainedFolder, 'digits_mobile.onnx'))
    const samples = calibration('digits_mobile', 32, 2)
    const expected = await runModel(source, samples)
    const agreement = async (...last: Step[]) => {
      const model = readModel(source)
      const quantize = { pass: 'quantize-weights', options: { granularity: 'tensor' } }
      await applyPasses(model, [{ pass: 'fold-constants' }, quantize, ...last], contextOf(samples, source))
      const actual = await runModel(encodeModel(model), samples)
      const shares = actual.map(({ y }, index) => top1Agreement(expected[index]!.y!.data, y!.data, 10))
      return shares.reduce((sum, share) => sum + share, 0) / shares.length
    }
    expect(await agreement({ pass: 'correct-bias' })).toBeGreaterThan((await agreement()) + 0.05)
  })

  it('says what it lacks', async () => {
    const run = async (context: Parameters<typeof applyPasses>[2]) => {
      const results = await applyPasses(network(), [coarse, { pass: 'correct-bias' }], context)
      return results.at(-1)!
    }
    expect(await run({})).toMatchObject({
      changed: 0,
      skipped: [{ node: 'test', reason: 'needs calibration data' }],
    })
    expect(await run(contextOf(feeds))).toMatchObject({
      changed: 0,
      skipped: [{ node: 'test', reason: 'needs the model as it was before the first pass' }],
    })
  })

  it('leaves what is to be kept, what has no bias, and what has another name, and says why', async () => {
    const model = network()
    model.graph.find('second')!.name = 'renamed'
    const source = encodeModel(network())
    const biasless = model.graph.find('y')!.producer!
    model.graph.setOutput(0, biasless.inputs[0]!)
    model.graph.removeNode(biasless)
    const steps = [coarse, { pass: 'correct-bias', options: { keep: ['first*'] } }]
    const results = await applyPasses(model, steps, contextOf(feeds, source))
    expect(results.at(-1)).toMatchObject({
      changed: 0,
      skipped: [
        { node: 'first_node', reason: 'is to be kept' },
        { node: 'second_node', reason: 'renamed is not in the model before the first pass' },
        { node: 'product_node', reason: 'has no bias to correct' },
      ],
    })
  })
})
