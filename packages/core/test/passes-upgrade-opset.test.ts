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
import { opsetRules } from '../src/passes/opset/rules'
import { add, body, build, floats, int, intList, run, tensorType } from './build-model'
import { type Feeds, float, type Outputs, runModel } from './engine'
import { type Case, type Cases, number, outputs, text } from './opset-cases/case'
import { controlFlow } from './opset-cases/control-flow'
import { images } from './opset-cases/images'
import { layers } from './opset-cases/layers'
import { movedAttributes } from './opset-cases/moved-attributes'
import { modelProto } from './oracle'
import { weights } from './random'

const cases: Cases = { ...movedAttributes, ...images, ...layers, ...controlFlow }

const feedsOf = ({ shape, feeds }: Case): Feeds => {
  const elements = shape.reduce((a, b) => a * b, 1)
  return { x: float(shape, weights(elements, 3, 2)), ...feeds }
}

/** Up to rounding: kernels of two versions may add up in another order. */
function expectSame([actual]: readonly Outputs[], [expected]: readonly Outputs[]): void {
  const dims = (outputs: Outputs | undefined) =>
    Object.entries(outputs ?? {}).map(([name, each]) => [name, each.dims])
  expect(dims(actual)).toEqual(dims(expected))
  for (const [name, { data }] of Object.entries(expected ?? {})) {
    const far = data.findIndex((value, i) => {
      const other = actual![name]!.data[i]!
      return !Object.is(other, value) && !(Math.abs(other - value) <= 1e-5 * Math.max(1, Math.abs(value)))
    })
    if (far >= 0) expect([name, far, actual![name]!.data[far]]).toEqual([name, far, data[far]])
  }
}

function caseModel(each: Case): Model {
  const types = Object.entries(feedsOf(each)).map(([name, { type, dims }]): [string, ValueType] => [
    name,
    { kind: 'tensor', dataType: type, shape: name === 'x' ? (each.declared ?? dims) : dims },
  ])
  return build(each.opset, Object.fromEntries(types), (graph, input) => {
    for (const output of [each.make(graph, input('x'), input)].flat())
      graph.addOutput(output as Value, undefined)
  })
}

describe('upgrade-opset', () => {
  const targets = [9, 10, 11, 12, 13, 16, 18, 20, 21]

  it.each(Object.entries(cases))('%s: computes the same in every later opset', async (_, each) => {
    const source = encodeModel(caseModel(each))
    const feeds = [feedsOf(each)]
    const expected = await runModel(source, feeds)
    for (const to of targets.filter((target) => target > each.opset)) {
      const model = readModel(source)
      const result = await run(model, 'upgrade-opset', { to })
      expect(result.skipped).toEqual([])
      expect(model.opset()).toBe(to)
      expectSame(await runModel(encodeModel(model), feeds), expected)
    }
  })

  it('has a case for every rule', () => {
    const crossed = new Set<string>()
    for (const each of Object.values(cases)) {
      for (const { opType } of caseModel(each).nodes())
        for (const { operator, at } of opsetRules)
          if (operator === opType && at > each.opset) crossed.add(`${operator} ${at}`)
    }
    const refusing = new Set(['Dropout 10', 'Erf 13'])
    const open = opsetRules
      .map(({ operator, at }) => `${operator} ${at}`)
      .filter((rule) => !crossed.has(rule))
    expect(open.filter((rule) => !refusing.has(rule))).toEqual([])
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

  /** A model that calls a function of opset 16, whose mean is taken along `axes`. */
  const calling = (axes: object) =>
    modelProto
      .encode(
        modelProto.fromObject({
          irVersion: 8,
          opsetImport: [
            { domain: '', version: 17 },
            { domain: 'my.own', version: 1 },
          ],
          graph: {
            name: 'calling',
            input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 6 }] } } } }],
            output: [{ name: 'y', type: { tensorType: { elemType: 1 } } }],
            node: [{ opType: 'Centre', domain: 'my.own', input: ['x'], output: ['y'], attribute: [] }],
          },
          functions: [
            {
              name: 'Centre',
              domain: 'my.own',
              input: ['value'],
              output: ['centred'],
              attributeProto: [{ name: 'along', type: 7, ints: [0] }],
              opsetImport: [{ domain: '', version: 16 }],
              node: [
                {
                  opType: 'ReduceMean',
                  input: ['value'],
                  output: ['mean'],
                  attribute: [{ name: 'axes', type: 7, ...axes }],
                },
                { opType: 'Sub', input: ['value', 'mean'], output: ['centred'] },
              ],
            },
          ],
        }),
      )
      .finish()

  it('raises the bodies of functions, whose constants are nodes', async () => {
    const source = calling({ ints: [0] })
    const feeds = [{ x: float([6], weights(6, 3, 2)) }]
    const model = readModel(source)
    expect(await run(model, 'upgrade-opset')).toMatchObject({ changed: 3, skipped: [] })
    const written = readModel(encodeModel(model))
    expect(written.functions[0]!.opsetImports.get('')).toBe(21)
    expect(written.functions[0]!.body.nodes.map(({ opType }) => opType)).toEqual([
      'Constant',
      'ReduceMean',
      'Sub',
    ])
    expectSame(await runModel(encodeModel(model), feeds), await runModel(source, feeds))
  })

  it('refuses a function whose callers give an attribute that became an input', async () => {
    const model = readModel(calling({ refAttrName: 'along' }))
    expect((await run(model, 'upgrade-opset')).skipped).toEqual([
      {
        node: 'ReduceMean -> mean',
        reason: 'has the attribute axes, which only a call of the function gives',
      },
    ])
    expect([model.opset(), model.functions[0]!.opsetImports.get('')]).toEqual([17, 16])
  })

  it('lets constants stay constants where IR version 3 lists them as inputs', async () => {
    const model = build(
      8,
      { x: tensorType('float32', 2) },
      (graph, input) => {
        const bias = graph.addInput('bias', tensorType('float32', 2))
        bias.initializer = floats([2], [1, 2])
        graph.addOutput(add(graph, 'Add', [input('x'), bias], 'y'))
      },
      3,
    )
    await run(model, 'upgrade-opset', { to: 13 })
    expect(model.irVersion).toBe(7)
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(model.graph.find('bias')!.isConstant).toBe(true)
  })

  it('gives bounds the type that the values have', async () => {
    const model = build(9, { x: tensorType('float64', 3) }, (graph, input) => {
      graph.addOutput(add(graph, 'Clip', [input('x')], 'y', { min: number(0.5) }))
    })
    await run(model, 'upgrade-opset', { to: 13 })
    expect(model.graph.nodes[0]!.inputs[1]!.initializer!.dataType).toBe('float64')
  })
})
