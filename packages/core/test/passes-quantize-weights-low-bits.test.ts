/** Every combination of options, run in both engines and compared with what the stored integers stand for. */
import { describe, expect, it } from 'vitest'
import { encodeModel, type Model, passes, printModel, readModel, sqnr, Tensor } from '../src/index'
import { add, body, build, floats, int, intList, ints, run, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feeds, float, type Outputs, runModel } from './engine'
import { dequantized, everyLayer, layerFeeds, layerWeights } from './every-layer'
import { weights } from './random'

const feeds: Feeds[] = [layerFeeds(1), layerFeeds(23)]

/** The source with weights replaced by what the quantized model's integers stand for. */
function replaced(quantized: Model): Uint8Array {
  const model = everyLayer()
  for (const [name, dims] of Object.entries(layerWeights)) {
    const data = dequantized(quantized, name)
    if (data !== undefined) model.graph.find(name)!.initializer = floats(dims, Array.from(data))
  }
  return encodeModel(model)
}

function agreement(expected: readonly Outputs[], actual: readonly Outputs[]): number {
  let least = Number.POSITIVE_INFINITY
  for (const [index, outputs] of expected.entries()) {
    expect(Object.keys(actual[index]!)).toEqual(Object.keys(outputs))
    for (const [name, { data, dims }] of Object.entries(outputs)) {
      expect(actual[index]![name]!.dims).toEqual(dims)
      least = Math.min(least, sqnr(data, actual[index]![name]!.data))
    }
  }
  return least
}

const everyFeed = { minElements: 16 }
const source = encodeModel(everyLayer())

/** Least signal-to-noise ratio against the source, per bits; coarse, it only says that scales are no nonsense. */
const least: Record<number, Record<string, number>> = {
  8: { float: 25, 'power-of-two': 25 },
  4: { float: 8, 'power-of-two': 5 },
  2: { float: -3, 'power-of-two': -3 },
}

const layouts = [
  { granularity: 'channel' },
  { granularity: 'tensor' },
  { granularity: 'block', blockSize: 16 },
  { granularity: 'block', blockSize: 32, format: 'dequantize' },
  { granularity: 'block', blockSize: 128 },
]
const cases = layouts.flatMap((layout) => [8, 4, 2].map((bits) => ({ bits, ...layout })))

