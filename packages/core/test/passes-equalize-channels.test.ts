import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, type Graph, printModel, readModel, sqnr, type Value } from '../src/index'
import { add, build, floats, int, intList, run, tensorType } from './build-model'
import { float, runModel } from './engine'
import { weights } from './random'
import { calibration, trainedFolder } from './real-feeds'

type Factor = (channel: number) => number
const one: Factor = () => 1
const wide: Factor = (channel) => 2 ** -(channel % 7)
const wider: Factor = (channel) => 2 ** ((channel * 3) % 7)

/** Weights of [outputs, inputs, kernel], with output channels made larger and what is read made good for that. */
function disturbed(dims: readonly number[], seed: number, made: Factor, read: Factor, width = 1) {
  const size = dims.reduce((product, dim) => product * dim, 1)
  const outer = size / (dims[0] ?? 1)
  const inner = outer / (dims[1] ?? 1)
  const data = weights(size, seed, 0.5).map((value, index) => {
    const output = Math.floor(index / outer)
    const input = dims[1] === 1 ? output : Math.floor((index % outer) / inner / width)
    return (value * made(output)) / read(input)
  })
  return floats(dims, data)
}

const conv = (
  g: Graph,
  x: Value,
  name: string,
  dims: readonly number[],
  [made, read]: readonly [Factor, Factor] = [wide, one],
  attributes = {},
) =>
  add(
    g,
    'Conv',
    [
      x,
      g.addInitializer(`${name}_w`, disturbed(dims, name.length, made, read)),
      g.addInitializer(
        `${name}_b`,
        floats(
          [dims[0]!],
          weights(dims[0]!, 5).map((value, channel) => value * made(channel)),
        ),
      ),
    ],
    name,
    attributes,
  )

const network = () =>
  build(13, { x: tensorType('float32', 1, 3, 8, 8) }, (g, input) => {
    const first = add(g, 'Relu', [conv(g, input('x'), 'first', [8, 3, 3, 3], [wide, one])], 'relu')
    const depthwise = conv(g, first, 'depthwise', [8, 1, 3, 3], [wider, wide], { group: int(8) })
    const leaky = add(g, 'LeakyRelu', [depthwise], 'leaky')
    const pooled = add(g, 'MaxPool', [leaky], 'pooled', {
      kernel_shape: intList(2, 2),
      strides: intList(2, 2),
    })
    const second = conv(g, pooled, 'second', [6, 8, 1, 1], [wide, wider])
    const flat = add(g, 'Flatten', [second], 'flat')
    const dense = [flat, g.addInitializer('dense_w', disturbed([10, 24], 7, wider, wide, 4))]
    const shift = floats(
      [10],
      weights(10, 8).map((value, channel) => value * wider(channel)),
    )
    const turned = add(g, 'Gemm', dense, 'dense', { transB: int(1) })
    const shifted = add(g, 'Add', [g.addInitializer('dense_b', shift), turned], 'shifted')
    const last = [
      add(g, 'Relu', [shifted], 'last_relu'),
      g.addInitializer('last_w', disturbed([5, 10], 9, one, wider)),
    ]
    g.addOutput(add(g, 'Gemm', last, 'y', { transB: int(1) }), tensorType('float32', 1, 5))
  })

const feeds = [{ x: float([1, 3, 8, 8], weights(192, 3, 2)) }]

/** The largest weight of an output channel over the smallest. */
const spreadOf = (data: Float32Array, channels: number): number => {
  const size = data.length / channels
  const maxima = Array.from({ length: channels }, (_, channel) =>
    Math.max(...data.subarray(channel * size, (channel + 1) * size).map(Math.abs)),
  )
  return Math.max(...maxima) / Math.min(...maxima)
}

