import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, type Model, printModel, readModel, sqnr, Tensor } from '../src/index'
import { boundariesOf } from '../src/passes/float16/boundaries'
import { inferTypes } from '../src/passes/types/infer'
import { add, body, build, floats, int, intList, ints, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feeds, float, runModel } from './engine'
import { packageModels } from './models'
import { weights } from './random'
import { calibration, frames, line, trainedFolder } from './real-feeds'

const x = tensorType('float32', 2, 32)
const feeds: Feeds[] = [0, 1].map((flag) => ({
  x: float([2, 32], weights(64, 9, 1)),
  flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) },
}))

/** A layer, a branch with a layer, a sum over many, and a bound beyond float16. */
const branching = () =>
  build(13, { x, flag: tensorType('bool') }, (graph, input) => {
    const weight = graph.addInitializer('weight', floats([32, 32], weights(1024, 1)))
    const first = add(graph, 'MatMul', [input('x'), weight], 'first')
    const low = graph.addInitializer('low', floats([], [-1]))
    const high = graph.addInitializer('high', floats([], [3.4e38]))
    const clipped = add(graph, 'Clip', [first, low, high], 'clipped')
    const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['chosen'] })
    body(choice, 'then_branch', (inside) => {
      const own = inside.addInitializer('own', floats([32, 32], weights(1024, 3)))
      return [add(inside, 'MatMul', [clipped, own], 'then')]
    })
    body(choice, 'else_branch', (inside) => [add(inside, 'Exp', [clipped], 'else')])
    const y = add(graph, 'MatMul', [choice.outputs[0]!, weight], 'y')
    graph.addOutput(y, x)
    graph.addOutput(
      add(graph, 'ArgMax', [y], 'best', { axis: int(1), keepdims: int(0) }),
      tensorType('int64', 2),
    )
  })

const compute = async (model: Model, samples?: readonly Feeds[], options = {}) => {
  const steps = [{ pass: 'float16', options: { mode: 'compute', ...options } }]
  const [result] = await applyPasses(model, steps, samples === undefined ? {} : contextOf(samples))
  readModel(encodeModel(model))
  return result!
}

/** Least SQNR of all outputs, in both engines, optimized and not. */
async function worstSqnr(
  source: Uint8Array,
  variant: Uint8Array,
  samples: readonly Feeds[],
): Promise<number> {
  let worst = Number.POSITIVE_INFINITY
  for (const name of ['wasm', 'node'] as const) {
    const expected = await runModel(source, samples, { name })
    for (const optimize of ['all', 'disabled'] as const) {
      const actual = await runModel(variant, samples, { name, optimize })
      for (const [index, outputs] of expected.entries())
        for (const [key, { data }] of Object.entries(outputs))
          worst = Math.min(worst, sqnr(data, actual[index]![key]!.data))
    }
  }
  return worst
}