describe('quantize-weights', () => {
  it.each(cases)('computes in both engines what its integers stand for: %j', async (layout) => {
    const expectedSource = await runModel(source, feeds, { name: 'wasm', optimize: 'disabled' })
    for (const symmetric of [true, false]) {
      for (const scale of ['float', 'power-of-two']) {
        for (const method of ['rtn', 'mse', 'hqq', 'k-quant', 'gptq', 'awq']) {
          const options = { ...everyFeed, ...layout, symmetric, scale, method }
          const label = JSON.stringify(options)
          const model = everyLayer()
          const pass = passes.get('quantize-weights')!
          const defaults = { ...pass.options, ...options }
          const { changed, skipped } = await pass.run(model, defaults, contextOf(feeds))
          expect(skipped, label).toEqual([])
          expect(changed, label).toBe(Object.keys(layerWeights).length)
          const bytes = encodeModel(model)
          const written = readModel(bytes)
          const meant = await runModel(replaced(written), feeds, { name: 'wasm', optimize: 'disabled' })
          const wasm = await runModel(bytes, feeds)
          expect(agreement(meant, wasm), label).toBeGreaterThan(90)
          expect(agreement(expectedSource, wasm), label).toBeGreaterThan(least[layout.bits]![scale]!)
          if (symmetric === (scale === 'float')) continue
          const node = await runModel(bytes, feeds, { name: 'node', optimize: 'disabled' })
          expect(agreement(meant, node), label).toBeGreaterThan(90)
        }
      }
    }
  })

  const block = { granularity: 'block', minElements: 16 }
  const operators = (model: Model) => [...model.nodes()].map(({ opType }) => opType)

  it('writes MatMulNBits and GatherBlockQuantized for blocks, in branches too, and one tensor for a tied table', async () => {
    const model = build(13, { x: tensorType('float32', 2, 64), flag: tensorType('bool') }, (graph, input) => {
      const tied = graph.addInitializer('tied', floats([50, 64], weights(3200, 2)))
      const ids = graph.addInitializer('ids', ints(4, 2))
      const outer = graph.addInitializer('outer', floats([64, 64], weights(4096, 1)))
      const sum = add(graph, 'Add', [input('x'), add(graph, 'Gather', [tied, ids], 'looked')], 'sum')
      const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['chosen'] })
      body(choice, 'then_branch', (inside) => {
        const own = inside.addInitializer('own', floats([64, 64], weights(4096, 3)))
        const bias = inside.addInitializer('bias', floats([64], weights(64, 7)))
        const first = add(inside, 'Gemm', [sum, own, bias], 'first', { transB: int(1) })
        return [add(inside, 'MatMul', [first, outer], 'then')]
      })
      body(choice, 'else_branch', (inside) => [add(inside, 'MatMul', [sum, outer], 'else')])
      const turned = add(graph, 'Transpose', [tied], 'turned', { perm: intList(1, 0) })
      graph.addOutput(add(graph, 'MatMul', [choice.outputs[0]!, turned], 'y'), tensorType('float32', 2, 50))
    })
    const source = encodeModel(model)
    expect(await run(model, 'quantize-weights', { ...block, bits: 8 })).toMatchObject({
      changed: 3,
      skipped: [],
    })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/quantize-weights-blocks.txt')
    expect(await run(model, 'quantize-weights', { ...block, bits: 8 })).toEqual({
      pass: 'quantize-weights',
      changed: 0,
      skipped: [],
    })
    const variant = encodeModel(model)
    const inputs = [0, 1].map((flag) => ({
      x: float([2, 64], weights(128, 9, 2)),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    for (const name of ['wasm', 'node'] as const) {
      for (const optimize of ['all', 'disabled'] as const) {
        const actual = await runModel(variant, inputs, { name, optimize })
        for (const [index, { y }] of (await runModel(source, inputs)).entries())
          expect(sqnr(y!.data, actual[index]!.y!.data)).toBeGreaterThan(38)
      }
    }
  })

  it('shows blocks of 4 bits with zero points as text', async () => {
    const model = everyLayer()
    await run(model, 'quantize-weights', { ...block, bits: 4, symmetric: false })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/quantize-weights-every-layer.txt')
  })

  it.each([
    [20, { bits: 4 }, "opset 20 can't dequantize 4 bits: upgrade-opset to 21 first"],
    [20, { bits: 2, granularity: 'tensor' }, "opset 20 can't dequantize 2 bits: upgrade-opset to 21 first"],
    [
      20,
      { granularity: 'block', format: 'dequantize' },
      "opset 20 can't dequantize in blocks: upgrade-opset to 21 first",
    ],
    [21, { granularity: 'channel', format: 'nbits' }, 'has no MatMulNBits form: its granularity is block'],
    [21, { granularity: 'block', method: 'gptq' }, 'needs calibration data'],
    [21, { granularity: 'block', method: 'awq' }, 'needs calibration data'],
  ])('at opset %d leaves weights as they are with %j, and says why', async (opset, options, reason) => {
    const model = build(opset, { x: tensorType('float32', 3, 50) }, (graph, input) => {
      const weight = graph.addInitializer('w', floats([50, 40], weights(2000, 1)))
      graph.addOutput(add(graph, 'MatMul', [input('x'), weight], 'y'))
    })
    const before = encodeModel(model)
    expect(await run(model, 'quantize-weights', options)).toMatchObject({
      changed: 0,
      skipped: [{ node: 'w', reason }],
    })
    expect(encodeModel(model)).toEqual(before)
  })

  it('says what has no MatMulNBits form, and falls back to DequantizeLinear where it may', async () => {
    const strict = await run(everyLayer(), 'quantize-weights', { ...block, bits: 4, format: 'nbits' })
    expect(Object.fromEntries(strict.skipped.map(({ node, reason }) => [node, reason]))).toEqual({
      left: 'has no MatMulNBits form: is read by MatMul',
      batched: 'has no MatMulNBits form: is no matrix',
      conv: 'has no MatMulNBits form: is no matrix',
      pointwise: 'has no MatMulNBits form: is no matrix',
      deconv: 'has no MatMulNBits form: is no matrix',
      lstm_w: 'has no MatMulNBits form: is no matrix',
      lstm_r: 'has no MatMulNBits form: is no matrix',
      odd_table: 'has no MatMulNBits form: a row is no whole number of bytes',
      einsum: 'has no MatMulNBits form: is read by Einsum',
    })
    const model = everyLayer()
    await run(model, 'quantize-weights', { ...block, bits: 4 })
    const names = operators(model)
    expect(names.filter((name) => name === 'DequantizeLinear')).toHaveLength(9)
    expect(names.filter((name) => name === 'MatMulNBits')).toHaveLength(4)
    expect(names.filter((name) => name === 'GatherBlockQuantized')).toHaveLength(2)
  })

  it('keeps weights with NaN or infinity, and those of no elements', async () => {
    const model = build(21, { x: tensorType('float32', 3, 50) }, (graph, input) => {
      const broken = weights(2000, 1)
      broken[1999] = Number.NEGATIVE_INFINITY
      const weight = graph.addInitializer('broken', floats([50, 40], broken))
      graph.addOutput(add(graph, 'MatMul', [input('x'), weight], 'y'))
      const nothing = graph.addInitializer('nothing', floats([50, 0], []))
      graph.addOutput(add(graph, 'MatMul', [input('x'), nothing], 'z'))
    })
    const result = await run(model, 'quantize-weights', { ...block, bits: 4, minElements: 0 })
    expect(result).toMatchObject({
      changed: 0,
      skipped: [{ node: 'broken', reason: 'holds NaN or infinity' }],
    })
  })

  it('gives zeros for blocks of zeros, and the same bytes every time', async () => {
    const make = async (symmetric: boolean) => {
      const model = build(21, { x: tensorType('float32', 3, 64) }, (graph, input) => {
        const data = weights(64 * 40, 1).map((weight, index) => (index < 32 * 40 ? 0 : weight))
        graph.addOutput(
          add(graph, 'MatMul', [input('x'), graph.addInitializer('w', floats([64, 40], data))], 'y'),
        )
      })
      await run(model, 'quantize-weights', { ...block, bits: 4, symmetric, method: 'mse' })
      return encodeModel(model)
    }
    const x = float(
      [3, 64],
      weights(192, 3).map((value, index) => (index % 64 < 32 ? value : 0)),
    )
    for (const symmetric of [true, false]) {
      const bytes = await make(symmetric)
      expect(Buffer.from(bytes).equals(await make(symmetric))).toBe(true)
      const [{ y }] = (await runModel(bytes, [{ x }])) as [Outputs]
      expect(Math.max(...y!.data.map(Math.abs))).toBe(0)
    }
  })

  it('makes the integers once when the model is written, and keeps none', async () => {
    const model = everyLayer()
    const weight = model.graph.find('matmul')!
    const tensor = weight.initializer!
    let reads = 0
    weight.initializer = Tensor.lazy('float32', tensor.dims, () => {
      reads++
      return tensor.bytes()
    })
    await run(model, 'quantize-weights', { ...block, bits: 4, symmetric: false })
    reads = 0
    encodeModel(model)
    expect(reads).toBe(1)
    encodeModel(model)
    expect(reads).toBe(2)
  })

  it('chooses powers of two as scales', async () => {
    const model = everyLayer()
    await run(model, 'quantize-weights', { scale: 'power-of-two', bits: 8 })
    const scales = model.graph.find('matmul_scale')!.initializer!.float32()
    expect([...scales].every((scale) => Number.isInteger(Math.log2(scale)))).toBe(true)
  })

  it('spares the noisiest weights in blocks as well', async () => {
    const { skipped } = await run(everyLayer(), 'quantize-weights', { ...block, bits: 4, spare: 0.3 })
    expect(skipped.length).toBeGreaterThan(0)
    for (const { reason } of skipped) expect(reason).toMatch(/^is spared: noise at \d+\.\d dB$/)
  })
})
