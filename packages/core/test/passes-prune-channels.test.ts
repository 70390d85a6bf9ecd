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
  sqnr,
  type Value,
} from '../src/index'
import { add, body, build, floats, int, intList, ints, run, tensorType } from './build-model'
import { contextOf } from './context'
import { float, runModel } from './engine'
import { weights } from './random'
import { calibration, trainedFolder } from './real-feeds'

/** Channels that make nothing and that nothing reads. */
const dead = new Set([1, 4, 6])

/** Weights whose dead channels along an axis are zero. */
function withDead(graph: Graph, name: string, dims: number[], seed: number, axes: readonly number[]): Value {
  const data = weights(
    dims.reduce((size, dim) => size * dim, 1),
    seed,
  )
  for (const axis of axes) {
    const inner = dims.slice(axis + 1).reduce((size, dim) => size * dim, 1)
    for (const index of data.keys()) {
      const place = Math.floor(index / inner) % dims[axis]!
      if (dead.has(Math.floor((place * 8) / dims[axis]!))) data[index] = 0
    }
  }
  return graph.addInitializer(name, floats(dims, data))
}

const network = (fill: (graph: Graph, x: Value) => Value) =>
  build(17, { x: tensorType('float32', 1, 3, 8, 8) }, (graph, input) => {
    graph.addOutput(fill(graph, input('x')))
  })

/** Networks with a space of eight channels, three of them dead. */
const networks: Record<string, () => Model> = {
  'Conv, BatchNormalization, Relu, MaxPool and Conv': () =>
    network((graph, x) => {
      let y = add(graph, 'Conv', [x, withDead(graph, 'w', [8, 3, 3, 3], 1, [0])], 'a')
      const channel = (name: string, seed: number) => withDead(graph, name, [8], seed, [0])
      const variance = graph.addInitializer('variance', floats([8], new Float32Array(8).fill(0.5)))
      y = add(
        graph,
        'BatchNormalization',
        [y, channel('scale', 2), channel('shift', 3), channel('mean', 4), variance],
        'b',
      )
      y = add(graph, 'MaxPool', [add(graph, 'Relu', [y], 'c')], 'd', { kernel_shape: intList(2, 2) })
      return add(graph, 'Conv', [y, withDead(graph, 'v', [5, 8, 1, 1], 5, [1])], 'y')
    }),
  'a depthwise Conv between, and squeeze-and-excite': () =>
    network((graph, x) => {
      const bias = withDead(graph, 'bias', [8], 9, [0])
      let y = add(graph, 'Conv', [x, withDead(graph, 'w', [8, 3, 1, 1], 1, [0]), bias], 'a')
      y = add(graph, 'Conv', [y, withDead(graph, 'depthwise', [8, 1, 3, 3], 2, [0])], 'b', { group: int(8) })
      let gate = add(graph, 'GlobalAveragePool', [y], 'p')
      gate = add(graph, 'Conv', [gate, withDead(graph, 'down', [8, 8, 1, 1], 3, [0, 1])], 'q')
      gate = add(
        graph,
        'Conv',
        [add(graph, 'Relu', [gate], 'r'), withDead(graph, 'up', [8, 8, 1, 1], 4, [0, 1])],
        's',
      )
      y = add(graph, 'Mul', [y, add(graph, 'HardSigmoid', [gate], 't')], 'u')
      return add(graph, 'Conv', [y, withDead(graph, 'v', [5, 8, 1, 1], 5, [1])], 'y')
    }),
  'a residual Add': () =>
    network((graph, x) => {
      const first = add(graph, 'Conv', [x, withDead(graph, 'w', [8, 3, 1, 1], 1, [0])], 'a')
      let y = add(
        graph,
        'Conv',
        [add(graph, 'Relu', [first], 'b'), withDead(graph, 'inner', [8, 8, 1, 1], 2, [0, 1])],
        'c',
      )
      y = add(graph, 'Add', [y, first], 'd')
      return add(graph, 'ConvTranspose', [y, withDead(graph, 'v', [8, 4, 2, 2], 3, [0])], 'y')
    }),
  'Flatten and Gemm': () =>
    network((graph, x) => {
      let y = add(graph, 'Conv', [x, withDead(graph, 'w', [8, 3, 1, 1], 1, [0])], 'a')
      y = add(graph, 'Flatten', [y], 'b')
      return add(graph, 'Gemm', [y, withDead(graph, 'v', [10, 512], 2, [1])], 'y', { transB: int(1) })
    }),
  'a Reshape that names the features': () =>
    network((graph, x) => {
      let y = add(graph, 'Conv', [x, withDead(graph, 'w', [8, 3, 1, 1], 1, [0])], 'a')
      y = add(graph, 'Reshape', [y, graph.addInitializer('shape', ints(0, 512))], 'b')
      return add(graph, 'MatMul', [y, withDead(graph, 'v', [512, 10], 2, [0])], 'y')
    }),
  'an activation between matrix products, written out': () =>
    network((graph, x) => {
      let y = add(graph, 'MatMul', [x, withDead(graph, 'w', [8, 8], 1, [1])], 'a')
      y = add(graph, 'Add', [y, withDead(graph, 'bias', [8], 2, [0])], 'b')
      const root = graph.addNode({
        opType: 'Constant',
        inputs: [],
        outputs: ['root'],
        attributes: { value: { type: 'tensor', value: floats([], [Math.SQRT2]) } },
      }).outputs[0]!
      y = add(graph, 'Mul', [y, add(graph, 'Erf', [add(graph, 'Div', [y, root], 'c')], 'd')], 'e')
      return add(graph, 'MatMul', [y, withDead(graph, 'v', [8, 5], 3, [0])], 'y')
    }),
  'layers in a branch': () =>
    build(17, { x: tensorType('float32', 1, 3, 8, 8), flag: tensorType('bool') }, (graph, input) => {
      const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['y'] })
      body(choice, 'then_branch', (inside) => {
        const y = add(inside, 'Conv', [input('x'), withDead(inside, 'w', [8, 3, 1, 1], 1, [0])], 'a')
        return [add(inside, 'Conv', [y, withDead(inside, 'v', [3, 8, 1, 1], 2, [1])], 'then')]
      })
      body(choice, 'else_branch', (inside) => [add(inside, 'Relu', [input('x')], 'else')])
      graph.addOutput(choice.outputs[0]!, tensorType('float32', 1, 3, 8, 8))
    }),
}

