import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
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
import { add, body, build, floats, int, ints, run, tensorType } from './build-model'
import { contextOf } from './context'
import { float, runModel } from './engine'
import { weights } from './random'
import { calibration, trainedFolder } from './real-feeds'

const data = (model: Model, name: string): Float32Array => {
  for (const graph of model.graphs()) {
    const tensor = graph.find(name)?.initializer
    if (tensor !== undefined) return tensor.float32()
  }
  throw new Error(`no ${name}`)
}

const zeros = (values: Float32Array): number => values.filter((value) => value === 0).length

/** One layer: y = x w. */
const oneLayer = (features: number, outputs: number, values: Float32Array, opType = 'MatMul') =>
  build(17, { x: tensorType('float32', 3, features) }, (graph, input) => {
    graph.addOutput(
      add(graph, opType, [input('x'), graph.addInitializer('w', floats([features, outputs], values))], 'y'),
    )
  })

/** Every kind of layer, one of them in a branch. */
const everyKind = () =>
  build(17, { x: tensorType('float32', 1, 4, 6, 6), flag: tensorType('bool') }, (graph, input) => {
    const weight = (g: Graph, name: string, dims: number[], seed: number): Value =>
      g.addInitializer(
        name,
        floats(
          dims,
          weights(
            dims.reduce((size, dim) => size * dim, 1),
            seed,
          ),
        ),
      )
    let y = add(graph, 'Conv', [input('x'), weight(graph, 'conv', [8, 4, 3, 3], 1)], 'a')
    y = add(graph, 'Conv', [y, weight(graph, 'depthwise', [8, 1, 3, 3], 2)], 'b', { group: int(8) })
    y = add(graph, 'ConvTranspose', [y, weight(graph, 'up', [8, 4, 2, 2], 3)], 'c')
    y = add(graph, 'Flatten', [y], 'd')
    y = add(graph, 'Gemm', [y, weight(graph, 'gemm', [36, 16], 4)], 'e')
    const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['chosen'] })
    body(choice, 'then_branch', (inside) => [
      add(inside, 'MatMul', [y, weight(inside, 'inner', [16, 12], 5)], 'then'),
    ])
    body(choice, 'else_branch', (inside) => [
      add(inside, 'Relu', [add(inside, 'MatMul', [y, weight(inside, 'other', [16, 12], 6)], 'm')], 'else'),
    ])
    y = add(graph, 'Unsqueeze', [choice.outputs[0]!, graph.addInitializer('axes', ints(0))], 'f')
    graph.addOutput(
      add(graph, 'GRU', [y, weight(graph, 'w', [1, 24, 12], 7), weight(graph, 'r', [1, 24, 8], 8)], 'y', {
        hidden_size: int(8),
      }),
      tensorType('float32', 1, 1, 1, 8),
    )
  })

const feeds = [0, 1].map((flag) => ({
  x: float([1, 4, 6, 6], weights(144, 9, 2)),
  flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
}))
const layers = ['conv', 'depthwise', 'up', 'gemm', 'inner', 'other', 'w', 'r']

