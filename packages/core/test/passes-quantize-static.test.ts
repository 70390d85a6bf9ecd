import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  applyPasses,
  encodeModel,
  type Graph,
  type Model,
  printModel,
  readModel,
  sqnr,
  type Value,
} from '../src/index'
import { add, body, build, floats, int, intList, ints, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feeds, float, runModel } from './engine'
import { packageModels } from './models'
import { optimizedOperators } from './optimized'
import { random, weights } from './random'
import { frames } from './real-feeds'

const signal = (dims: readonly number[], seed: number) => {
  const next = random(seed)
  const size = dims.reduce((product, dim) => product * dim, 1)
  return float(
    dims,
    Float32Array.from({ length: size }, () => next() + next() + next() - 1),
  )
}

const samples = (dims: readonly number[], count = 4): Feeds[] =>
  Array.from({ length: count }, (_, index) => ({ x: signal(dims, index + 1) }))

async function quantize(model: Model, feeds: readonly Feeds[], options: Record<string, unknown> = {}) {
  const [result] = await applyPasses(model, [{ pass: 'quantize-static', options }], contextOf(feeds))
  return result!
}

/** Noise in dB on samples that calibration hasn't seen, in both engines. */
async function fidelity(source: Uint8Array, bytes: Uint8Array, dims: readonly number[]): Promise<number> {
  const feeds = [{ x: signal(dims, 99) }]
  const [expected] = await runModel(source, feeds)
  let least = Number.POSITIVE_INFINITY
  for (const name of ['wasm', 'node'] as const) {
    for (const optimize of ['all', 'disabled'] as const) {
      const [actual] = await runModel(bytes, feeds, { name, optimize })
      least = Math.min(least, sqnr(expected!.y!.data, actual!.y!.data))
    }
  }
  return least
}

const conv = (g: Graph, x: Value, name: string, dims: readonly number[], attributes = {}) =>
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
            0.2,
          ),
        ),
      ),
      g.addInitializer(`${name}_b`, floats([dims[0]!], weights(dims[0]!, 5))),
    ],
    name,
    attributes,
  )

const image = [1, 4, 12, 12]
const same = { pads: intList(1, 1, 1, 1) }

/** Two layers with a residual connection, pooling and a classifier, as in many networks. */
const network = (opset = 13) =>
  build(opset, { x: tensorType('float32', 'n', 4, 12, 12) }, (g, input) => {
    const first = add(g, 'Relu', [conv(g, input('x'), 'first', [8, 4, 3, 3], same)], 'relu')
    const low = g.addInitializer('low', floats([], [0]))
    const high = g.addInitializer('high', floats([], [6]))
    const deep = add(
      g,
      'Clip',
      [conv(g, first, 'depthwise', [8, 1, 3, 3], { ...same, group: int(8) }), low, high],
      'relu6',
    )
    const sum = add(g, 'Add', [conv(g, deep, 'second', [8, 8, 1, 1]), first], 'sum')
    const pooled = add(g, 'MaxPool', [add(g, 'Relu', [sum], 'positive')], 'pooled', {
      kernel_shape: intList(2, 2),
      strides: intList(2, 2),
    })
    const both = add(
      g,
      'Concat',
      [conv(g, pooled, 'left', [8, 8, 1, 1]), conv(g, pooled, 'right', [8, 8, 1, 1])],
      'both',
      {
        axis: int(1),
      },
    )
    const mean = add(g, 'GlobalAveragePool', [conv(g, both, 'wide', [16, 16, 3, 3])], 'mean')
    const flat = add(g, 'Flatten', [mean], 'flat')
    const w = g.addInitializer('w', floats([20, 16], weights(320, 3, 0.3)))
    const b = g.addInitializer('b', floats([20], weights(20, 4)))
    g.addOutput(add(g, 'Gemm', [flat, w, b], 'y', { transB: int(1) }), tensorType('float32', 'n', 20))
  })

const dense = () =>
  build(13, { x: tensorType('float32', 'n', 6, 32) }, (g, input) => {
    const w = (name: string, seed: number) => g.addInitializer(name, floats([32, 32], weights(1024, seed)))
    const query = add(g, 'MatMul', [input('x'), w('q', 1)], 'query')
    const key = add(g, 'MatMul', [input('x'), w('k', 2)], 'key')
    const turned = add(g, 'Transpose', [key], 'turned', { perm: intList(0, 2, 1) })
    const mask = g.addInitializer(
      'mask',
      floats(
        [6, 6],
        Float32Array.from({ length: 36 }, (_, i) => (i % 6 > i / 6 ? Number.NEGATIVE_INFINITY : 0)),
      ),
    )
    const scores = add(g, 'Add', [add(g, 'MatMul', [query, turned], 'products'), mask], 'scores')
    const value = add(g, 'MatMul', [input('x'), w('v', 3)], 'value')
    const mixed = add(g, 'MatMul', [add(g, 'Softmax', [scores], 'shares', { axis: int(-1) }), value], 'mixed')
    g.addOutput(add(g, 'MatMul', [mixed, w('o', 4)], 'y'), tensorType('float32', 'n', 6, 32))
  })

