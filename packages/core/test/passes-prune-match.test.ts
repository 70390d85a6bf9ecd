/** Layers that make up for what was done to those before them. */
import { describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, type Model, readModel, sqnr } from '../src/index'
import { PairedGram } from '../src/kernels/paired-gram'
import { matchedRows } from '../src/passes/prune/match'
import { add, body, build, floats, tensorType } from './build-model'
import { contextOf } from './context'
import { float, runModel } from './engine'
import { weights } from './random'

const n = 12

/** Halves that saw x, and o = f(x) as it was. */
function halvesOf(count: number, before: (x: Float32Array, sample: number) => number[]) {
  return [0, 1].map((half) => {
    const gram = new PairedGram(n)
    const x = weights(count * n, half + 1, 1)
    const rows = new Float32Array(count * n)
    for (let row = 0; row < count; row++)
      rows.set(before(x.subarray(row * n, (row + 1) * n), half * count + row), row * n)
    gram.add(x, rows, count)
    return gram
  }) as [PairedGram, PairedGram]
}

describe('matchedRows', () => {
  const source = Float64Array.from(weights(3 * n, 9, 1))

  it('undoes what happened to the inputs', () => {
    // Features were larger by half, and one held another as well.
    const halves = halvesOf(400, (x) => Array.from(x, (value, k) => (k === 2 ? value + x[5]! : 1.5 * value)))
    const rows = matchedRows(source, n, halves, false)
    for (let row = 0; row < 3; row++)
      for (let k = 0; k < n; k++) {
        const weight = source[row * n + k]!
        const wanted = k === 2 ? weight : 1.5 * weight + (k === 5 ? source[row * n + 2]! : 0)
        expect(Math.abs(rows[row * n + k]! - wanted)).toBeLessThan(0.05)
      }
  })

  it('leaves zeros where they are', () => {
    const sparse = source.map((weight, index) => (index % 3 === 0 ? 0 : weight))
    const rows = matchedRows(
      sparse,
      n,
      halvesOf(400, (x) => Array.from(x, (value) => 2 * value)),
      false,
    )
    for (const [index, weight] of rows.entries()) expect(weight === 0).toBe(index % 3 === 0)
  })

  it('moves next to nothing where the change is chance', () => {
    const noise = weights(40 * n, 77, 1)
    const halves = halvesOf(20, (x, row) => Array.from(x, (value, k) => value + noise[row * n + k]!))
    const rows = matchedRows(source, n, halves, false)
    const moved = rows.reduce((sum, weight, index) => sum + (weight - source[index]!) ** 2, 0)
    expect(moved).toBeLessThan(0.05 * source.reduce((sum, weight) => sum + weight ** 2, 0))
  })

  it('leaves the rows as they are where nothing has changed, and with samples of one half alone', () => {
    const same = halvesOf(20, (x) => [...x])
    expect(matchedRows(source, n, same, false)).toBe(source)
    const [even] = halvesOf(20, (x) => Array.from(x, (value) => 2 * value))
    expect(matchedRows(source, n, [even, new PairedGram(n)], false)).toBe(source)
  })
})

const width = 24

/** Three layers; their weights stand in the model in the order given. */
const chain = (order: readonly number[]): Model =>
  build(17, { x: tensorType('float32', 4, width) }, (graph, input) => {
    for (const layer of order)
      graph.addInitializer(`w${layer}`, floats([width, width], weights(width * width, layer + 1, 0.5)))
    let y = input('x')
    for (const layer of [0, 1, 2]) {
      y = add(graph, 'MatMul', [y, graph.find(`w${layer}`)!], `m${layer}`)
      if (layer < 2) y = add(graph, 'Relu', [y], `r${layer}`)
    }
    graph.addOutput(y)
  })

const feedsFrom = (seed: number, count: number) =>
  Array.from({ length: count }, (_, sample) => ({
    x: float([4, width], weights(4 * width, seed + sample, 1)),
  }))

const options = { reconstruct: true }

describe('prune-weights with reconstruction', () => {
  const context = contextOf(feedsFrom(100, 64))

  it('prunes in the order that layers are run in, whatever the order of the weights', async () => {
    const results: Float32Array[][] = []
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const model = chain(order)
      await applyPasses(model, [{ pass: 'prune-weights', options }], context)
      results.push([0, 1, 2].map((layer) => model.graph.find(`w${layer}`)!.initializer!.float32()))
    }
    expect(results[1]).toEqual(results[0])
  })

  it('fits a layer to what the source gives, better than to what its own weights give now', async () => {
    const source = chain([0, 1, 2])
    const tests = feedsFrom(1000, 64)
    const expected = await runModel(encodeModel(source), tests)
    const noise = async (model: Model) => {
      const actual = await runModel(encodeModel(model), tests)
      const all = (results: typeof expected, name: string) =>
        Float32Array.from(results.flatMap((result) => [...result[name]!.data]))
      return sqnr(all(expected, 'm2'), all(actual, 'm2'))
    }
    const together = readModel(encodeModel(source))
    await applyPasses(together, [{ pass: 'prune-weights', options }], context)
    // One pass for each layer takes the layers before it for the source.
    const apart = readModel(encodeModel(source))
    for (const layer of [0, 1, 2]) {
      const keep = [0, 1, 2].filter((other) => other !== layer).map((other) => `w${other}`)
      await applyPasses(apart, [{ pass: 'prune-weights', options: { ...options, keep } }], context)
    }
    expect(await noise(together)).toBeGreaterThan((await noise(apart)) + 0.2)
  })

  it('leaves no weight of a layer before as it was for the comparison', async () => {
    const model = chain([0, 1, 2])
    await applyPasses(model, [{ pass: 'prune-weights', options }], context)
    for (const layer of [0, 1, 2]) {
      const data = model.graph.find(`w${layer}`)!.initializer!.float32()
      expect(data.filter((weight) => weight === 0).length).toBe(data.length / 2)
    }
  })

  it('prunes layers in a branch that only the pruned model takes', async () => {
    const model = build(17, { x: tensorType('float32', 4, width) }, (graph, input) => {
      const square = (name: string, seed: number) =>
        graph.addInitializer(name, floats([width, width], weights(width * width, seed, 0.5)))
      const y = add(graph, 'MatMul', [input('x'), square('first', 1)], 'y')
      const sum = add(graph, 'ReduceSum', [y], 'sum', { keepdims: { type: 'int', value: 0 } })
      const positive = add(graph, 'Greater', [sum, graph.addInitializer('zero', floats([], [0]))], 'positive')
      const choice = graph.addNode({ opType: 'If', inputs: [positive], outputs: ['z'] })
      for (const [name, weight] of [
        ['then_branch', square('then', 2)],
        ['else_branch', square('else', 3)],
      ] as const)
        body(choice, name, (inside) => [add(inside, 'MatMul', [y, weight], `${name}_z`)])
      graph.addOutput(choice.outputs[0]!, tensorType('float32', 4, width))
    })
    const [result] = await applyPasses(model, [{ pass: 'prune-weights', options }], context)
    expect(result).toMatchObject({ changed: 3 })
    const outputs = await runModel(encodeModel(model), feedsFrom(1000, 4))
    for (const { z } of outputs) expect(z!.data.every(Number.isFinite)).toBe(true)
  })
})