describe('prune-weights, single weights', () => {
  it('takes half of the weights of every layer, the smallest', async () => {
    const model = everyKind()
    const before = new Map(layers.map((name) => [name, data(model, name)]))
    expect(await run(model, 'prune-weights')).toMatchObject({
      changed: 7,
      skipped: [{ node: 'depthwise', reason: 'is depthwise, 9 weights an output' }],
    })
    before.delete('depthwise')
    for (const [name, source] of before) {
      const pruned = data(model, name)
      const cut = [...source].map(Math.abs).sort((a, b) => a - b)[source.length / 2]!
      expect([...pruned]).toEqual([...source].map((weight) => (Math.abs(weight) < cut ? 0 : weight)))
    }
  })

  it('computes what the source does with its weights masked, in both engines', async () => {
    const model = everyKind()
    const masked = everyKind()
    for (const name of layers.filter((each) => each !== 'depthwise')) {
      for (const graph of masked.graphs()) {
        const value = graph.find(name)
        if (value?.graph !== graph) continue
        const source = value.initializer!.float32()
        const cut = [...source].map(Math.abs).sort((a, b) => a - b)[source.length / 2]!
        value.initializer = floats(
          value.initializer!.dims,
          source.map((weight) => (Math.abs(weight) < cut ? 0 : weight)),
        )
      }
    }
    await run(model, 'prune-weights')
    for (const name of ['wasm', 'node'] as const)
      expect(await runModel(encodeModel(model), feeds, { name })).toEqual(
        await runModel(encodeModel(masked), feeds, { name }),
      )
  })

  it('compares all layers where the scope is global', async () => {
    const model = everyKind()
    await run(model, 'prune-weights', { scope: 'global', amount: 0.3 })
    const sizes = layers.map((name) => data(model, name).length)
    const gone = layers.map((name) => zeros(data(model, name)))
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
    expect(sum(gone)).toBe(Math.floor(sum(sizes) * 0.3))
    const kept = layers.flatMap((name) =>
      [...data(model, name)].filter((weight) => weight !== 0).map(Math.abs),
    )
    const source = everyKind()
    const lost = layers.flatMap((name) => {
      const pruned = data(model, name)
      return [...data(source, name)].filter((_, index) => pruned[index] === 0).map(Math.abs)
    })
    expect(Math.max(...lost)).toBeLessThanOrEqual(Math.min(...kept))
  })

  it.each([
    {},
    { scope: 'global' },
    { criterion: 'softmax', signed: true },
    { pattern: '2:4' },
    { pattern: '4:8', criterion: 'softmax' },
    { criterion: 'softmax', mass: 0.9 },
    { amount: 1 },
    { amount: 0 },
  ])('has nothing left to do in a second run with %j', async (options) => {
    const model = everyKind()
    await run(model, 'prune-weights', options)
    expect(await run(readModel(encodeModel(model)), 'prune-weights', options)).toMatchObject({ changed: 0 })
  })

  it('says why a weight stays', async () => {
    const model = build(17, { x: tensorType('float32', 4, 4) }, (graph, input) => {
      const square = (seed: number) => floats([4, 4], weights(16, seed))
      const broken = weights(16, 1)
      broken[3] = Number.NaN
      let y = add(graph, 'MatMul', [input('x'), graph.addInitializer('nan', floats([4, 4], broken))], 'a')
      const overridable = graph.addInput('overridable', tensorType('float32', 4, 4))
      overridable.initializer = square(2)
      y = add(graph, 'MatMul', [y, overridable], 'b')
      const added = graph.addInitializer('added', square(3))
      y = add(graph, 'Add', [add(graph, 'MatMul', [y, added], 'c'), added], 'd')
      y = add(graph, 'MatMul', [y, graph.addInitializer('kept', square(4))], 'head/last')
      const turned = add(graph, 'Transpose', [graph.addInitializer('turned', square(5))], 't')
      y = add(graph, 'MatMul', [y, turned], 'e')
      const constant = graph.addNode({
        opType: 'Constant',
        inputs: [],
        outputs: ['constant'],
        attributes: { value: { type: 'tensor', value: square(6) } },
      })
      graph.addOutput(add(graph, 'MatMul', [y, constant.outputs[0]!], 'y'))
    })
    const { changed, skipped } = await run(model, 'prune-weights', { keep: ['head/*'] })
    expect(changed).toBe(0)
    expect(Object.fromEntries(skipped.map(({ node, reason }) => [node, reason]))).toEqual({
      nan: 'holds NaN or infinity',
      overridable: 'is the default of an input',
      added: 'is also read by Add',
      kept: 'is to be kept',
      turned: 'reaches its layer through nodes that move it: fold-constants first',
      constant: 'lies in a Constant node: fold-constants first',
    })
  })

  it('needs calibration where it looks at activations', async () => {
    for (const options of [
      { criterion: 'wanda' },
      { reconstruct: true },
      { pattern: 'channel', reconstruct: true },
    ])
      expect(await run(everyKind(), 'prune-weights', options)).toEqual({
        pass: 'prune-weights',
        changed: 0,
        skipped: [{ node: 'test', reason: 'needs calibration data' }],
      })
  })

  it('reads weights only when the model is written', async () => {
    const model = everyKind()
    await run(model, 'prune-weights')
    const tensor = model.graph.find('conv')!.initializer!
    expect(tensor.bytes()).not.toBe(tensor.bytes())
    expect(tensor.bytes()).toEqual(tensor.bytes())
  })

  it('writes zeros where weights were', async () => {
    const model = everyKind()
    await run(model, 'prune-weights')
    await expect(printModel(readModel(encodeModel(model)))).toMatchFileSnapshot(
      'golden/passes/prune-weights.txt',
    )
  })
})

