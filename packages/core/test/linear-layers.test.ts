/** Layers as matrices: what the engine computes for each layer of real models is its weight's rows times its input's rows. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyPasses, readModel, sqnr } from '../src/index'
import { cholesky, inverseFromCholesky, inverseUpperFactor, solveCholesky } from '../src/kernels/cholesky'
import { Gram } from '../src/kernels/gram'
import { inputRows } from '../src/passes/input-rows'
import { layerGrams } from '../src/passes/layer-grams'
import {
  fromRows,
  type LinearLayer,
  linearLayer,
  linearLayers,
  weightRows,
} from '../src/passes/linear-layers'
import { add, build, floats, int, intList, tensorType } from './build-model'
import { contextOf } from './context'
import { float } from './engine'
import { weights } from './random'
import { bytesOf, subjects } from './subjects'

const cleaned = async (name: string) => {
  const subject = subjects[name]!
  const model = readModel(bytesOf(subject))
  await applyPasses(model, [{ pass: 'fold-constants' }, { pass: 'eliminate-identity' }])
  const feeds = subject.feeds.slice(0, 1).map((feed) => ({ ...subject.states, ...feed }))
  return { model, context: contextOf(feeds) }
}

/** Output channels of every position by hand, in the order [position, group, output]. */
function product(layer: LinearLayer, dims: readonly number[], data: Float32Array): Float64Array {
  const { groups, outputs, features, bias } = layer
  const matrix = weightRows(layer)
  const shift = bias?.initializer?.float32()
  const parts = Array.from({ length: groups }, (_, group) =>
    inputRows(layer, dims, data, group, Number.POSITIVE_INFINITY),
  )
  const { count } = parts[0]!
  const result = new Float64Array(count * groups * outputs)
  for (let position = 0, at = 0; position < count; position++) {
    for (let channel = 0; channel < groups * outputs; channel++, at++) {
      const { rows } = parts[Math.floor(channel / outputs)]!
      let sum = shift === undefined ? 0 : shift[channel % shift.length]!
      for (let k = 0; k < features; k++)
        sum += matrix[channel * features + k]! * rows[position * features + k]!
      result[at] = sum
    }
  }
  return result
}

/** The engine's output in the same order. */
function positions(layer: LinearLayer, dims: readonly number[], data: Float32Array): Float64Array {
  const channels = layer.groups * layer.outputs
  const spatial = layer.kind === 'Conv' ? layer.weight.initializer!.dims.length - 2 : 0
  const across = layer.kind === 'MatMul' && layer.inputIndex === 1
  const inner = across ? dims.at(-1)! : dims.slice(dims.length - spatial).reduce((size, dim) => size * dim, 1)
  if (!across && spatial === 0) return Float64Array.from(data)
  const result = new Float64Array(data.length)
  for (let at = 0; at < data.length; at++) {
    const place = at % inner
    const channel = Math.floor(at / inner) % channels
    const batch = Math.floor(at / (inner * channels))
    result[(batch * inner + place) * channels + channel] = data[at]!
  }
  return result
}

async function agreement(model: ReturnType<typeof readModel>, context: ReturnType<typeof contextOf>) {
  // Transposed convolutions scatter: their rows are not what one output is the product of.
  const layers = linearLayers(model).filter(({ kind }) => kind !== 'ConvTranspose')
  const inputs = new Map<string, { dims: readonly number[]; data: Float32Array }>()
  const outputs = new Map<string, { dims: readonly number[]; data: Float32Array }>()
  await context.calibration!.observe(
    model,
    layers.flatMap(({ input, node }) => [input, node.outputs[0]!]),
    ({ value, data, dims }) => {
      for (const map of [inputs, outputs]) map.set(value.name, { dims, data: data.slice() })
    },
  )
  const results: [string, number][] = []
  for (const layer of layers) {
    const input = inputs.get(layer.input.name)
    const output = outputs.get(layer.node.outputs[0]!.name)
    if (input === undefined || output === undefined || input.data.length > 60_000) continue
    const expected = positions(layer, output.dims, output.data)
    results.push([layer.node.label, sqnr(expected, product(layer, input.dims, input.data))])
  }
  return results
}

