import { describe, expect, it } from 'vitest'
import {
  encodeModel,
  type Graph,
  type Model,
  type Node,
  printModel,
  readModel,
  sqnr,
  type Value,
} from '../src/index'
import { add, body, build, floats, int, intList, ints, run, tensorType } from './build-model'
import { float, runModel } from './engine'
import { weights } from './random'

/** Channels along an axis that differ by a factor of 1000: one scale for all would leave the small ones without bits. */
function spread(dims: readonly number[], axis: number, seed = 1) {
  const data = weights(
    dims.reduce((size, dim) => size * dim, 1),
    seed,
    1,
  )
  const inner = dims.slice(axis + 1).reduce((size, dim) => size * dim, 1)
  return floats(
    dims,
    data.map((value, index) => value * 10 ** (((Math.floor(index / inner) % (dims[axis] ?? 1)) % 4) - 2)),
  )
}

interface Layer {
  readonly shape: readonly number[]
  readonly weight: readonly number[]
  /** The axis that the scales should lie along. */
  readonly axis: number
  readonly make: (graph: Graph, x: Value, weight: Value) => Value
}

const layers: Record<string, Layer> = {
  'MatMul, right': {
    shape: [3, 20],
    weight: [20, 40],
    axis: 1,
    make: (g, x, w) => add(g, 'MatMul', [x, w], 'y'),
  },
  'MatMul, left': {
    shape: [20, 3],
    weight: [40, 20],
    axis: 0,
    make: (g, x, w) => add(g, 'MatMul', [w, x], 'y'),
  },
  'MatMul, batched': {
    shape: [2, 3, 20],
    weight: [2, 20, 40],
    axis: 2,
    make: (g, x, w) => add(g, 'MatMul', [x, w], 'y'),
  },
  Gemm: { shape: [3, 20], weight: [20, 40], axis: 1, make: (g, x, w) => add(g, 'Gemm', [x, w], 'y') },
  'Gemm, transB': {
    shape: [3, 20],
    weight: [40, 20],
    axis: 0,
    make: (g, x, w) => add(g, 'Gemm', [x, w], 'y', { transB: int(1) }),
  },
  'Gemm, A': { shape: [20, 3], weight: [40, 20], axis: 0, make: (g, x, w) => add(g, 'Gemm', [w, x], 'y') },
  'Gemm, transA': {
    shape: [20, 3],
    weight: [20, 40],
    axis: 1,
    make: (g, x, w) => add(g, 'Gemm', [w, x], 'y', { transA: int(1) }),
  },
  Conv: {
    shape: [1, 8, 6, 6],
    weight: [16, 8, 3, 3],
    axis: 0,
    make: (g, x, w) => add(g, 'Conv', [x, w], 'y'),
  },
  'Conv, depthwise': {
    shape: [1, 32, 6, 6],
    weight: [32, 1, 3, 3],
    axis: 0,
    make: (g, x, w) => add(g, 'Conv', [x, w], 'y', { group: int(32) }),
  },
  'Conv, 1-d': {
    shape: [1, 8, 9],
    weight: [16, 8, 3],
    axis: 0,
    make: (g, x, w) => add(g, 'Conv', [x, w], 'y'),
  },
  ConvTranspose: {
    shape: [1, 8, 5, 5],
    weight: [8, 16, 2, 2],
    axis: 1,
    make: (g, x, w) => add(g, 'ConvTranspose', [x, w], 'y'),
  },
  'ConvTranspose, depthwise': {
    shape: [1, 40, 5, 5],
    weight: [40, 1, 3, 3],
    axis: 0,
    make: (g, x, w) => add(g, 'ConvTranspose', [x, w], 'y', { group: int(40) }),
  },
  'ConvTranspose, grouped': {
    shape: [1, 16, 5, 5],
    weight: [16, 4, 3, 3],
    axis: 0,
    make: (g, x, w) => add(g, 'ConvTranspose', [x, w], 'y', { group: int(4) }),
  },
  'Gather, rows': {
    shape: [3, 24],
    weight: [40, 24],
    axis: 0,
    make: (g, x, w) =>
      add(g, 'Mul', [x, add(g, 'Gather', [w, g.addInitializer('ids', ints(3, 0, 39))], 'rows')], 'y'),
  },
  Einsum: {
    shape: [2, 3, 20],
    weight: [20, 40],
    axis: 1,
    make: (g, x, w) => add(g, 'Einsum', [x, w], 'y', { equation: { type: 'string', value: 'bij,jk->bik' } }),
  },
  'Transpose, then MatMul': {
    shape: [3, 20],
    weight: [40, 20],
    axis: 0,
    make: (g, x, w) =>
      add(g, 'MatMul', [x, add(g, 'Transpose', [w], 'turned', { perm: intList(1, 0) })], 'y'),
  },
  'Reshape, then Conv': {
    shape: [1, 8, 6, 6],
    weight: [16, 72],
    axis: 0,
    make: (g, x, w) =>
      add(g, 'Conv', [x, add(g, 'Reshape', [w, g.addInitializer('shape', ints(16, 8, 3, -1))], 'r')], 'y'),
  },
  'Squeeze, Unsqueeze and Identity, then MatMul': {
    shape: [3, 20],
    weight: [1, 20, 40],
    axis: 2,
    make(g, x, w) {
      const axes = g.addInitializer('axes', ints(0))
      const wide = add(g, 'Unsqueeze', [add(g, 'Squeeze', [w, axes], 'narrow'), axes], 'wide')
      return add(g, 'MatMul', [x, add(g, 'Identity', [wide], 'same')], 'y')
    },
  },
  'Slice and Concat, then MatMul': {
    shape: [3, 20],
    weight: [20, 40],
    axis: 1,
    make(g, x, w) {
      const at = (value: number) => g.addInitializer(g.uniqueName('at'), ints(value))
      const one = at(1)
      const right = add(g, 'Slice', [w, at(20), at(40), one], 'right')
      const left = add(g, 'Slice', [w, at(0), at(20), one], 'left')
      return add(g, 'MatMul', [x, add(g, 'Concat', [right, left], 'swapped', { axis: int(1) })], 'y')
    },
  },
}

