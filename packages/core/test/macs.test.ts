/** Multiplications counted by hand, and shapes held against what the engine computes. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type Amount,
  countMacs,
  inferTypes,
  type Model,
  readModel,
  Tensor,
  uncounted,
  type Value,
} from '../src/index'
import type { Shape } from '../src/passes/macs/amount'
import { inferShapes } from '../src/passes/macs/shapes'
import { add, body, build, floats, int, intList, tensorType } from './build-model'
import { contextOf } from './context'
import { bytesOf, subjects } from './subjects'

const zeros = (...dims: number[]) => floats(dims, new Float32Array(dims.reduce((size, dim) => size * dim, 1)))
const text = (amounts: readonly Amount[]) =>
  amounts.map(({ factor, per }) => [factor, ...per].join(' * ')).join(' + ')
const total = (model: Model) => text(countMacs(model).total)

/** One layer on an input x, with a constant weight. */
const layer = (
  opType: string,
  x: readonly (number | string)[],
  weight: readonly number[],
  attributes = {},
  more: readonly (readonly number[])[] = [],
  domain = '',
) =>
  build(17, { x: tensorType('float32', ...x) }, (graph, input) => {
    const constants = [weight, ...more].map((dims, index) =>
      graph.addInitializer(`w${index}`, zeros(...dims)),
    )
    const node = graph.addNode({
      opType,
      domain,
      inputs: [input('x'), ...constants],
      outputs: ['y'],
      attributes,
    })
    graph.addOutput(node.outputs[0]!)
  })