describe('layers of real models', () => {
  it.each(Object.keys(subjects).filter((name) => !['digits_ext', 'PP-OCR det'].includes(name)))(
    'are their weights times their inputs: %s',
    async (name) => {
      const { model, context } = await cleaned(name)
      const results = await agreement(model, context)
      expect(results.length).toBeGreaterThan(0)
      for (const [label, decibels] of results) expect([label, decibels > 90]).toEqual([label, true])
    },
    60_000,
  )
})

describe('layers of every shape', () => {
  const data = (dims: readonly number[], seed: number) =>
    weights(
      dims.reduce((size, dim) => size * dim, 1),
      seed,
      1,
    )

  it('agree for convolutions of any stride, padding, dilation and group count', async () => {
    const conv = fc.record({
      groups: fc.integer({ min: 1, max: 3 }),
      inputs: fc.integer({ min: 1, max: 3 }),
      outputs: fc.integer({ min: 1, max: 3 }),
      kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      stride: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      dilation: fc.integer({ min: 1, max: 2 }),
      pads: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 2 }))),
      auto: fc.constantFrom('NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
      batch: fc.integer({ min: 1, max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(
        conv,
        async ({ groups, inputs, outputs, kernel, stride, dilation, pads, auto, batch }) => {
          const shape = [batch, groups * inputs, 9, 8]
          const dims = [groups * outputs, inputs, ...kernel]
          const model = build(17, { x: tensorType('float32', ...shape) }, (graph, input) => {
            const weight = graph.addInitializer('w', floats(dims, data(dims, 1)))
            const bias = graph.addInitializer('b', floats([groups * outputs], data([groups * outputs], 2)))
            // onnxruntime knows no automatic padding of dilated windows.
            const spread = auto === 'NOTSET' || auto === 'VALID' ? dilation : 1
            const padding =
              auto === 'NOTSET'
                ? { pads: intList(...pads) }
                : { auto_pad: { type: 'string', value: auto } as const }
            const y = add(graph, 'Conv', [input('x'), weight, bias], 'y', {
              group: int(groups),
              strides: intList(...stride),
              dilations: intList(spread, spread),
              ...padding,
            })
            graph.addOutput(y)
          })
          const context = contextOf([{ x: float(shape, data(shape, 3)) }])
          const [[, decibels]] = (await agreement(model, context)) as [[string, number]]
          expect(decibels).toBeGreaterThan(100)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('agree for a matrix on the left, and for Gemm with transposed operands', async () => {
    const model = build(
      17,
      { x: tensorType('float32', 2, 5, 3), z: tensorType('float32', 5, 4) },
      (graph, input) => {
        const left = graph.addInitializer('left', floats([7, 5], data([7, 5], 1)))
        graph.addOutput(add(graph, 'MatMul', [left, input('x')], 'y'))
        const weight = graph.addInitializer('w', floats([6, 5], data([6, 5], 2)))
        graph.addOutput(add(graph, 'Gemm', [input('z'), weight], 'g', { transA: int(1), transB: int(1) }))
      },
    )
    const context = contextOf([
      { x: float([2, 5, 3], data([2, 5, 3], 3)), z: float([5, 4], data([5, 4], 4)) },
    ])
    const results = await agreement(model, context)
    expect(results.map(([label, decibels]) => [label, decibels > 100])).toEqual([
      ['y_node', true],
      ['g_node', true],
    ])
  })

  it('are put back in the order of the weight, transposed convolutions too', () => {
    const dims = [6, 2, 3, 2]
    const model = build(17, { x: tensorType('float32', 1, 6, 5, 5) }, (graph, input) => {
      const weight = graph.addInitializer('w', floats(dims, data(dims, 1)))
      graph.addOutput(add(graph, 'ConvTranspose', [input('x'), weight], 'y', { group: int(3) }))
    })
    const layer = linearLayer(model.graph.nodes[0]!)!
    expect([layer.groups, layer.outputs, layer.features]).toEqual([3, 2, 12])
    const rows = weightRows(layer)
    expect(fromRows(layer, rows)).toEqual(layer.weight.initializer!.float32())
    // Row 1 is output 1 of group 0: channels 0 and 1, element [channel, 1, :, :].
    const source = layer.weight.initializer!.float32()
    expect([...rows.subarray(12, 24)]).toEqual([...source.subarray(6, 12), ...source.subarray(18, 24)])
  })

  it('spread the positions that are kept evenly, and no more of them than asked for', () => {
    const model = build(17, { x: tensorType('float32', 10, 4) }, (graph, input) => {
      graph.addOutput(
        add(graph, 'MatMul', [input('x'), graph.addInitializer('w', floats([4, 2], data([4, 2], 1)))], 'y'),
      )
    })
    const x = Float32Array.from({ length: 40 }, (_, index) => Math.floor(index / 4))
    const { rows, count } = inputRows(linearLayer(model.graph.nodes[0]!)!, [10, 4], x, 0, 3)
    expect([count, rows[0], rows[4], rows[8]]).toEqual([3, 0, 3, 6])
  })
})

describe('second moments', () => {
  it('are sums of products, however the rows come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 0, max: 9 }),
        fc.nat(),
        (features, count, seed) => {
          const rows = Float32Array.from(weights(features * count, seed, 1))
          const once = new Gram(features)
          once.add(rows, count)
          const twice = new Gram(features)
          const half = Math.floor(count / 2)
          twice.add(rows.subarray(0, half * features), half)
          twice.add(rows.subarray(half * features), count - half)
          for (let i = 0; i < features; i++) {
            for (let j = 0; j < features; j++) {
              let sum = 0
              for (let row = 0; row < count; row++)
                sum += rows[row * features + i]! * rows[row * features + j]!
              expect(once.matrix[i * features + j]).toBeCloseTo(sum, 9)
              expect(twice.matrix[i * features + j]).toBeCloseTo(sum, 9)
            }
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  it('are the same for layers in one batch and in many, and for layers that share an input', async () => {
    const { model, context } = await cleaned('kws_conformer')
    const layers = linearLayers(model)
    const collect = async (memoryLimit: number) => {
      const found: number[][] = []
      for await (const { grams } of layerGrams(model, layers, context.calibration!, { memoryLimit }))
        found.push(grams.map((gram) => gram.count + gram.matrix.reduce((sum, each) => sum + each, 0)))
      return found
    }
    const all = await collect(2 ** 30)
    expect(all).toHaveLength(layers.length)
    expect(all.flat().every((each) => each > 0)).toBe(true)
    expect(await collect(1)).toEqual(all)
  })
})

describe('factors', () => {
  const positive = (n: number, seed: number) => {
    const gram = new Gram(n)
    gram.add(Float32Array.from(weights(n * (4 * n + 8), seed, 1)), 4 * n + 8)
    return gram.matrix
  }
  const multiply = (a: Float64Array, b: Float64Array, n: number) =>
    Float64Array.from({ length: n * n }, (_, at) => {
      let sum = 0
      for (let k = 0; k < n; k++) sum += a[Math.floor(at / n) * n + k]! * b[k * n + (at % n)]!
      return sum
    })
  const transposed = (a: Float64Array, n: number) =>
    Float64Array.from(a, (_, at) => a[(at % n) * n + Math.floor(at / n)]!)
  const close = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    for (let at = 0; at < a.length; at++) expect(a[at]).toBeCloseTo(b[at]!, 6)
  }

  it('give the matrix, its inverse and solutions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), (n, seed) => {
        const matrix = positive(n, seed)
        const lower = cholesky(matrix, n)!
        close(multiply(lower, transposed(lower, n), n), matrix)
        const inverse = inverseFromCholesky(lower, n)
        const identity = Float64Array.from(matrix, (_, at) => (at % (n + 1) === 0 ? 1 : 0))
        close(multiply(matrix, inverse, n), identity)
        const rows = Float64Array.from(matrix)
        solveCholesky(lower, n, rows, n)
        close(rows, identity)
        const upper = inverseUpperFactor(matrix, n, 1e-8)
        for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) expect(upper[i * n + j]).toBe(0)
        close(multiply(matrix, multiply(transposed(upper, n), upper, n), n), identity)
      }),
      { numRuns: 40 },
    )
  })

  it('say where a matrix is not positive definite, and are damped until it is', () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined()
    const singular = Float64Array.of(1, 1, 0, 1, 1, 0, 0, 0, 0)
    expect(inverseUpperFactor(singular, 3).every(Number.isFinite)).toBe(true)
    expect(inverseUpperFactor(new Float64Array(9), 3).every(Number.isFinite)).toBe(true)
  })
})
