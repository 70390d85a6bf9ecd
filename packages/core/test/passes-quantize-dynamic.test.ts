import { describe, expect, it } from 'vitest'
import { encodeModel, type Graph, printModel, readModel, sqnr, type Value } from '../src/index'
import { add, body, build, floats, int, intList, run, tensorType } from './build-model'
import { float, runModel } from './engine'
import { optimizedOperators } from './optimized'
import { random, weights } from './random'

/** Output channels that differ by a factor of 100: one scale for all would leave small ones without bits. */
function spread(dims: readonly number[], axis: number, seed: number) {
  const size = dims.reduce((product, dim) => product * dim, 1)
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const channel = (index: number) => Math.floor(index / inner) % (dims[axis] ?? 1)
  return floats(
    dims,
    weights(size, seed).map((value, index) => value * 10 ** -(channel(index) % 3)),
  )
}

const signal = (dims: readonly number[], seed: number) => {
  const next = random(seed)
  const size = dims.reduce((product, dim) => product * dim, 1)
  return float(
    dims,
    Float32Array.from({ length: size }, () => next() * 3 - 1),
  )
}

interface Layer {
  readonly shape: readonly number[]
  readonly make: (graph: Graph, x: Value) => Value
}

const layers: Record<string, Layer> = {
  MatMul: {
    shape: [2, 5, 32],
    make: (g, x) => add(g, 'MatMul', [x, g.addInitializer('w', spread([32, 24], 1, 1))], 'y'),
  },
  'MatMul with its bias on the left': {
    shape: [5, 32],
    make: (g, x) =>
      add(
        g,
        'Add',
        [
          g.addInitializer('b', floats([24], weights(24, 9, 1))),
          add(g, 'MatMul', [x, g.addInitializer('w', spread([32, 24], 1, 1))], 'm'),
        ],
        'y',
      ),
  },
  'Gemm, transposed, with alpha': {
    shape: [5, 32],
    make: (g, x) =>
      add(
        g,
        'Gemm',
        [
          x,
          g.addInitializer('w', spread([24, 32], 0, 2)),
          g.addInitializer('b', floats([24], weights(24, 9, 1))),
        ],
        'y',
        { transB: int(1), alpha: { type: 'float', value: 0.5 } },
      ),
  },
  Gemm: {
    shape: [5, 32],
    make: (g, x) => add(g, 'Gemm', [x, g.addInitializer('w', spread([32, 24], 1, 3))], 'y'),
  },
  Conv: {
    shape: [2, 8, 9, 9],
    make: (g, x) =>
      add(
        g,
        'Conv',
        [
          x,
          g.addInitializer('w', spread([16, 8, 3, 3], 0, 4)),
          g.addInitializer('b', floats([16], weights(16, 9))),
        ],
        'y',
        { pads: intList(1, 1, 1, 1), strides: intList(2, 2) },
      ),
  },
  'Conv, grouped': {
    shape: [1, 8, 6, 6],
    make: (g, x) =>
      add(g, 'Conv', [x, g.addInitializer('w', spread([16, 4, 3, 3], 0, 5))], 'y', { group: int(2) }),
  },
  'Conv, 1-d, dilated': {
    shape: [1, 16, 20],
    make: (g, x) =>
      add(g, 'Conv', [x, g.addInitializer('w', spread([16, 16, 3], 0, 6))], 'y', {
        dilations: intList(2),
      }),
  },
}

const modelOf = ({ shape, make }: Layer, opset = 13) =>
  build(opset, { x: tensorType('float32', ...shape) }, (graph, input) =>
    graph.addOutput(make(graph, input('x')), tensorType('float32', ...shape.map(() => 'n'))),
  )