describe('quantize-static', () => {
  it('puts pairs around layers and what lies between them', async () => {
    const model = network()
    expect(await quantize(model, samples(image))).toMatchObject({ changed: 7, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/quantize-static.txt')
    expect(await quantize(readModel(encodeModel(model)), samples(image))).toMatchObject({
      changed: 0,
      skipped: [],
    })
  })

  it('leaves no layer, and nothing between layers, in float32 when onnxruntime has loaded it', async () => {
    const model = network()
    await quantize(model, samples(image))
    const operators = await optimizedOperators(encodeModel(model))
    expect(operators).toMatchObject({
      QLinearConv: 6,
      QLinearAdd: 1,
      QLinearConcat: 1,
      QLinearGlobalAveragePool: 1,
      QGemm: 1,
      QuantizeLinear: 1,
    })
    for (const float of ['Conv', 'Relu', 'Clip', 'Add', 'Concat', 'DequantizeLinear', 'Gemm'])
      expect(operators[float], float).toBeUndefined()
  })

  it('multiplies with weights in integers and leaves attention in float32', async () => {
    const model = dense()
    const feeds = samples([2, 6, 32])
    expect(await quantize(model, feeds)).toMatchObject({ changed: 4, skipped: [] })
    const operators = await optimizedOperators(encodeModel(model))
    expect(operators).toMatchObject({
      MatMulIntegerToFloat: 4,
      FusedMatMul: 1,
      MatMul: 1,
      Softmax: 1,
      QuantizeLinear: 2,
    })
    expect(await fidelity(encodeModel(dense()), encodeModel(model), [2, 6, 32])).toBeGreaterThan(28)
  })

  it.each([
    {},
    { calibrator: 'min-max' },
    { calibrator: 'percentile' },
    { calibrator: 'entropy' },
    { weights: 'uint8' },
    { activations: 'int8' },
    { granularity: 'tensor' },
  ])('keeps what the network gives, with %j', async (options) => {
    const model = network()
    const source = encodeModel(model)
    expect(await quantize(model, samples(image, 16), options)).toMatchObject({ changed: 7 })
    expect(await fidelity(source, encodeModel(model), [2, 4, 12, 12])).toBeGreaterThan(24)
  })

  it.each([13, 21])('keeps far more with 16-bit activations, in opset %i', async (opset) => {
    const model = network(opset)
    const source = encodeModel(model)
    await quantize(model, samples(image, 16), { activations: 'uint16', calibrator: 'min-max' })
    expect(await fidelity(source, encodeModel(model), [1, 4, 12, 12])).toBeGreaterThan(36)
  })

  it('quantizes what lies in a branch that calibration takes, and loads in all engines', async () => {
    const model = readModel(readFileSync(packageModels.find((file) => file.includes('vad_v5'))!))
    const source = encodeModel(model)
    await applyPasses(model, [{ pass: 'fold-constants' }])
    const zero = { state: float([2, 1, 128], new Float32Array(256)) }
    const feeds = frames(30).map((feed) => ({ ...feed, ...zero }))
    const result = await quantize(model, feeds, { least: 0 })
    expect(result.changed).toBe(6)
    expect(result.skipped.map(({ reason }) => reason)).toContain('is not reached by the calibration data')
    const [expected, actual] = [await runModel(source, feeds), await runModel(encodeModel(model), feeds)]
    const [native] = await runModel(encodeModel(model), feeds.slice(0, 1), { name: 'node' })
    expect(Math.abs(native!.output!.data[0]! - actual[0]!.output!.data[0]!)).toBeLessThan(0.02)
    for (const [index, { output }] of actual.entries())
      expect(Math.abs(output!.data[0]! - expected[index]!.output!.data[0]!)).toBeLessThan(0.1)
  })

  const layer = (opset: number, make: (g: Graph, x: Value) => Value, shape = [2, 20]) =>
    build(opset, { x: tensorType('float32', ...shape) }, (g, input) =>
      g.addOutput(make(g, input('x')), tensorType('float32', ...shape.map(() => 'n'))),
    )
  const matMul = (g: Graph, x: Value) =>
    add(g, 'MatMul', [x, g.addInitializer('w', floats([20, 20], weights(400, 1)))], 'y')

  it('changes nothing without calibration, and says so', async () => {
    const [result] = await applyPasses(layer(13, matMul), [{ pass: 'quantize-static' }])
    expect(result).toMatchObject({
      changed: 0,
      skipped: [{ node: 'test', reason: 'needs calibration data' }],
    })
  })

  it.each([
    ['opset 12', layer(12, matMul), {}, "opset 12 can't dequantize per channel: upgrade-opset to 13 first"],
    [
      'opset 9',
      layer(9, matMul),
      { granularity: 'tensor' },
      "opset 9 can't dequantize: upgrade-opset to 10 first",
    ],
    ['what is to be kept', layer(13, matMul), { keep: ['y*'] }, 'is to be kept'],
    [
      'a Conv that makes an output',
      layer(13, (g, x) => conv(g, x, 'y', [20, 20, 1]), [1, 20, 8]),
      {},
      'makes an output',
    ],
    [
      'a scaled bias',
      layer(13, (g, x) =>
        add(
          g,
          'Gemm',
          [
            x,
            g.addInitializer('w', floats([20, 20], weights(400, 1))),
            g.addInitializer('b', floats([20], weights(20, 2))),
          ],
          'y',
          { beta: { type: 'float', value: 2 } },
        ),
      ),
      {},
      'it scales its operands',
    ],
    [
      'activations with infinity',
      layer(13, (g, x) =>
        matMul(g, add(g, 'Div', [x, g.addInitializer('zero', floats([], [0]))], 'quotient')),
      ),
      {},
      'reads or makes NaN or infinity',
    ],
    [
      'activations of which a few are far larger than all others',
      layer(13, (g, x) => {
        const outlier = floats(
          [20],
          Float32Array.from({ length: 20 }, (_, index) => (index === 3 ? 1e4 : 1)),
        )
        return matMul(g, add(g, 'Mul', [x, g.addInitializer('outlier', outlier)], 'product'))
      }),
      { calibrator: 'percentile', percentile: 90 },
      /keep -?\d+\.\d dB in so few bits/,
    ],
  ])('leaves %s as it is, and says why', async (_, model, options, reason) => {
    const dims = model.graph.inputs[0]!.type as { shape: readonly number[] }
    const result = await quantize(model, samples(dims.shape, 2), options)
    expect(result.changed).toBe(0)
    expect(result.skipped).toHaveLength(1)
    expect(result.skipped[0]!.node).toBe('y_node')
    expect(result.skipped[0]!.reason).toMatch(reason)
  })

  it('leaves a Conv whose output goes into a graph inside by operators that onnxruntime crosses', async () => {
    const make = () =>
      build(13, { x: tensorType('float32', 1, 4, 12, 12), flag: tensorType('bool') }, (g, input) => {
        const first = add(g, 'Relu', [conv(g, input('x'), 'first', [8, 4, 3, 3])], 'relu')
        const second = conv(g, first, 'second', [8, 8, 3, 3])
        const turned = add(g, 'Transpose', [second], 'turned', { perm: intList(0, 2, 3, 1) })
        const choice = g.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['y'] })
        for (const [branch, opType] of [
          ['then_branch', 'Neg'],
          ['else_branch', 'Exp'],
        ] as const)
          body(choice, branch, (inside) => [add(inside, opType, [turned], opType)])
        g.addOutput(choice.outputs[0]!, tensorType('float32', 1, 8, 8, 8))
      })
    const model = make()
    const feeds = [0, 1].map((flag) => ({
      x: signal(image, 3),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    expect(await quantize(model, feeds)).toMatchObject({
      changed: 1,
      skipped: [
        { node: 'second_node', reason: 'leads into a graph inside, where onnxruntime fails with integers' },
      ],
    })
    for (const name of ['wasm', 'node'] as const) {
      const expected = await runModel(encodeModel(make()), feeds, { name })
      const actual = await runModel(encodeModel(model), feeds, { name })
      for (const [index, { y }] of actual.entries())
        expect(sqnr(expected[index]!.y!.data, y!.data)).toBeGreaterThan(25)
    }
  })

  it('reads captured activations and weights in each branch by pairs of its own', async () => {
    const model = build(13, { x: tensorType('float32', 2, 20), flag: tensorType('bool') }, (g, input) => {
      const w = g.addInitializer('w', floats([20, 20], weights(400, 1)))
      const choice = g.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['y'] })
      body(choice, 'then_branch', (inside) => [add(inside, 'MatMul', [input('x'), w], 'then')])
      body(choice, 'else_branch', (inside) => [add(inside, 'MatMul', [input('x'), w], 'else')])
      g.addOutput(choice.outputs[0]!, tensorType('float32', 2, 20))
      g.addInitializer('unused', ints(1))
    })
    const feeds = [0, 1].map((flag) => ({
      x: signal([2, 20], 3),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    const expected = await runModel(encodeModel(model), feeds)
    expect(await quantize(model, feeds)).toMatchObject({ changed: 2, skipped: [] })
    expect(
      [...model.initializers()].filter(({ initializer }) => initializer!.dataType === 'int8'),
    ).toHaveLength(1)
    expect(await optimizedOperators(encodeModel(model))).toMatchObject({ MatMulIntegerToFloat: 2 })
    const actual = await runModel(encodeModel(model), feeds)
    for (const [index, { y }] of actual.entries())
      expect(sqnr(expected[index]!.y!.data, y!.data)).toBeGreaterThan(30)
  })
})
