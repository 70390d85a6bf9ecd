import { describe, expect, it } from 'vitest'
import { encodeModel, fromFloat16, printModel, readModel, sqnr } from '../src/index'
import { add, body, build, floats, run, tensorType } from './build-model'
import { float, runModel } from './engine'
import { weights } from './random'

const x = tensorType('float32', 2, 32)

describe('float16 storage', () => {
  const shared = () =>
    build(13, { x, flag: tensorType('bool') }, (graph, input) => {
      const weight = graph.addInitializer('weight', floats([32, 32], weights(1024, 1)))
      const bias = graph.addInitializer('bias', floats([32], weights(32, 2)))
      const first = add(graph, 'MatMul', [input('x'), weight], 'first')
      const second = add(graph, 'Add', [add(graph, 'MatMul', [first, weight], 'second'), bias], 'biased')
      const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['y'] })
      body(choice, 'then_branch', (inside) => {
        const own = inside.addInitializer('own', floats([32, 32], weights(1024, 3)))
        return [add(inside, 'MatMul', [second, own], 'then')]
      })
      body(choice, 'else_branch', (inside) => [add(inside, 'MatMul', [second, weight], 'else')])
      graph.addOutput(choice.outputs[0]!, x)
    })

  it("puts one Cast before the first of all nodes that read a weight, in the weight's own graph", async () => {
    const model = shared()
    expect(await run(model, 'float16')).toMatchObject({ changed: 2, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/float16.txt')
  })

  it('halves the file and changes results by rounding alone', async () => {
    const model = shared()
    const source = encodeModel(model)
    await run(model, 'float16')
    const variant = encodeModel(model)
    expect(variant.length).toBeLessThan(source.length * 0.56)
    const feeds = [0, 1].map((flag) => ({
      x: float([2, 32], weights(64, 9)),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    for (const optimize of ['all', 'disabled'] as const) {
      const expected = await runModel(source, feeds)
      const actual = await runModel(variant, feeds, { name: 'wasm', optimize })
      for (const [index, { y }] of expected.entries())
        expect(sqnr(y!.data, actual[index]!.y!.data)).toBeGreaterThan(60)
    }
  })

  it('halves the scales of a large table and of a wide matrix, and no others', async () => {
    const ids = tensorType('int64', 2, 4)
    const model = build(13, { ids }, (graph, input) => {
      const constant = (name: string, dims: number[], seed: number) =>
        graph.addInitializer(name, floats(dims, weights(dims[0]! * dims[1]!, seed)))
      const rows = add(graph, 'Gather', [constant('table', [600, 16], 1), input('ids')], 'rows')
      const wide = add(graph, 'MatMul', [rows, constant('wide', [16, 512], 2)], 'product')
      const narrow = add(graph, 'MatMul', [wide, constant('narrow', [512, 64], 3)], 'y')
      graph.addOutput(narrow, tensorType('float32', 2, 4, 64))
    })
    const source = encodeModel(model)
    await run(model, 'quantize-weights')
    const exact = encodeModel(model)
    expect(await run(model, 'float16')).toMatchObject({ changed: 2, skipped: [] })
    const typeOf = (name: string) => model.graph.find(`${name}_scale`)?.initializer?.dataType
    expect(['table', 'wide', 'narrow'].map(typeOf)).toEqual(['float16', 'float16', 'float32'])
    const variant = encodeModel(model)
    expect(exact.length - variant.length).toBeGreaterThan((600 + 512) * 2 - 300)
    const feeds = [
      {
        ids: { type: 'int64', dims: [2, 4], data: BigInt64Array.from([0, 1, 599, 4, 7, 7, 250, 33], BigInt) },
      },
    ] as const
    for (const name of ['wasm', 'node'] as const)
      for (const optimize of ['all', 'disabled'] as const) {
        const engine = { name, optimize }
        const [expected] = await runModel(source, feeds)
        const [before] = await runModel(exact, feeds, engine)
        const [after] = await runModel(variant, feeds, engine)
        // onnxruntime-node fuses, and rounds activations to 8 bits as well.
        if (name === 'wasm' || optimize === 'disabled')
          expect(sqnr(before!.y!.data, after!.y!.data)).toBeGreaterThan(65)
        expect(sqnr(expected!.y!.data, after!.y!.data)).toBeGreaterThan(
          sqnr(expected!.y!.data, before!.y!.data) - 0.1,
        )
      }
  })

  it('writes the values rounded to nearest', async () => {
    const model = shared()
    const original = model.graph.find('weight')!.initializer!.float32().slice()
    await run(model, 'float16')
    const bytes = readModel(encodeModel(model)).graph.find('weight')!.initializer!.bytes()
    const stored = fromFloat16(new Uint16Array(bytes.slice().buffer))
    const worst = original.reduce((most, value, index) => {
      // Below the smallest normal number, 2^-14, the step stays 2^-24.
      return Math.max(most, Math.abs(value - stored[index]!) / Math.max(Math.abs(value), 2 ** -14))
    }, 0)
    expect(worst).toBeLessThanOrEqual(2 ** -11)
  })

  it.each([
    ['a value is too large', { values: [70000] }, '1 of 1024 values are too large for float16'],
    ['all values are too small', { scale: 1e-6 }, 'its values, up to 1.5e-7, are too small for float16'],
  ])(
    'skips a weight where %s',
    async (_, { values = [], scale = 1 }: { values?: number[]; scale?: number }, reason) => {
      const data = weights(1024, 1).map((value) => value * scale)
      data.set(values)
      const model = build(13, { x }, (graph, input) => {
        graph.addOutput(
          add(graph, 'MatMul', [input('x'), graph.addInitializer('w', floats([32, 32], data))], 'y'),
          x,
        )
      })
      const result = await run(model, 'float16')
      expect(result.changed).toBe(0)
      expect(result.skipped).toEqual([{ node: 'w', reason: expect.stringMatching(reason.slice(0, 10)) }])
      expect(result.skipped[0]!.reason.replace(/[\d.]+e-\d+/, '1.5e-7')).toBe(reason)
    },
  )

  it('keeps infinities and NaN, which float16 has as well', async () => {
    const data = weights(1024, 1)
    data.set([Number.NEGATIVE_INFINITY, Number.NaN])
    const model = build(13, { x }, (graph, input) => {
      graph.addOutput(
        add(graph, 'MatMul', [input('x'), graph.addInitializer('w', floats([32, 32], data))], 'y'),
        x,
      )
    })
    expect(await run(model, 'float16')).toMatchObject({ changed: 1 })
  })

  it('leaves what is small, an output, the default of an input, a scale, or read by a node to keep', async () => {
    const model = build(13, { x }, (graph, input) => {
      const tensor = floats([32, 32], weights(1024, 1))
      const overridable = graph.addInput('overridable', tensorType('float32', 32, 32))
      overridable.initializer = tensor
      const output = graph.addInitializer('output', floats([32, 32], weights(1024, 2)))
      const kept = graph.addInitializer('kept', floats([32, 32], weights(1024, 4)))
      const small = graph.addInitializer('small', floats([32], weights(32, 5)))
      let sum = add(graph, 'Add', [add(graph, 'MatMul', [input('x'), overridable], 'a'), small], 'b')
      sum = add(graph, 'MatMul', [sum, output], 'c')
      sum = add(graph, 'MatMul', [sum, kept], 'last/layer')
      graph.addOutput(sum, x)
      graph.addOutput(output, tensorType('float32', 32, 32))
    })
    expect((await run(model, 'float16', { keep: ['last*'] })).skipped).toEqual([
      { node: 'overridable', reason: 'is the default of an input' },
      { node: 'output', reason: 'is an output of its graph' },
      { node: 'kept', reason: 'is to be kept' },
    ])
  })
})