describe('quantize-dynamic', () => {
  describe.each(['uint8', 'int8'])('with %s weights', (type) => {
    it.each(Object.entries(layers))('keeps what %s gives', async (_, layer) => {
      const model = modelOf(layer)
      const feeds = [{ x: signal(layer.shape, 7) }]
      const [expected] = await runModel(encodeModel(model), feeds)
      expect(await run(model, 'quantize-dynamic', { weights: type })).toMatchObject({
        changed: 1,
        skipped: [],
      })
      const bytes = encodeModel(model)
      for (const name of ['wasm', 'node'] as const) {
        for (const optimize of ['all', 'disabled'] as const) {
          const [actual] = await runModel(bytes, feeds, { name, optimize })
          expect(actual!.y!.dims).toEqual(expected!.y!.dims)
          expect(sqnr(expected!.y!.data, actual!.y!.data)).toBeGreaterThan(38)
        }
      }
    })
  })

  it('keeps small channels by scales of their own', async () => {
    const layer = layers.Conv!
    const feeds = [{ x: signal(layer.shape, 7) }]
    const noise = async (granularity: string) => {
      const model = modelOf({
        ...layer,
        make: (g, x) => add(g, 'Conv', [x, g.addInitializer('w', spread([16, 8, 3, 3], 0, 4))], 'y'),
      })
      const [expected] = await runModel(encodeModel(model), feeds)
      await run(model, 'quantize-dynamic', { granularity })
      const [actual] = await runModel(encodeModel(model), feeds)
      // Channel 2 is a hundredth of channel 0.
      const third = ({ data }: { data: Float32Array }) => data.slice(2 * 49, 3 * 49)
      return sqnr(third(expected!.y!), third(actual!.y!))
    }
    expect(await noise('channel')).toBeGreaterThan(35)
    expect(await noise('tensor')).toBeLessThan(20)
  })

  const shared = () =>
    build(
      13,
      { x: tensorType('float32', 4, 32), image: tensorType('float32', 1, 8, 6, 6), flag: tensorType('bool') },
      (graph, input) => {
        const w = graph.addInitializer('w', floats([32, 24], weights(768, 1)))
        const v = graph.addInitializer('v', floats([24, 32], weights(768, 2)))
        const bias = graph.addInitializer('bias', floats([24], weights(24, 3)))
        const first = add(graph, 'Add', [bias, add(graph, 'MatMul', [input('x'), w], 'm')], 'first')
        const second = add(graph, 'Gemm', [input('x'), v, bias], 'second', { transB: int(1) })
        const sum = add(graph, 'Add', [first, second], 'sum')
        const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['y'] })
        body(choice, 'then_branch', (inside) => [add(inside, 'MatMul', [sum, v], 'then')])
        body(choice, 'else_branch', (inside) => [add(inside, 'MatMul', [first, v], 'else')])
        graph.addOutput(choice.outputs[0]!, tensorType('float32', 4, 32))
        const kernel = graph.addInitializer('kernel', floats([8, 8, 3, 3], weights(576, 4)))
        const shift = graph.addInitializer('shift', floats([8], weights(8, 5)))
        graph.addOutput(
          add(graph, 'Conv', [input('image'), kernel, shift], 'z'),
          tensorType('float32', 1, 8, 4, 4),
        )
      },
    )

  it('quantizes activations once for all who read them, and weights once in each form', async () => {
    const model = shared()
    expect(await run(model, 'quantize-dynamic')).toMatchObject({ changed: 5, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/quantize-dynamic.txt')
    expect(await run(readModel(encodeModel(model)), 'quantize-dynamic')).toMatchObject({
      changed: 0,
      skipped: [],
    })
  })

  it('gives what the source gives in both branches of an If', async () => {
    const model = shared()
    const x = signal([4, 32], 1)
    const image = signal([1, 8, 6, 6], 2)
    const feeds = [0, 1].map((flag) => ({
      x,
      image,
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    const expected = await runModel(encodeModel(model), feeds)
    await run(model, 'quantize-dynamic')
    const actual = await runModel(encodeModel(model), feeds)
    for (const [index, { y }] of actual.entries())
      expect(sqnr(expected[index]!.y!.data, y!.data)).toBeGreaterThan(35)
  })

  it('writes what onnxruntime fuses to one operator a layer', async () => {
    const alone = modelOf(layers['MatMul with its bias on the left']!)
    await run(alone, 'quantize-dynamic')
    expect(await optimizedOperators(encodeModel(alone))).toEqual({ DynamicQuantizeMatMul: 1 })
    const model = shared()
    await run(model, 'quantize-dynamic')
    const operators = await optimizedOperators(encodeModel(model))
    // Two share their activations; each branch of the If has its own.
    expect(operators).toMatchObject({ MatMulIntegerToFloat: 2, DynamicQuantizeMatMul: 2, ConvInteger: 1 })
    expect(operators.MatMulInteger).toBeUndefined()
  })

  it.each([
    [
      'opset 10',
      modelOf(layers.MatMul!, 10),
      'opset 10 has no DynamicQuantizeLinear: upgrade-opset to 11 first',
    ],
    [
      'a depthwise Conv',
      modelOf({
        shape: [1, 64, 6, 6],
        make: (g, x) =>
          add(g, 'Conv', [x, g.addInitializer('w', spread([64, 1, 3, 3], 0, 1))], 'y', { group: int(64) }),
      }),
      'is depthwise: nothing to gain from integers',
    ],
    [
      'a stack of matrices',
      modelOf({
        shape: [4, 3, 16],
        make: (g, x) => add(g, 'MatMul', [x, g.addInitializer('w', spread([4, 16, 16], 2, 1))], 'y'),
      }),
      'its weight is no matrix',
    ],
    [
      'a small weight',
      modelOf({
        shape: [3, 4],
        make: (g, x) => add(g, 'MatMul', [x, g.addInitializer('w', spread([4, 4], 1, 1))], 'y'),
      }),
      'would be no smaller',
    ],
    [
      'infinity',
      modelOf({
        shape: [3, 20],
        make: (g, x) =>
          add(
            g,
            'MatMul',
            [
              x,
              g.addInitializer('w', floats([20, 20], new Float32Array(400).fill(Number.POSITIVE_INFINITY))),
            ],
            'y',
          ),
      }),
      'its weight holds NaN or infinity',
    ],
  ])('leaves %s as it is, and says why', async (_, model, reason) => {
    expect(await run(model, 'quantize-dynamic')).toMatchObject({
      changed: 0,
      skipped: [{ node: 'y_node', reason }],
    })
  })

  it('leaves what is to be kept', async () => {
    const model = modelOf(layers.MatMul!)
    expect(await run(model, 'quantize-dynamic', { keep: ['y_*'] })).toMatchObject({
      changed: 0,
      skipped: [{ node: 'y_node', reason: 'is to be kept' }],
    })
  })
})