const feeds = [
  {
    x: float([1, 3, 8, 8], weights(192, 9, 2)),
    flag: { type: 'bool', dims: [], data: Uint8Array.of(1) } as const,
  },
]
const feedsOf = (model: Model) =>
  feeds.map((feed) => Object.fromEntries(Object.entries(feed).filter(([name]) => model.graph.find(name))))
const options = { pattern: 'channel', amount: 3 / 8 }

const dimsOf = (model: Model): Record<string, readonly number[]> =>
  Object.fromEntries([...model.initializers()].map((value) => [value.name, value.initializer!.dims]))

describe('prune-weights, channels', () => {
  it.each(Object.entries(networks))(
    'takes dead channels out of %s, and computes the same',
    async (_, make) => {
      const model = make()
      const source = encodeModel(model)
      const { changed } = await run(model, 'prune-weights', options)
      expect(changed).toBeGreaterThan(0)
      expect(dimsOf(model).w).not.toEqual(dimsOf(make()).w)
      const variant = encodeModel(model)
      for (const name of ['wasm', 'node'] as const) {
        for (const optimize of ['all', 'disabled'] as const) {
          const [expected] = await runModel(source, feedsOf(model), { name, optimize })
          const [actual] = await runModel(variant, feedsOf(model), { name, optimize })
          expect(actual!.y!.dims).toEqual(expected!.y!.dims)
          // Only the order of sums may differ.
          expect(sqnr(expected!.y!.data, actual!.y!.data)).toBeGreaterThan(110)
        }
      }
    },
  )

  it.each(Object.entries(networks))('is done after one run on %s', async (_, make) => {
    const model = make()
    await run(model, 'prune-weights', options)
    expect(await run(readModel(encodeModel(model)), 'prune-weights', options)).toEqual({
      pass: 'prune-weights',
      changed: 0,
      skipped: [{ node: 'test', reason: 'was pruned with these options before' }],
    })
  })

  it('cuts everything that has the channels', async () => {
    const model = networks['a depthwise Conv between, and squeeze-and-excite']!()
    await run(model, 'prune-weights', options)
    expect(dimsOf(model)).toEqual({
      w: [5, 3, 1, 1],
      bias: [5],
      depthwise: [5, 1, 3, 3],
      down: [5, 5, 1, 1],
      up: [5, 5, 1, 1],
      v: [5, 5, 1, 1],
    })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/prune-weights-channels.txt')
  })

  it.each(['magnitude', 'softmax'])('finds the dead channels by %s, in both scopes', async (criterion) => {
    for (const scope of ['layer', 'global']) {
      const model = networks['Flatten and Gemm']!()
      const alive = [...model.graph.find('w')!.initializer!.float32()].filter((weight) => weight !== 0)
      await run(model, 'prune-weights', { ...options, criterion, scope })
      expect([...model.graph.find('w')!.initializer!.float32()]).toEqual(alive)
    }
  })

  it('says why channels stay', async () => {
    const model = network((graph, x) => {
      const layer = (from: Value, name: string, dims: number[], attributes = {}) =>
        add(graph, 'Conv', [from, withDead(graph, name, dims, 1, [])], `${name}_out`, attributes)
      let y = layer(layer(x, 'grouped_in', [8, 3, 1, 1]), 'grouped', [8, 4, 1, 1], { group: int(2) })
      y = add(graph, 'Softmax', [layer(y, 'soft', [8, 8, 1, 1])], 'softened', { axis: int(1) })
      y = layer(layer(y, 'kept', [8, 8, 1, 1]), 'after', [8, 8, 1, 1])
      const shared = withDead(graph, 'shared', [8, 8, 1, 1], 2, [])
      y = add(graph, 'Conv', [add(graph, 'Tanh', [y], 'z'), shared], 'm')
      graph.addOutput(add(graph, 'Relu', [shared], 'seen'))
      return add(graph, 'Conv', [y, withDead(graph, 'last', [2, 8, 1, 1], 3, [])], 'y')
    })
    const { changed, skipped } = await run(model, 'prune-weights', { ...options, keep: ['kept'] })
    expect(changed).toBe(0)
    expect(Object.fromEntries(skipped.map(({ node, reason }) => [node, reason]))).toEqual({
      grouped_in_out_node: 'goes into Conv',
      soft_out_node: 'goes into Softmax',
      kept_out_node: 'is to be kept, or goes together with what is',
      after_out_node: 'shared has other readers',
      m_node: 'shared has other readers',
      y_node: 'is, or becomes, an output of its graph',
    })
  })

  it.each(['digits_cnn', 'digits_ext', 'digits_mobile', 'diabetes_mlp', 'kws_conformer'])(
    'comes nearer to %s when what reads the channels is refitted',
    async (name) => {
      const file = join(trainedFolder, `${name}.onnx`)
      const external = (location: string) => {
        const bytes = readFileSync(join(trainedFolder, location))
        return {
          byteLength: bytes.length,
          read: (from: number, size: number) => bytes.subarray(from, from + size),
        }
      }
      const inputs = calibration(name, 8, 8)
      const noise = async (reconstruct: boolean) => {
        const model = readModel(readFileSync(file), { external })
        const source = encodeModel(model)
        const given = { pattern: 'channel', amount: 0.25, reconstruct }
        const [result] = await applyPasses(
          model,
          [{ pass: 'prune-weights', options: given }],
          contextOf(inputs),
        )
        expect(result!.changed).toBeGreaterThan(0)
        const variant = encodeModel(model)
        expect(variant.length).toBeLessThan(source.length)
        const expected = await runModel(source, inputs)
        const actual = await runModel(variant, inputs)
        const [output] = Object.keys(expected[0]!)
        return Math.min(
          ...expected.map((each, index) => sqnr(each[output!]!.data, actual[index]![output!]!.data)),
        )
      }
      expect(await noise(true)).toBeGreaterThan((await noise(false)) + 3)
    },
  )
})