function layerModel({ shape, weight, axis, make }: Layer): Model {
  return build(13, { x: tensorType('float32', ...shape) }, (graph, input) => {
    graph.addOutput(make(graph, input('x'), graph.addInitializer('w', spread(weight, axis))), undefined)
  })
}

const dequantize = (model: Model): Node =>
  [...model.nodes()].find(({ opType }) => opType === 'DequantizeLinear')!

describe('quantize-weights', () => {
  it.each(Object.entries(layers))('gives %s a scale for each channel', async (_, layer) => {
    const model = layerModel(layer)
    const source = encodeModel(model)
    const feeds = [
      {
        x: float(
          layer.shape,
          weights(
            layer.shape.reduce((size, dim) => size * dim, 1),
            5,
            2,
          ),
        ),
      },
    ]
    expect(await run(model, 'quantize-weights')).toMatchObject({ changed: 1, skipped: [] })
    const variant = encodeModel(model)
    expect(dequantize(model).int('axis')).toBe(layer.axis)
    expect(dequantize(model).inputs[1]!.initializer!.dims).toEqual([layer.weight[layer.axis]])
    expect(variant.length).toBeLessThan(source.length)
    const [expected] = await runModel(source, feeds)
    for (const optimize of ['all', 'disabled'] as const) {
      const [actual] = await runModel(variant, feeds, { name: 'wasm', optimize })
      expect(sqnr(expected!.y!.data, actual!.y!.data)).toBeGreaterThan(38)
    }
  })

  it('quantizes the gates of a recurrent layer, both directions', async () => {
    const shape = [5, 1, 12]
    const model = build(14, { x: tensorType('float32', ...shape) }, (graph, input) => {
      const w = graph.addInitializer('w', floats([2, 64, 12], weights(2 * 64 * 12, 1)))
      const r = graph.addInitializer('r', floats([2, 64, 16], weights(2 * 64 * 16, 2)))
      const attributes = {
        hidden_size: int(16),
        direction: { type: 'string', value: 'bidirectional' },
      } as const
      graph.addOutput(add(graph, 'LSTM', [input('x'), w, r], 'y', attributes), undefined)
    })
    const source = encodeModel(model)
    expect(await run(model, 'quantize-weights')).toMatchObject({ changed: 2, skipped: [] })
    expect(dequantize(model).int('axis')).toBe(1)
    const feeds = [{ x: float(shape, weights(60, 3, 2)) }]
    const [expected] = await runModel(source, feeds)
    const [actual] = await runModel(encodeModel(model), feeds)
    expect(sqnr(expected!.y!.data, actual!.y!.data)).toBeGreaterThan(38)
  })

  const captured = () =>
    build(13, { x: tensorType('float32', 2, 32), flag: tensorType('bool') }, (graph, input) => {
      const outer = graph.addInitializer('outer', floats([32, 32], weights(1024, 1)))
      const tied = graph.addInitializer('tied', floats([50, 32], weights(1600, 2)))
      const looked = add(graph, 'Gather', [tied, graph.addInitializer('ids', ints(4, 2))], 'looked')
      const sum = add(graph, 'Add', [input('x'), looked], 'sum')
      const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['chosen'] })
      body(choice, 'then_branch', (inside) => {
        const own = inside.addInitializer('own', floats([32, 32], weights(1024, 3)))
        return [add(inside, 'MatMul', [add(inside, 'MatMul', [sum, own], 'first'), outer], 'then')]
      })
      body(choice, 'else_branch', (inside) => [add(inside, 'MatMul', [sum, outer], 'else')])
      const turned = add(graph, 'Transpose', [tied], 'turned', { perm: intList(1, 0) })
      graph.addOutput(add(graph, 'MatMul', [choice.outputs[0]!, turned], 'y'), tensorType('float32', 2, 50))
    })

  it('quantizes weights of branches, captured and shared ones, once each', async () => {
    const model = captured()
    expect(await run(model, 'quantize-weights')).toMatchObject({ changed: 3, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/quantize-weights.txt')
  })

  it('computes what it did, within 8 bits, in both branches and both engines', async () => {
    const model = captured()
    const source = encodeModel(model)
    await run(model, 'quantize-weights')
    const variant = encodeModel(model)
    const feeds = [0, 1].map((flag) => ({
      x: float([2, 32], weights(64, 9, 2)),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    for (const name of ['wasm', 'node'] as const) {
      const expected = await runModel(source, feeds, { name })
      // Without optimizations: with them, onnxruntime-node quantizes activations as well.
      const actual = await runModel(variant, feeds, { name, optimize: 'disabled' })
      for (const [index, { y }] of expected.entries())
        expect(sqnr(y!.data, actual[index]!.y!.data)).toBeGreaterThan(38)
    }
  })

  it('reads weights only when the model is written', async () => {
    const model = layerModel(layers.Gemm!)
    await run(model, 'quantize-weights')
    const tensor = model.graph.find('w')!.initializer!
    expect(tensor.bytes()).not.toBe(tensor.bytes())
    expect(tensor.bytes()).toEqual(tensor.bytes())
  })

  it.each([
    [
      'per-channel scales below opset 13',
      12,
      {},
      "opset 12 can't dequantize per channel: upgrade-opset to 13 first",
    ],
    [
      'any scale below opset 10',
      9,
      { granularity: 'tensor' },
      "opset 9 can't dequantize: upgrade-opset to 10 first",
    ],
  ])('does without %s', async (_, opset, options, reason) => {
    const model = build(opset, { x: tensorType('float32', 3, 20) }, (graph, input) => {
      graph.addOutput(add(graph, 'MatMul', [input('x'), graph.addInitializer('w', spread([20, 40], 1))], 'y'))
    })
    expect(await run(model, 'quantize-weights', options)).toMatchObject({
      changed: 0,
      skipped: [{ node: 'w', reason }],
    })
  })

  it('writes one scale for all with granularity tensor, from opset 10 on', async () => {
    const model = build(10, { x: tensorType('float32', 3, 20) }, (graph, input) => {
      graph.addOutput(
        add(graph, 'MatMul', [input('x'), graph.addInitializer('w', floats([20, 40], weights(800, 1)))], 'y'),
      )
    })
    expect(await run(model, 'quantize-weights', { granularity: 'tensor' })).toMatchObject({ changed: 1 })
    expect(dequantize(model).attribute('axis')).toBeUndefined()
    expect(dequantize(model).inputs[1]!.initializer!.dims).toEqual([])
  })

  it('says why a weight stays', async () => {
    const dims = [20, 20]
    const model = build(13, { x: tensorType('float32', 3, 20) }, (graph, input) => {
      const broken = weights(400, 1)
      broken[7] = Number.NaN
      const overridable = graph.addInput('overridable', tensorType('float32', ...dims))
      overridable.initializer = floats(dims, weights(400, 2))
      const given = graph.addInitializer('given', floats(dims, weights(400, 3)))
      const added = graph.addInitializer('added', floats([3, 100], weights(300, 5)))
      const table = graph.addInitializer('table', floats([200, 4], weights(800, 6)))
      let sum = add(graph, 'MatMul', [input('x'), graph.addInitializer('nan', floats(dims, broken))], 'a')
      sum = add(graph, 'MatMul', [sum, overridable], 'b')
      sum = add(graph, 'MatMul', [sum, given], 'c')
      sum = add(
        graph,
        'MatMul',
        [sum, graph.addInitializer('kept', floats(dims, weights(400, 4)))],
        'head/last',
      )
      graph.addOutput(sum)
      graph.addOutput(given)
      graph.addOutput(add(graph, 'Relu', [added], 'd'))
      graph.addOutput(add(graph, 'Gather', [table, graph.addInitializer('ids', ints(1))], 'e'))
      graph.addOutput(
        add(
          graph,
          'MatMul',
          [input('x'), graph.addInitializer('small', floats([20, 2], weights(40, 8)))],
          'f',
        ),
      )
    })
    const { changed, skipped } = await run(model, 'quantize-weights', { keep: ['head/*'] })
    expect(changed).toBe(0)
    expect(Object.fromEntries(skipped.map(({ node, reason }) => [node, reason]))).toEqual({
      nan: 'holds NaN or infinity',
      overridable: 'is the default of an input',
      given: 'is, or becomes, an output of its graph',
      kept: 'is to be kept',
      added: 'is also read by Relu',
      table: 'would be no smaller than as float16',
    })
  })

  it('spares the weights with the most noise for their size, up to the share that it is given', async () => {
    const model = build(13, { x: tensorType('float32', 3, 40) }, (graph, input) => {
      const outliers = weights(1600, 1, 0.01)
      for (let column = 0; column < 40; column++) outliers[column] = 5
      let sum = add(
        graph,
        'MatMul',
        [input('x'), graph.addInitializer('even', floats([40, 40], weights(1600, 2)))],
        'a',
      )
      sum = add(graph, 'MatMul', [sum, graph.addInitializer('outliers', floats([40, 40], outliers))], 'b')
      graph.addOutput(
        add(
          graph,
          'MatMul',
          [sum, graph.addInitializer('even_too', floats([40, 40], weights(1600, 3)))],
          'c',
        ),
      )
    })
    const bytes = encodeModel(model)
    expect(await run(model, 'quantize-weights', { spare: 0.34 })).toMatchObject({
      changed: 2,
      skipped: [{ node: 'outliers', reason: expect.stringMatching(/^is spared: noise at 3\d\.\d dB$/) }],
    })
    expect(await run(readModel(bytes), 'quantize-weights', { spare: 0.3 })).toMatchObject({
      changed: 3,
      skipped: [],
    })
  })
})
