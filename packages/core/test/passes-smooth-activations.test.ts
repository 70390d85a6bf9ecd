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
import { add, build, floats, int, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feeds, float, runModel } from './engine'
import { weights } from './random'

/** Channels of which every eighth is 40 times as large as the others. */
const outliers = (size: number, seed: number): Float32Array =>
  weights(size, seed, 1).map((value, index) => (index % 8 === 3 ? value * 40 : value))

const matrix = (g: Graph, name: string, rows: number, columns: number) =>
  g.addInitializer(name, floats([rows, columns], weights(rows * columns, name.length, 0.3)))
const vector = (g: Graph, name: string, data: Float32Array) =>
  g.addInitializer(name, floats([data.length], data))

const network = () =>
  build(17, { x: tensorType('float32', 'n', 16) }, (g, input) => {
    const gamma = vector(
      g,
      'gamma',
      outliers(16, 1).map((value) => value + 0.1),
    )
    const norm = add(g, 'LayerNormalization', [input('x'), gamma, vector(g, 'beta', weights(16, 2))], 'norm')
    const query = add(g, 'MatMul', [norm, matrix(g, 'q', 16, 16)], 'query')
    const key = add(g, 'Gemm', [norm, matrix(g, 'key', 16, 16)], 'keys', { transB: int(1) })
    const sum = add(g, 'Add', [query, key], 'sum')
    const scaled = add(
      g,
      'Mul',
      [
        sum,
        vector(
          g,
          'spread',
          outliers(16, 3).map((value) => value + 0.1),
        ),
      ],
      'scaled',
    )
    const shifted = add(g, 'Add', [vector(g, 'shift', weights(16, 4)), scaled], 'shifted')
    const hidden = add(
      g,
      'Add',
      [add(g, 'MatMul', [shifted, matrix(g, 'up', 16, 24)], 'm'), vector(g, 'b', outliers(24, 5))],
      'hidden',
    )
    const relu = add(g, 'Relu', [hidden], 'relu')
    const down = add(g, 'MatMul', [relu, matrix(g, 'down_', 24, 16)], 'down')
    const residual = add(g, 'Mul', [add(g, 'Add', [down, scaled], 'residual'), input('x')], 'gate')
    const wide = add(g, 'Mul', [residual, vector(g, 'stretch', outliers(16, 6))], 'wide')
    const last = add(g, 'MatMul', [wide, matrix(g, 'last_w', 16, 8)], 'last')
    const read = add(g, 'ReduceMean', [wide], 'mean', { axes: { type: 'ints', value: [-1] } })
    g.addOutput(add(g, 'Add', [last, read], 'y'), tensorType('float32', 'n', 8))
  })

const feeds: Feeds[] = [1, 2, 3].map((seed) => ({ x: float([4, 16], weights(64, seed, 2)) }))

async function smooth(model: Model, options: Record<string, unknown> = {}) {
  const [result] = await applyPasses(model, [{ pass: 'smooth-activations', options }], contextOf(feeds))
  return result!
}

describe('smooth-activations', () => {
  it('divides where channels are made, or by a Mul where others read them, and is done after one run', async () => {
    const model = network()
    expect(await smooth(model)).toMatchObject({ changed: 4, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/smooth-activations.txt')
    expect(await smooth(readModel(encodeModel(model)))).toMatchObject({ changed: 0, skipped: [] })
  })

  it('computes the same to the bit', async () => {
    const model = network()
    const engine = { name: 'wasm', optimize: 'disabled' } as const
    const expected = await runModel(encodeModel(model), feeds, engine)
    await smooth(model)
    const actual = await runModel(encodeModel(model), feeds, engine)
    for (const [index, { y }] of actual.entries()) expect([...y!.data]).toEqual([...expected[index]!.y!.data])
  })

  it.each(['quantize-dynamic', 'quantize-static'])('leaves less noise to %s', async (pass) => {
    // 128 channels, one of them large, and weights that know nothing of it.
    const make = () =>
      build(17, { x: tensorType('float32', 'n', 128) }, (g, input) => {
        const gamma = vector(
          g,
          'gamma',
          Float32Array.from({ length: 128 }, (_, index) => (index === 5 ? 60 : 1)),
        )
        const norm = add(g, 'LayerNormalization', [input('x'), gamma], 'norm')
        g.addOutput(add(g, 'MatMul', [norm, matrix(g, 'w', 128, 32)], 'y'), tensorType('float32', 'n', 32))
      })
    const data: Feeds[] = [1, 2].map((seed) => ({ x: float([16, 128], weights(2048, seed, 2)) }))
    const [expected] = await runModel(encodeModel(make()), data)
    const noise = async (...steps: string[]) => {
      const model = make()
      await applyPasses(
        model,
        [...steps, pass].map((name) => ({
          pass: name,
          // Every layer quantized, however loud, so that there is noise to compare.
          options: name === 'quantize-static' ? { calibrator: 'min-max', least: 0 } : {},
        })),
        contextOf(data),
      )
      const [actual] = await runModel(encodeModel(model), data)
      return sqnr(expected!.y!.data, actual!.y!.data)
    }
    expect(await noise('smooth-activations')).toBeGreaterThan((await noise()) + 4)
  })

  it('changes nothing without calibration, and says so', async () => {
    const [result] = await applyPasses(network(), [{ pass: 'smooth-activations' }])
    expect(result).toMatchObject({
      changed: 0,
      skipped: [{ node: 'test', reason: 'needs calibration data' }],
    })
  })

  const layer = (before: (g: Graph, x: Value) => Value) =>
    build(17, { x: tensorType('float32', 'n', 16) }, (g, input) =>
      g.addOutput(
        add(g, 'MatMul', [before(g, input('x')), matrix(g, 'w', 16, 8)], 'y'),
        tensorType('float32', 'n', 8),
      ),
    )

  it('names what holds NaN or infinity', async () => {
    const model = layer((g, x) => add(g, 'Log', [x], 'log'))
    expect(await smooth(model)).toMatchObject({
      changed: 0,
      skipped: [{ node: 'log', reason: 'holds NaN or infinity' }],
    })
  })

  it('leaves what is to be kept', async () => {
    const model = layer((g, x) => add(g, 'Mul', [x, vector(g, 'stretch', outliers(16, 6))], 'wide'))
    expect(await smooth(model, { keep: ['y_node'] })).toMatchObject({
      changed: 0,
      skipped: [{ node: 'y_node', reason: 'is to be kept' }],
    })
  })

  it('adds no Mul for channels that are even', async () => {
    expect(await smooth(layer((g, x) => add(g, 'Tanh', [x], 'tanh')))).toMatchObject({
      changed: 0,
      skipped: [],
    })
  })
})