describe('prune-weights, n:m', () => {
  it('keeps n of every m neighbours that a product sums over, the largest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom([1, 2], [2, 4], [4, 8], [3, 5]),
        fc.integer({ min: 1, max: 23 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 1000 }),
        async ([n, m], features, outputs, seed) => {
          const source = weights(features * outputs, seed)
          const model = oneLayer(features, outputs, source)
          await run(model, 'prune-weights', { pattern: `${n}:${m}` })
          const pruned = data(model, 'w')
          for (let output = 0; output < outputs; output++) {
            for (let start = 0; start < features; start += m!) {
              const places = Array.from(
                { length: Math.min(m!, features - start) },
                (_, k) => (start + k) * outputs + output,
              )
              const kept = places.filter((place) => pruned[place] !== 0)
              const lost = places.filter((place) => pruned[place] === 0)
              expect(kept.length).toBe(places.length < m! ? places.length : n)
              for (const place of kept) expect(pruned[place]).toBe(source[place])
              const least = Math.min(...kept.map((place) => Math.abs(source[place]!)))
              for (const place of lost) expect(Math.abs(source[place]!)).toBeLessThanOrEqual(least)
            }
          }
        },
      ),
      { numRuns: 60, seed: 1 },
    )
  })

  it('skips rows that are shorter than a block', async () => {
    expect(await run(oneLayer(3, 8, weights(24, 1)), 'prune-weights', { pattern: '2:4' })).toMatchObject({
      changed: 0,
      skipped: [{ node: 'w', reason: 'its rows of 3 have no 4 neighbours' }],
    })
  })
})

describe('prune-weights, softmax importance', () => {
  it('keeps the weights that hold a share of the importance', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.05, max: 0.99, noNaN: true }),
        fc.double({ min: 0.05, max: 20, noNaN: true }),
        fc.boolean(),
        fc.integer({ min: 1, max: 1000 }),
        async (mass, temperature, signed, seed) => {
          const source = weights(160, seed)
          const model = oneLayer(16, 10, source)
          await run(model, 'prune-weights', { criterion: 'softmax', mass, temperature, signed })
          const pruned = data(model, 'w')
          // The formula, word for word, in float64.
          const mean = source.reduce((sum, weight) => sum + weight, 0) / 160
          const tau =
            temperature * Math.sqrt(source.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / 160)
          const terms = [...source].map((weight) =>
            Math.exp((signed ? weight : Math.abs(weight)) / tau - 100 / tau),
          )
          const scaled = terms.every((term) => term > 0) ? terms : undefined
          if (scaled === undefined) return
          const total = scaled.reduce((sum, term) => sum + term, 0)
          const gone = [...pruned].flatMap((weight, index) => (weight === 0 ? [scaled[index]! / total] : []))
          const held = 1 - gone.reduce((sum, share) => sum + share, 0)
          const next = Math.min(
            ...[...pruned].flatMap((weight, index) => (weight === 0 ? [] : [scaled[index]! / total])),
          )
          expect(held).toBeGreaterThan(mass - 1e-5)
          // The least important of those that stay could not go, too.
          if (gone.length < 159) expect(held - next).toBeLessThan(mass + 1e-5)
          for (const share of gone) expect(share).toBeLessThanOrEqual(next + 1e-9)
        },
      ),
      { numRuns: 60, seed: 1 },
    )
  })

  it('does not overflow, however low the temperature', async () => {
    const model = oneLayer(16, 10, weights(160, 1, 1000))
    expect(
      await run(model, 'prune-weights', { criterion: 'softmax', mass: 0.9, temperature: 1e-6 }),
    ).toMatchObject({ changed: 1 })
    expect(zeros(data(model, 'w'))).toBe(159)
  })

  it('prunes negative weights first where it is signed', async () => {
    const model = oneLayer(16, 10, weights(160, 1))
    await run(model, 'prune-weights', { criterion: 'softmax', signed: true, amount: 0.4 })
    expect(Math.min(...data(model, 'w'))).toBeGreaterThan(Math.min(...weights(160, 1)))
    expect(zeros(data(model, 'w'))).toBe(64)
  })

  it('leaves whole the blocks that hold the share', async () => {
    const source = weights(160, 1)
    const model = oneLayer(16, 10, source)
    await run(model, 'prune-weights', { criterion: 'softmax', pattern: '2:4', mass: 0.5 })
    const pruned = data(model, 'w')
    const perBlock = Array.from({ length: 40 }, (_, block) => {
      const [output, start] = [block % 10, Math.floor(block / 10) * 4]
      return [0, 1, 2, 3].filter((k) => pruned[(start + k) * 10 + output] === 0).length
    })
    expect(new Set(perBlock)).toEqual(new Set([0, 2]))
    expect(perBlock.filter((count) => count === 0).length).toBeLessThanOrEqual(20)
  })
})