describe('equalize-channels', () => {
  it('makes channels alike through what lets a factor pass, and is done after one run', async () => {
    const model = network()
    expect(await run(model, 'equalize-channels')).toMatchObject({ changed: 4, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/equalize-channels.txt')
    const weight = (name: string) => model.graph.find(name)!.initializer!.float32()
    const before = (name: string) => network().graph.find(name)!.initializer!.float32()
    expect(spreadOf(before('depthwise_w'), 8)).toBeGreaterThan(30)
    expect(spreadOf(weight('depthwise_w'), 8)).toBeLessThan(6)
    expect(await run(readModel(encodeModel(model)), 'equalize-channels')).toMatchObject({ changed: 0 })
  })

  it('computes the same to the bit', async () => {
    const model = network()
    const [expected] = await runModel(encodeModel(model), feeds, { name: 'wasm', optimize: 'disabled' })
    await run(model, 'equalize-channels')
    const [actual] = await runModel(encodeModel(model), feeds, { name: 'wasm', optimize: 'disabled' })
    expect([...actual!.y!.data]).toEqual([...expected!.y!.data])
  })

  it('lets one scale a tensor do where it did not', async () => {
    const noise = async (...passes: string[]) => {
      const model = network()
      const [expected] = await runModel(encodeModel(model), feeds)
      const steps = passes.map((pass) => ({ pass }))
      const options = { granularity: 'tensor', minElements: 0 }
      await applyPasses(model, [...steps, { pass: 'quantize-weights', options }])
      const [actual] = await runModel(encodeModel(model), feeds)
      return sqnr(expected!.y!.data, actual!.y!.data)
    }
    expect(await noise('equalize-channels')).toBeGreaterThan((await noise()) + 3)
  })

  it('multiplies before depthwise layers that nothing else evens out: digits_mobile survives one scale a tensor', async () => {
    const source = readFileSync(join(trainedFolder, 'digits_mobile.onnx'))
    const samples = calibration('digits_mobile', 32, 1)
    const [expected] = await runModel(source, samples)
    const noise = async (options?: Record<string, unknown>) => {
      const model = readModel(source)
      await applyPasses(model, [
        { pass: 'fold-constants' },
        ...(options === undefined ? [] : [{ pass: 'equalize-channels', options }]),
        { pass: 'quantize-weights', options: { granularity: 'tensor' } },
      ])
      const [actual] = await runModel(encodeModel(model), samples)
      return sqnr(expected!.y!.data, actual!.y!.data)
    }
    expect(await noise()).toBeLessThan(6)
    expect(await noise({ spread: 0 })).toBeLessThan(6)
    expect(await noise({})).toBeGreaterThan(12)
  })

  const pair = (between: (g: Graph, x: Value) => Value, spoil?: (g: Graph) => void) =>
    build(13, { x: tensorType('float32', 1, 3, 8, 8) }, (g, input) => {
      const first = between(g, conv(g, input('x'), 'first', [8, 3, 3, 3]))
      g.addOutput(conv(g, first, 'y', [4, 8, 1, 1]), tensorType('float32', 1, 4, 6, 6))
      spoil?.(g)
    })

  it('names a Clip that lets no factor pass', async () => {
    const model = pair((g, x) =>
      add(
        g,
        'Clip',
        [x, g.addInitializer('low', floats([], [0])), g.addInitializer('high', floats([], [6]))],
        'clip',
      ),
    )
    expect(await run(model, 'equalize-channels')).toMatchObject({
      changed: 0,
      skipped: [{ node: 'clip_node', reason: 'its bounds let no factor pass' }],
    })
  })

  it.each([
    ['an activation that is not homogeneous', pair((g, x) => add(g, 'Sigmoid', [x], 'sigmoid'))],
    [
      'a value that others read',
      pair(
        (g, x) => add(g, 'Relu', [x], 'relu'),
        (g) => g.addOutput(add(g, 'Neg', [g.find('relu')!], 'z'), tensorType('float32', 1, 8, 6, 6)),
      ),
    ],
    [
      'a weight that others read',
      pair(
        (g, x) => add(g, 'Relu', [x], 'relu'),
        (g) => g.addOutput(add(g, 'Neg', [g.find('first_w')!], 'z'), tensorType('float32', 8, 3, 3, 3)),
      ),
    ],
  ])('leaves %s', async (_, model) => {
    expect(await run(model, 'equalize-channels')).toMatchObject({ changed: 0 })
  })

  it('leaves what is to be kept', async () => {
    const model = pair((g, x) => add(g, 'Relu', [x], 'relu'))
    expect(await run(model, 'equalize-channels', { keep: ['y*'] })).toMatchObject({
      changed: 0,
      skipped: [{ node: 'first_node', reason: 'is to be kept' }],
    })
  })
})