describe('countMacs', () => {
  it.each([
    ['MatMul', [5, 3, 4], [4, 7], {}, 5 * 3 * 4 * 7],
    ['MatMul', [4], [4, 7], {}, 4 * 7],
    ['MatMul', [2, 1, 3, 4], [6, 4, 7], {}, 2 * 6 * 3 * 4 * 7],
    ['Gemm', [3, 4], [4, 7], {}, 3 * 4 * 7],
    ['Gemm', [4, 3], [7, 4], { transA: int(1), transB: int(1) }, 3 * 4 * 7],
    // 8 x 8 positions, 6 filters of 3 channels and 3 x 3.
    ['Conv', [1, 3, 8, 8], [6, 3, 3, 3], { pads: intList(1, 1, 1, 1) }, 64 * 6 * 27],
    ['Conv', [1, 3, 8, 8], [6, 3, 3, 3], {}, 36 * 6 * 27],
    ['Conv', [1, 3, 9, 9], [6, 3, 3, 3], { strides: intList(2, 2) }, 16 * 6 * 27],
    ['Conv', [1, 3, 9, 9], [6, 3, 3, 3], { dilations: intList(2, 2) }, 25 * 6 * 27],
    [
      'Conv',
      [1, 3, 9, 9],
      [6, 3, 3, 3],
      { strides: intList(2, 2), auto_pad: { type: 'string', value: 'SAME_UPPER' } },
      25 * 6 * 27,
    ],
    // Depthwise: each of 6 channels for itself.
    ['Conv', [1, 6, 8, 8], [6, 1, 3, 3], { group: int(6) }, 36 * 6 * 9],
    ['Conv', [2, 3, 10], [4, 3, 5], {}, 2 * 6 * 4 * 15],
    // 4 x 4 inputs of 3 channels, each into 2 x 2 places of 5 channels.
    ['ConvTranspose', [1, 3, 4, 4], [3, 5, 2, 2], { strides: intList(2, 2) }, 16 * 3 * 5 * 4],
    ['Einsum', [2, 3, 4], [4, 5], { equation: { type: 'string', value: 'bij,jk->bik' } }, 2 * 3 * 4 * 5],
  ] as const)('counts %s on %j with %j and %j', (opType, x, weight, attributes, expected) => {
    expect(total(layer(opType, x, weight, attributes))).toBe(String(expected))
  })

  it('counts recurrent layers: all gates, for input and state, in every step and direction', () => {
    const lstm = layer('LSTM', [10, 2, 6], [1, 4 * 5, 6], { hidden_size: int(5) }, [[1, 20, 5]])
    expect(total(lstm)).toBe(String(10 * 2 * 4 * 5 * (6 + 5)))
    const gru = layer('GRU', [10, 2, 6], [2, 3 * 5, 6], { hidden_size: int(5) }, [[2, 15, 5]])
    expect(total(gru)).toBe(String(10 * 2 * 2 * 3 * 5 * (6 + 5)))
  })

  it('counts what is stored or computed in integers as what it stands for', () => {
    const attributes = { K: int(32), N: int(7), bits: int(4), block_size: int(32) }
    const blocks = layer('MatMulNBits', [5, 32], [7, 1, 16], attributes, [[7]], 'com.microsoft')
    expect(total(blocks)).toBe(String(5 * 32 * 7))
    expect(total(layer('MatMulInteger', [5, 4], [4, 7]))).toBe(String(5 * 4 * 7))
    expect(total(layer('ConvInteger', [1, 3, 8, 8], [6, 3, 3, 3]))).toBe(String(36 * 6 * 27))
    const scales = [[], [], [4, 7], [], [], [], []]
    expect(total(layer('QLinearMatMul', [5, 4], [], {}, scales.slice(1)))).toBe(String(5 * 4 * 7))
    const filters = [[], [6, 3, 3, 3], [], [], [], []]
    expect(total(layer('QLinearConv', [1, 3, 8, 8], [], {}, filters))).toBe(String(36 * 6 * 27))
  })

  it('keeps lengths that the model leaves open as names', () => {
    expect(total(layer('MatMul', ['batch', 'steps', 4], [4, 7]))).toBe('28 * batch * steps')
    const model = build(17, { x: tensorType('float32', 'batch', 'steps', 4) }, (graph, input) => {
      const turned = add(graph, 'Transpose', [input('x')], 't', { perm: intList(0, 2, 1) })
      const scores = add(graph, 'MatMul', [input('x'), turned], 's')
      const flat = add(graph, 'Flatten', [input('x')], 'f')
      const weight = graph.addInitializer('w', zeros(3, 5))
      graph.addOutput(scores)
      graph.addOutput(add(graph, 'MatMul', [add(graph, 'Identity', [flat], 'i'), weight], 'm'))
    })
    expect(total(model)).toBe('15 * batch + 4 * batch * steps * steps')
  })

  it('says what it can not count, and of which values a run has to show the shape', () => {
    const model = build(
      17,
      { x: tensorType('float32', 'n', 4), size: tensorType('int64', 2) },
      (graph, input) => {
        const shaped = add(graph, 'Reshape', [input('x'), input('size')], 'r')
        graph.addOutput(add(graph, 'MatMul', [shaped, graph.addInitializer('w', zeros(4, 7))], 'y'))
      },
    )
    const { total, nodes } = countMacs(model)
    expect([total, nodes.map(({ operator, macs }) => [operator, macs])]).toEqual([
      [],
      [['MatMul', undefined]],
    ])
    const wanted = uncounted(model)
    expect(wanted.map(({ name }) => name)).toEqual(['r', 'y'])
    const seen = { shapes: new Map<Value, number[]>([[wanted[0]!, [6, 4]]]), runs: new Map() }
    expect(text(countMacs(model, seen).total)).toBe(String(6 * 4 * 7))
  })

  it('takes the branch that costs more, or the one that a run took', () => {
    const model = build(17, { x: tensorType('float32', 3, 4), c: tensorType('bool') }, (graph, input) => {
      const node = graph.addNode({ opType: 'If', inputs: [input('c')], outputs: ['y'] })
      for (const [attribute, columns] of [
        ['then_branch', 7],
        ['else_branch', 9],
      ] as const)
        body(node, attribute, (inside) => [
          add(
            inside,
            'MatMul',
            [graph.find('x'), inside.addInitializer(`${attribute}_w`, zeros(4, columns))],
            `${attribute}_y`,
          ),
        ])
      graph.addOutput(node.outputs[0]!)
    })
    expect(total(model)).toBe(String(3 * 4 * 9))
    const [, then, otherwise] = [...model.graphs()]
    const runs = new Map([
      [then!, 1],
      [otherwise!, 0],
    ])
    expect(text(countMacs(model, { shapes: new Map(), runs }).total)).toBe(String(3 * 4 * 7))
  })

  it('counts every round of a loop, by number or by name', () => {
    const loop = (rounds: 'constant' | 'input') =>
      build(17, { x: tensorType('float32', 4, 4), n: tensorType('int64') }, (graph, input) => {
        const limit =
          rounds === 'input'
            ? input('n')
            : add(graph, 'Constant', [], 'limit', {
                value: { type: 'tensor', value: Tensor.of('int64', [], [6]) },
              })
        const node = graph.addNode({
          opType: 'Loop',
          name: 'steps',
          inputs: [limit, undefined, input('x')],
          outputs: ['y'],
        })
        body(node, 'body', (inside) => {
          inside.addInput('i', tensorType('int64'))
          const condition = inside.addInput('go', tensorType('bool'))
          const state = inside.addInput('state', tensorType('float32', 4, 4))
          return [
            add(inside, 'Identity', [condition], 'on'),
            add(inside, 'MatMul', [state, inside.addInitializer('w', zeros(4, 4))], 'next'),
          ]
        })
        graph.addOutput(node.outputs[0]!)
      })
    expect(total(loop('constant'))).toBe(String(6 * 64))
    expect(total(loop('input'))).toBe('64 * rounds of steps')
  })
})