describe('float16 compute', () => {
  it('computes in float16 in branches too, keeps inputs and outputs, and casts each value once', async () => {
    const model = branching()
    const before = printModel(model)
    await compute(model, feeds)
    await expect(`${before}\n${printModel(model)}`).toMatchFileSnapshot('golden/passes/float16-compute.txt')
  })

  it('loads and computes the same in both engines, with and without optimization', async () => {
    for (const samples of [feeds, undefined]) {
      const model = branching()
      const source = encodeModel(model)
      await compute(model, samples)
      expect(await worstSqnr(source, encodeModel(model), feeds)).toBeGreaterThan(55)
      expect(await compute(model, samples)).toMatchObject({
        changed: 0,
        skipped: [{ node: 'test', reason: 'computes in float16 already' }],
      })
    }
  })

  const layers = (scale: number) =>
    build(13, { x }, (graph, input) => {
      const first = add(
        graph,
        'MatMul',
        [input('x'), graph.addInitializer('a', floats([32, 32], weights(1024, 1)))],
        'first',
      )
      const factor = graph.addInitializer('factor', floats([1], [scale]))
      const scaled = add(graph, 'Mul', [first, factor], 'scaled')
      const back = add(
        graph,
        'MatMul',
        [scaled, graph.addInitializer('b', floats([32, 32], weights(1024, 2)))],
        'back',
      )
      graph.addOutput(add(graph, 'Div', [back, factor], 'y'), x)
    })

  it.each([
    ['large', 5e5],
    ['small', 1e-6],
  ])('leaves what holds too %s values in float32, with the reason', async (_, scale) => {
    const model = layers(scale)
    const source = encodeModel(model)
    const { skipped } = await compute(
      model,
      feeds.map(({ x: each }) => ({ x: each! })),
    )
    const reasons = Object.fromEntries(skipped.map(({ node, reason }) => [node, reason]))
    expect(Object.keys(reasons)).toEqual(['scaled_node', 'back_node', 'y_node'])
    expect(reasons.back_node).toMatch(
      /scaled (reaches [\d.e+]+, more than 512|stays below .* too small for float16)/,
    )
    const inFloat16 = [...inferTypes(model)]
      .filter(([, type]) => type === 'float16')
      .map(([{ name }]) => name)
    expect(inFloat16).toContain('first')
    expect(inFloat16).not.toContain('scaled')
    expect(await worstSqnr(source, encodeModel(model), [{ x: feeds[0]!.x! }])).toBeGreaterThan(50)
  })

  it('leaves what the user keeps', async () => {
    const model = layers(1)
    const { skipped } = await compute(model, undefined, { keep: ['first*', 'b'] })
    expect(skipped.slice(0, 2)).toEqual([
      { node: 'first_node', reason: 'is to be kept' },
      { node: 'back_node', reason: 'its weight is to be kept' },
    ])
    expect(model.graph.find('b')!.initializer!.dataType).toBe('float32')
  })

  it('keeps states of loops and scans of one type inside and outside', async () => {
    const model = build(13, { x: tensorType('float32', 4, 32) }, (graph, input) => {
      const weight = graph.addInitializer('weight', floats([32, 32], weights(1024, 1)))
      const start = add(graph, 'ConstantOfShape', [graph.addInitializer('shape', ints(32))], 'start', {
        value: { type: 'tensor', value: floats([1], [0.5]) },
      })
      const scan = graph.addNode({
        opType: 'Scan',
        inputs: [start, input('x')],
        outputs: ['final', 'all'],
        attributes: { num_scan_inputs: int(1) },
      })
      body(scan, 'body', (inside) => {
        const state = inside.addInput('state', tensorType('float32', 32))
        const row = inside.addInput('row', tensorType('float32', 32))
        const next = add(
          inside,
          'Tanh',
          [add(inside, 'Add', [state, add(inside, 'MatMul', [row, weight], 'm')], 's')],
          'next',
        )
        const copy = add(inside, 'MatMul', [next, weight], 'copy')
        return [next, copy]
      })
      graph.addOutput(scan.outputs[0]!, tensorType('float32', 32))
      graph.addOutput(add(graph, 'MatMul', [scan.outputs[1]!, weight], 'y'), tensorType('float32', 4, 32))
    })
    const samples = [{ x: float([4, 32], weights(128, 5, 1)) }]
    const source = encodeModel(model)
    await compute(model, samples)
    const types = inferTypes(model)
    for (const { values, slots } of boundariesOf(model)) {
      const all = [...values, ...slots.map(({ graph, index }) => graph.outputs[index]!)]
      expect(new Set(all.map((value) => types.get(value))).size).toBe(1)
    }
    expect([...types.values()].filter((type) => type === 'float16').length).toBeGreaterThan(6)
    expect(await worstSqnr(source, encodeModel(model), samples)).toBeGreaterThan(50)
  })

  it('writes no float16 Transpose that crashes onnxruntime-node when it moves the batch before a MatMul', async () => {
    const model = build(14, { x: tensorType('float32', 3, 2, 32) }, (graph, input) => {
      const first = add(
        graph,
        'MatMul',
        [input('x'), graph.addInitializer('a', floats([32, 32], weights(1024, 1)))],
        'first',
      )
      const moved = add(graph, 'Transpose', [first], 'moved', { perm: intList(1, 0, 2) })
      graph.addOutput(
        add(graph, 'MatMul', [moved, graph.addInitializer('b', floats([32, 32], weights(1024, 2)))], 'y'),
        tensorType('float32', 2, 3, 32),
      )
    })
    const source = encodeModel(model)
    await compute(model)
    expect(inferTypes(model).get(model.graph.find('moved')!)).toBe('float32')
    const samples = [{ x: float([3, 2, 32], weights(192, 5, 1)) }]
    expect(await worstSqnr(source, encodeModel(model), samples)).toBeGreaterThan(55)
  })

  it('reads weights that are stored in float16 without a way through float32', async () => {
    const model = layers(1)
    await applyPasses(model, [{ pass: 'float16' }])
    await compute(
      model,
      feeds.map(({ x: each }) => ({ x: each! })),
    )
    await applyPasses(model, [{ pass: 'remove-unused' }])
    const casts = model.graph.nodes.filter(({ opType }) => opType === 'Cast')
    expect(casts.map(({ inputs }) => inputs[0]!.name)).toEqual(['x', 'y_float16'])
  })

  it.each(['code_lang', 'raw16_tf'])('runs %s with operators of opset 17 and later', async (name) => {
    const samples = calibration(name, 8, 4)
    const source = readFileSync(join(trainedFolder, `${name}.onnx`))
    for (const to of [17, 21]) {
      const model = readModel(source)
      await applyPasses(
        model,
        [
          { pass: 'fold-constants' },
          { pass: 'upgrade-opset', options: { to } },
          { pass: 'float16', options: { mode: 'compute' } },
        ],
        contextOf(samples),
      )
      expect(await worstSqnr(source, encodeModel(model), samples)).toBeGreaterThan(60)
    }
  })

  const models: [string, string, Feeds[], number, number][] = [
    ...(
      [
        ['code_lang', 832, 60],
        ['digits_script', 16, 55],
        ['num_en_fr_encoder', 292, 60],
        ['kws_gru', 200, 60],
        ['raw16_tf', 202, 60],
        ['tied_lm_py', 581, 60],
      ] as const
    ).map(([name, kilobytes, least]): [string, string, Feeds[], number, number] => {
      const samples = calibration(name, name === 'digits_script' ? 1 : 8, 4)
      return [name, join(trainedFolder, `${name}.onnx`), samples, kilobytes, least]
    }),
    ['PP-OCR rec', packageModels[1]!, line(320), 5430, 55],
    ['PP-OCR cls', packageModels[2]!, line(192), 280, 65],
    ['silero v5', packageModels[4]!, frames(1), 1206, 45],
  ]

  it.each(models)(
    'halves %s, which stays right, and holds nothing that overflows',
    async (_, file, samples, kilobytes, least) => {
      const source = encodeModel(
        readModel(readFileSync(file), {
          external: (location) => {
            const bytes = readFileSync(join(dirname(file), location))
            return { byteLength: bytes.length, read: (at, length) => bytes.subarray(at, at + length) }
          },
        }),
      )
      // Ranges from the first half, overflow looked for in all.
      const context = contextOf(samples.slice(0, Math.ceil(samples.length / 2)))
      const model = readModel(source)
      await applyPasses(
        model,
        [
          ...[
            'fold-constants',
            'eliminate-identity',
            'remove-unused',
            'dedupe-initializers',
            'fuse-batch-norm',
          ],
          { pass: 'float16', options: { mode: 'compute' } },
        ].map((step) => (typeof step === 'string' ? { pass: step } : step)),
        context,
      )
      const inFloat16 = [...inferTypes(model)].flatMap(([value, type]) => {
        return type === 'float16' && value.initializer === undefined ? [value] : []
      })
      expect(inFloat16.length).toBeGreaterThan(5)
      let largest = 0
      await contextOf(samples).calibration!.observe(model, inFloat16, ({ data }) => {
        for (const value of data) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
      })
      expect(largest).toBeLessThan(2048)
      await applyPasses(model, [{ pass: 'strip-metadata' }])
      const variant = encodeModel(model)
      expect(variant.length).toBeLessThan(kilobytes * 1000)
      expect(await worstSqnr(source, variant, samples)).toBeGreaterThan(least)
    },
  )
})

it('converts weights when the model is written, and not before', async () => {
  const data = floats([64, 64], weights(4096, 1))
  let reads = 0
  const model = build(13, { x: tensorType('float32', 2, 64) }, (graph, input) => {
    graph.addOutput(
      add(graph, 'MatMul', [input('x'), graph.addInitializer('w', data)], 'y'),
      tensorType('float32', 2, 64),
    )
  })
  const weight = model.graph.find('w')!
  weight.initializer = Tensor.lazy('float32', [64, 64], () => {
    reads++
    return data.bytes()
  })
  await applyPasses(model, [{ pass: 'float16', options: { mode: 'compute' } }])
  // Once, to see whether its values fit.
  expect(reads).toBe(1)
})
