import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { countMacs, encodeModel, type Model, readModel } from '@unplugin-onnx/core'
import { describe, expect, it } from 'vitest'
import { encodeModel as encodeBuilt } from '../../core/src/index'
import { add, body, build, floats, int, intList, tensorType } from '../../core/test/build-model'
import { countMacsInRun } from '../src/macs'
import { fixtures, ocrTrio, sileroTrio } from './models'

const zeros = (...dims: number[]) => floats(dims, new Float32Array(dims.reduce((size, dim) => size * dim, 1)))
const opened = (built: Parameters<typeof encodeBuilt>[0]): Model => readModel(encodeBuilt(built))
const fixed = (factor: number) => [{ factor, per: [] }]

describe('countMacsInRun', () => {
  const real = [
    ...ocrTrio,
    ...sileroTrio,
    ...['code_lang', 'num_en_fr_decoder', 'raw16_tf', 'kws_gru'].map((name) =>
      join(fixtures, `${name}.onnx`),
    ),
  ]

  it.each(real.map((file) => [file.split('/').at(-1), file]))(
    'counts all of %s in numbers',
    async (name, file) => {
      const model = readModel(readFileSync(file!))
      const before = encodeModel(model)
      const { nodes, total, ranOn } = await countMacsInRun(model, name!)
      expect(
        nodes.filter(({ macs }) => macs === undefined || macs.per.length > 0).map(({ node }) => node.label),
      ).toEqual([])
      expect(total).toEqual(fixed(nodes.reduce((sum, { macs }) => sum + macs!.factor, 0)))
      expect(total[0]!.factor).toBeGreaterThan(10_000)
      expect(Object.keys(ranOn)).toEqual(
        model.graph.inputs.filter((input) => !input.initializer).map((input) => input.name),
      )
      // What the model alone tells is the same.
      const known = new Map(nodes.map(({ node, macs }) => [node, macs]))
      for (const { node, macs } of countMacs(model).nodes)
        if (macs?.per.length === 0 && known.has(node)) expect(known.get(node), node.label).toEqual(macs)
      expect(Buffer.compare(encodeModel(model), before)).toBe(0)
    },
  )

  it('takes the branch that runs, and counts the rounds of loops that end by themselves', async () => {
    const built = build(17, { x: tensorType('float32', 4, 4) }, (graph, input) => {
      const limit = graph.addInitializer('limit', floats([], [2.5]))
      const node = graph.addNode({
        opType: 'Loop',
        name: 'steps',
        inputs: [undefined, undefined, input('x'), graph.addInitializer('zero', zeros())],
        outputs: ['y', 'n'],
      })
      body(node, 'body', (inside) => {
        inside.addInput('i', tensorType('int64'))
        inside.addInput('go', tensorType('bool'))
        const state = inside.addInput('state', tensorType('float32', 4, 4))
        const count = inside.addInput('count', tensorType('float32'))
        const next = add(inside, 'Add', [count, inside.addInitializer('one', floats([], [1]))], 'next_count')
        const product = add(inside, 'MatMul', [state, inside.addInitializer('w', zeros(4, 4))], 'product')
        return [add(inside, 'Less', [next, limit], 'on'), product, next]
      })
      const test = add(graph, 'Greater', [node.outputs[1], limit], 'test')
      const choice = graph.addNode({ opType: 'If', inputs: [test], outputs: ['z'] })
      for (const [attribute, columns] of [
        ['then_branch', 3],
        ['else_branch', 9],
      ] as const)
        body(choice, attribute, (inside) => [
          add(
            inside,
            'MatMul',
            [input('x'), inside.addInitializer(`${attribute}_w`, zeros(4, columns))],
            `${attribute}_z`,
          ),
        ])
      graph.addOutput(node.outputs[0]!)
      graph.addOutput(choice.outputs[0]!)
    })
    const model = opened(built)
    expect(countMacs(model).total).toEqual([
      { factor: 144, per: [] },
      { factor: 64, per: ['rounds of steps'] },
    ])
    // Three rounds: the third makes the count 3, which is no less than the limit, and more than it.
    expect((await countMacsInRun(model, 'loops')).total).toEqual(fixed(3 * 64 + 4 * 4 * 3))
  })

  it('counts every step of a scan', async () => {
    const built = build(17, { x: tensorType('float32', 'steps', 2, 4) }, (graph, input) => {
      const node = graph.addNode({
        opType: 'Scan',
        inputs: [input('x')],
        outputs: ['y'],
        attributes: { num_scan_inputs: int(1) },
      })
      body(node, 'body', (inside) => {
        const row = inside.addInput('row', tensorType('float32', 2, 4))
        return [
          add(
            inside,
            'MatMul',
            [
              add(inside, 'Transpose', [row], 't', { perm: intList(1, 0) }),
              inside.addInitializer('w', zeros(2, 5)),
            ],
            'product',
          ),
        ]
      })
      graph.addOutput(node.outputs[0]!)
    })
    const model = opened(built)
    expect(countMacs(model).total).toEqual([{ factor: 40, per: ['steps'] }])
    const { total, ranOn } = await countMacsInRun(model, 'scan')
    expect(total).toEqual(fixed(40 * ranOn.x![0]!))
  })
})
