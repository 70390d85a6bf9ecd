import { describe, expect, it } from 'vitest'
import {
  encodeModel,
  type Graph,
  type Model,
  printModel,
  readModel,
  type Value,
  type ValueType,
} from '../src/index'
import { add, body, build, floats, int, intList, ints, run, tensorType } from './build-model'
import { type Feeds, float, runModel } from './engine'
import { weights } from './random'

interface Case {
  readonly opset: number
  readonly shape: readonly number[]
  readonly make: (graph: Graph, x: Value) => Value | readonly Value[]
}

const number = (value: number) => ({ type: 'float', value }) as const
const numbers = (...value: number[]) => ({ type: 'floats', value }) as const
const text = (value: string) => ({ type: 'string', value }) as const
const outputs = (graph: Graph, opType: string, inputs: Value[], names: string[], attributes = {}): Value[] =>
  graph.addNode({ opType, inputs, outputs: names, attributes }).outputs.map((value) => value!)

/** The rank of what a Reshape by a computed shape gives can't be known. */
function rankless(graph: Graph, x: Value): Value {
  return add(graph, 'Reshape', [x, add(graph, 'Shape', [x], 'shape')], 'rankless')
}

const cube = [2, 3, 4]
const image = [1, 2, 4, 4]

const cases: Record<string, Case> = {
  'Clip, attributes': {
    opset: 7,
    shape: cube,
    make: (g, x) => add(g, 'Clip', [x], 'y', { min: number(-0.5), max: number(0.75) }),
  },
  'Clip, maximum only': {
    opset: 10,
    shape: cube,
    make: (g, x) => add(g, 'Clip', [x], 'y', { max: number(0.1) }),
  },
  Slice: {
    opset: 9,
    shape: cube,
    make: (g, x) =>
      add(g, 'Slice', [x], 'y', { starts: intList(1, -2), ends: intList(3, 1000), axes: intList(1, 2) }),
  },
  'Slice, all axes': {
    opset: 9,
    shape: cube,
    make: (g, x) => add(g, 'Slice', [x], 'y', { starts: intList(0, 1), ends: intList(1, 3) }),
  },
  'Pad, zeros': {
    opset: 9,
    shape: [2, 3],
    make: (g, x) => add(g, 'Pad', [x], 'y', { pads: intList(0, 1, 2, 3) }),
  },
  'Pad, value': {
    opset: 10,
    shape: [2, 3],
    make: (g, x) => add(g, 'Pad', [x], 'y', { pads: intList(0, 1, 2, 3), value: number(1.5) }),
  },
  'Pad, reflect': {
    opset: 9,
    shape: image,
    make: (g, x) => add(g, 'Pad', [x], 'y', { pads: intList(0, 0, 1, 2, 0, 0, 2, 1), mode: text('reflect') }),
  },
  TopK: { opset: 9, shape: [2, 8], make: (g, x) => outputs(g, 'TopK', [x], ['y', 'places'], { k: int(3) }) },
  'Squeeze and Unsqueeze': {
    opset: 9,
    shape: [2, 1, 4],
    make: (g, x) =>
      add(g, 'Unsqueeze', [add(g, 'Squeeze', [x], 's', { axes: intList(1) })], 'y', { axes: intList(0, 3) }),
  },
  'Squeeze, any axis': { opset: 9, shape: [2, 1, 4], make: (g, x) => add(g, 'Squeeze', [x], 'y') },
  ReduceSum: {
    opset: 11,
    shape: cube,
    make: (g, x) => add(g, 'ReduceSum', [x], 'y', { axes: intList(-1), keepdims: int(0) }),
  },
  'ReduceMean, all axes': { opset: 11, shape: cube, make: (g, x) => add(g, 'ReduceMean', [x], 'y') },
  'ReduceMean and ReduceMax': {
    opset: 9,
    shape: cube,
    make: (g, x) =>
      add(g, 'ReduceMax', [add(g, 'ReduceMean', [x], 'm', { axes: intList(1) })], 'y', { axes: intList(2) }),
  },
  'Softmax, last axis': {
    opset: 9,
    shape: cube,
    make: (g, x) => add(g, 'Softmax', [x], 'y', { axis: int(2) }),
  },
  'Softmax, axis 1 of 3': { opset: 9, shape: cube, make: (g, x) => add(g, 'Softmax', [x], 'y') },
  'Softmax, axis 0, rank unknown': {
    opset: 11,
    shape: cube,
    make: (g, x) => add(g, 'Softmax', [rankless(g, x)], 'y', { axis: int(0) }),
  },
  'Softmax, axis -2': {
    opset: 11,
    shape: image,
    make: (g, x) => add(g, 'Softmax', [x], 'y', { axis: int(-2) }),
  },
  LogSoftmax: { opset: 11, shape: image, make: (g, x) => add(g, 'LogSoftmax', [x], 'y', { axis: int(2) }) },
  Hardmax: { opset: 9, shape: cube, make: (g, x) => add(g, 'Hardmax', [x], 'y') },
  'Split, sizes': {
    opset: 9,
    shape: [2, 6],
    make: (g, x) => outputs(g, 'Split', [x], ['y', 'z'], { axis: int(1), split: intList(2, 4) }),
  },
  'Split, equal parts': {
    opset: 11,
    shape: [2, 6],
    make: (g, x) => outputs(g, 'Split', [x], ['y', 'z', 'u'], { axis: int(1) }),
  },
  'Upsample, nearest, by attribute': {
    opset: 7,
    shape: image,
    make: (g, x) => add(g, 'Upsample', [x], 'y', { mode: text('nearest'), scales: numbers(1, 1, 2, 3) }),
  },
  'Upsample, linear': {
    opset: 9,
    shape: image,
    make: (g, x) =>
      add(g, 'Upsample', [x, g.addInitializer('scales', floats([4], [1, 1, 2, 2.5]))], 'y', {
        mode: text('linear'),
      }),
  },
  'Resize, nearest, larger': {
    opset: 10,
    shape: image,
    make: (g, x) => add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 1.5, 2.6]))], 'y'),
  },
  'Resize, nearest, smaller': {
    opset: 10,
    shape: [1, 1, 7, 9],
    make: (g, x) => add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 0.6, 0.45]))], 'y'),
  },
  'Resize, linear': {
    opset: 10,
    shape: image,
    make: (g, x) =>
      add(g, 'Resize', [x, g.addInitializer('scales', floats([4], [1, 1, 0.5, 1.7]))], 'y', {
        mode: text('linear'),
      }),
  },
  'Resize with sizes and empty scales': {
    opset: 11,
    shape: image,
    make: (g, x) => {
      const empty = g.addInitializer('empty', floats([0], []))
      return add(g, 'Resize', [x, empty, empty, g.addInitializer('sizes', ints(1, 2, 7, 3))], 'y', {
        mode: text('cubic'),
        coordinate_transformation_mode: text('half_pixel'),
      })
    },
  },
  Dropout: { opset: 7, shape: cube, make: (g, x) => add(g, 'Dropout', [x], 'y', { ratio: number(0.3) }) },
  BatchNormalization: {
    opset: 7,
    shape: image,
    make: (g, x) =>
      add(
        g,
        'BatchNormalization',
        [
          x,
          ...[
            [1, 2],
            [0.5, -1],
            [0.1, 0.2],
            [1.5, 0.7],
          ].map((each, i) => g.addInitializer(`p${i}`, floats([2], each))),
        ],
        'y',
        { spatial: int(1) },
      ),
  },
  GRU: {
    opset: 7,
    shape: [3, 1, 4],
    make: (g, x) =>
      add(
        g,
        'GRU',
        [
          x,
          g.addInitializer('w', floats([1, 15, 4], weights(60, 1, 1))),
          g.addInitializer('r', floats([1, 15, 5], weights(75, 2, 1))),
        ],
        'y',
        { hidden_size: int(5) },
      ),
  },
  Scatter: {
    opset: 10,
    shape: [2, 4],
    make: (g, x) =>
      add(
        g,
        'Scatter',
        [
          x,
          add(g, 'Reshape', [g.addInitializer('i', ints(3, 0)), g.addInitializer('s', ints(2, 1))], 'at'),
          g.addInitializer('u', floats([2, 1], [7, 8])),
        ],
        'y',
        { axis: int(1) },
      ),
  },
  RoiAlign: {
    opset: 10,
    shape: [1, 1, 6, 6],
    make: (g, x) =>
      add(
        g,
        'RoiAlign',
        [x, g.addInitializer('rois', floats([1, 4], [0, 1, 4.5, 5])), g.addInitializer('b', ints(0))],
        'y',
        { output_height: int(2), output_width: int(2) },
      ),
  },
  GridSample: {
    opset: 16,
    shape: image,
    make: (g, x) =>
      add(
        g,
        'GridSample',
        [x, g.addInitializer('grid', floats([1, 2, 2, 2], [-0.5, 0.1, 0.3, -0.9, 0.7, 0.7, 0, 0.2]))],
        'y',
        { mode: text('bicubic') },
      ),
  },
  DFT: { opset: 17, shape: [1, 8, 1], make: (g, x) => add(g, 'DFT', [x], 'y', { axis: int(1) }) },
  'OneHot, Pow, PRelu, Mod and the like as they are': {
    opset: 10,
    shape: [2, 4],
    make: (g, x) => {
      const slope = g.addInitializer('slope', floats([4], [0.1, 0.2, 0.3, 0.4]))
      const pow = add(g, 'Pow', [add(g, 'Abs', [add(g, 'PRelu', [x, slope], 'p')], 'a'), slope], 'pow')
      const flat = add(g, 'Flatten', [add(g, 'Tile', [pow, g.addInitializer('t', ints(1, 2))], 'tile')], 'f')
      return add(
        g,
        'Sum',
        [flat, add(g, 'Max', [flat, g.addInitializer('one', floats([1], [0.5]))], 'max')],
        'y',
      )
    },
  },
}