describe('prune-weights with calibration', () => {
  const source = () => oneLayer(16, 12, weights(192, 1))
  // Inputs of which half are near zero, and some follow others.
  const inputs = Array.from({ length: 8 }, (_, sample) => {
    const x = weights(48, sample + 20, 2)
    for (let row = 0; row < 3; row++) {
      for (let k = 0; k < 8; k++) x[row * 16 + k]! *= 0.01
      for (let k = 12; k < 16; k++) x[row * 16 + k] = 0.9 * x[row * 16 + k - 4]! + 0.1 * x[row * 16 + k]!
    }
    return { x: float([3, 16], x) }
  })
  const context = contextOf(inputs)

  it('goes by |w| times the norm of its input within each output, with wanda', async () => {
    const model = source()
    await applyPasses(model, [{ pass: 'prune-weights', options: { criterion: 'wanda' } }], context)
    const norms = Array.from({ length: 16 }, (_, k) =>
      Math.sqrt(
        inputs.reduce(
          (sum, { x }) =>
            sum + [0, 1, 2].reduce((all, row) => all + (x.data as Float32Array)[row * 16 + k]! ** 2, 0),
          0,
        ),
      ),
    )
    const pruned = data(model, 'w')
    const original = weights(192, 1)
    for (let output = 0; output < 12; output++) {
      const scores = norms.map((norm, k) => norm * Math.abs(original[k * 12 + output]!))
      const cut = [...scores].sort((a, b) => a - b)[8]!
      for (const [k, score] of scores.entries()) expect(pruned[k * 12 + output] === 0).toBe(score < cut)
    }
  })

  it.each([{}, { pattern: '2:4' }, { scope: 'global' }])(
    'computes nearer to the source when reconstructed, %j',
    async (options) => {
      const noise = async (given: Record<string, unknown>) => {
        const model = source()
        await applyPasses(model, [{ pass: 'prune-weights', options: { ...options, ...given } }], context)
        expect(zeros(data(model, 'w'))).toBe(96)
        const again = readModel(encodeModel(model))
        const [second] = await applyPasses(
          again,
          [{ pass: 'prune-weights', options: { ...options, ...given } }],
          context,
        )
        expect(second).toMatchObject({ changed: 0 })
        const expected = await runModel(encodeModel(source()), inputs)
        const actual = await runModel(encodeModel(model), inputs)
        return Math.min(...expected.map(({ y }, index) => sqnr(y!.data, actual[index]!.y!.data)))
      }
      expect(await noise({ reconstruct: true })).toBeGreaterThan((await noise({})) + 3)
    },
  )

  it('keeps the weights of a depthwise layer whose channels differ in scale, and its network usable', async () => {
    const score = async (options: Record<string, unknown>) => {
      const model = readModel(readFileSync(join(trainedFolder, 'digits_mobile.onnx')))
      const bytes = encodeModel(model)
      await applyPasses(
        model,
        [{ pass: 'prune-weights', options }],
        contextOf(calibration('digits_mobile', 8, 8)),
      )
      const feeds = calibration('digits_mobile', 8, 8)
      const [expected, actual] = [await runModel(bytes, feeds), await runModel(encodeModel(model), feeds)]
      const top = (row: Float32Array) => row.indexOf(Math.max(...row))
      const rows = expected.flatMap(({ y }, index) =>
        [0, 1, 2, 3, 4, 5, 6, 7].map((row) => {
          const [from, to] = [row * 10, row * 10 + 10]
          return top(y!.data.subarray(from, to)) === top(actual[index]!.y!.data.subarray(from, to))
        }),
      )
      return rows.filter(Boolean).length / rows.length
    }
    expect(await score({})).toBeLessThan(0.5)
    expect(await score({ reconstruct: true })).toBeGreaterThan(0.9)
    expect(await score({ reconstruct: true, pattern: '2:4' })).toBeGreaterThan(0.9)
    expect(await score({ reconstruct: true, pattern: 'channel', amount: 0.25 })).toBeGreaterThan(0.9)
  })
})