describe('inferShapes', () => {
  it.each(Object.entries(subjects))(
    'says nothing of %s that onnxruntime does not compute',
    async (_, subject) => {
      const model = readModel(bytesOf(subject), {
        external: (location) => {
          const data = readFileSync(join(dirname(subject.file), location))
          return {
            byteLength: data.byteLength,
            read: (offset, length) => data.subarray(offset, offset + length),
          }
        },
      })
      model.graph.clearValueInfo()
      const feed = { ...subject.states, ...subject.feeds[0] }
      // What the names of open axes stand for in this run.
      const lengths = new Map<string, number>()
      for (const { name, type } of model.graph.inputs)
        if (type?.kind === 'tensor')
          for (const [axis, length] of (type.shape ?? []).entries())
            if (typeof length === 'string') lengths.set(length, feed[name]?.dims[axis] ?? 0)
      const numbers = (shape: Shape | undefined) =>
        shape?.map((length) =>
          length?.per.reduce((size, name) => size * (lengths.get(name) ?? Number.NaN), length.factor),
        )
      // Engines take one element in another rank, and some of these feeds are so.
      const given = model.graph.inputs.map((input) => [input, feed[input.name]?.dims ?? []] as const)
      const otherwise = given.filter(
        ([{ type }, dims]) => type?.kind === 'tensor' && type.shape?.length !== dims.length,
      )
      const shapeOf = inferShapes(model, new Map(otherwise))
      const types = inferTypes(model)
      const values = model.graph.nodes
        .flatMap(({ outputs }) => outputs)
        .filter(
          (value): value is Value => value !== undefined && /float|int|bool/.test(types.get(value) ?? ''),
        )
      const wrong: unknown[] = []
      let whole = 0
      await contextOf([feed]).calibration?.observe(model, values, ({ value, dims }) => {
        const said = numbers(shapeOf(value))
        if (said?.every((length) => length !== undefined)) whole++
        const fits =
          said === undefined ||
          (said.length === dims.length &&
            said.every(
              (length, axis) => length === undefined || Number.isNaN(length) || length === dims[axis],
            ))
        if (!fits) wrong.push([value.producer?.label, said, dims])
      })
      expect(wrong).toEqual([])
      expect(whole / values.length).toBeGreaterThan(0.3)
    },
  )
})