function caseModel({ opset, shape, make }: Case): Model {
  return build(opset, { x: tensorType('float32', ...shape) }, (graph, input) => {
    for (const output of [make(graph, input('x'))].flat()) graph.addOutput(output as Value, undefined)
  })
}

const feedOf = (shape: readonly number[]): Feeds => ({
  x: float(
    shape,
    weights(
      shape.reduce((a, b) => a * b, 1),
      3,
      2,
    ),
  ),
})

describe('upgrade-opset', () => {
  it.each(Object.entries(cases))('%s: computes the same in opset 13 and 21', async (_, each) => {
    const source = encodeModel(caseModel(each))
    const expected = await runModel(source, [feedOf(each.shape)])
    for (const to of [13, 21]) {
      const model = readModel(source)
      const result = await run(model, 'upgrade-opset', { to })
      expect(result.skipped).toEqual([])
      expect(model.opset()).toBe(Math.max(to, each.opset))
      expect(await runModel(encodeModel(model), [feedOf(each.shape)])).toEqual(expected)
    }
  })

  const mixed = () =>
    build(
      9,
      { x: tensorType('float32', 2, 3, 4), flag: tensorType('bool') },
      (graph, input) => {
        const clipped = add(graph, 'Clip', [input('x')], 'clipped', { min: number(0), max: number(6) })
        const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['chosen'] })
        body(choice, 'then_branch', (inside) => [add(inside, 'Softmax', [clipped], 'soft')])
        body(choice, 'else_branch', (inside) => [
          add(inside, 'ReduceMean', [clipped], 'mean', { axes: intList(2) }),
        ])
        graph.addOutput(add(graph, 'Unsqueeze', [choice.outputs[0]!], 'y', { axes: intList(0) }), undefined)
      },
      4,
    )

  it('raises nodes in branches too, and the IR version with the opset', async () => {
    const model = mixed()
    expect(await run(model, 'upgrade-opset', { to: 18 })).toMatchObject({ changed: 5, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/upgrade-opset.txt')
    expect(model.irVersion).toBe(8)
  })

  it('leaves a model that is new enough', async () => {
    const model = mixed()
    expect(await run(model, 'upgrade-opset', { to: 8 })).toMatchObject({ changed: 0, skipped: [] })
    expect([model.opset(), model.irVersion]).toEqual([9, 4])
  })

  const x: ValueType = tensorType('float32', 1, 2, 4, 4)
  const refused: Record<string, [number, (graph: Graph, x: Value) => Value, string]> = {
    'an operator that ONNX does not have': [
      9,
      (g, v) => add(g, 'Mystery', [v], 'y'),
      'there is no rule for the operator Mystery',
    ],
    'an opset before 7': [
      6,
      (g, v) => add(g, 'Relu', [v], 'y'),
      'opset 6 is older than 7, where the rules begin',
    ],
    'a BatchNormalization whose saved statistics are read': [
      9,
      (g, v) =>
        outputs(
          g,
          'BatchNormalization',
          [v, ...['a', 'b', 'c', 'd'].map((name) => g.addInitializer(name, floats([2], [1, 1])))],
          ['y', 'mean', 'var', 's', 't'],
        )[3]!,
      'gives saved statistics, which opset 14 dropped',
    ],
    'coordinates of TensorFlow where pixels are not rounded down': [
      11,
      (g, v) => {
        const empty = g.addInitializer('empty', floats([0], []))
        const scales = g.addInitializer('scales', floats([4], [1, 1, 2, 2]))
        return add(g, 'Resize', [v, empty, scales], 'y', {
          coordinate_transformation_mode: text('tf_half_pixel_for_nn'),
        })
      },
      'maps coordinates as tf_half_pixel_for_nn, which opset 13 dropped',
    ],
    'an Erf of integers': [
      9,
      (g, v) => add(g, 'Erf', [add(g, 'Cast', [v], 'whole', { to: int(6) })], 'y'),
      'computes on integers, which opset 13 dropped',
    ],
    'a mask of Dropout that is read': [
      9,
      (g, v) => outputs(g, 'Dropout', [v], ['d', 'mask'])[1]!,
      'has a mask that is read, which engines fill in another way from opset 12 on',
    ],
    'bounds of a Clip whose type nothing tells': [
      9,
      (g, v) =>
        add(
          g,
          'Cast',
          [
            add(
              g,
              'Clip',
              [
                g.addNode({
                  opType: 'Mystery',
                  domain: 'my.own',
                  inputs: [add(g, 'Cast', [v], 'half', { to: int(10) })],
                  outputs: ['mystery'],
                }).outputs[0]!,
              ],
              'c',
              { min: number(0) },
            ),
          ],
          'y',
          { to: int(1) },
        ),
      'has an input of unknown type, which a new constant input would have to match',
    ],
  }

  it.each(Object.entries(refused))(
    'refuses %s, says why, and leaves the model as it is',
    async (_, [opset, make, reason]) => {
      const model = build(opset, { x }, (graph, input) => {
        const first = add(graph, 'Relu', [input('x')], 'first')
        graph.addOutput(make(graph, first))
      })
      const before = printModel(model)
      const result = await run(model, 'upgrade-opset')
      expect(result.changed).toBe(0)
      expect(result.skipped.map((each) => each.reason)).toEqual([reason])
      expect(printModel(model)).toBe(before)
    },
  )

  it('gives bounds the type that the values have', async () => {
    const model = build(9, { x: tensorType('float64', 3) }, (graph, input) => {
      graph.addOutput(add(graph, 'Clip', [input('x')], 'y', { min: number(0.5) }))
    })
    await run(model, 'upgrade-opset', { to: 13 })
    expect(model.graph.nodes[0]!.inputs[1]!.initializer!.dataType).toBe('float64')
  })
})
