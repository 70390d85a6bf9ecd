import { describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, type Graph, type Model, readModel, sqnr, type Value } from '../src/index'
import { add, build, floats, int, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feeds, float, runModel } from './engine'
import { random, weights } from './random'

const image = [1, 4, 12, 12]
const signal = (seed: number): Feeds => {
  const next = random(seed)
  return {
    x: float(
      image,
      Float32Array.from({ length: 576 }, () => next() + next() + next() - 1),
    ),
  }
}
const samples = Array.from({ length: 8 }, (_, index) => signal(index + 1))

async function quantize(model: Model, options: Record<string, unknown> = {}) {
  const [result] = await applyPasses(model, [{ pass: 'quantize-static', options }], contextOf(samples))
  return result!
}

const conv = (g: Graph, x: Value, name: string, size = 8, scale = 0.5) => {
  const channels = x.name === 'x' ? 4 : 8
  const w = g.addInitializer(`${name}_w`, floats([size, channels, 1, 1], weights(size * channels, 6, scale)))
  return add(g, 'Conv', [x, w, g.addInitializer(`${name}_b`, floats([size], weights(size, 5)))], name)
}

/** Two layers with Relu behind. */
const network = () =>
  build(13, { x: tensorType('float32', 1, 4, 12, 12) }, (g, input) => {
    const first = add(g, 'Relu', [conv(g, input('x'), 'first')], 'positive')
    const second = add(g, 'Relu', [conv(g, first, 'second')], 'y_relu')
    g.addOutput(add(g, 'Neg', [second], 'y'), tensorType('float32', 1, 8, 12, 12))
  })

describe('ranges of quantize-static', () => {
  /** HardSwish as one operator, and as exporters write it below opset 14; a gate; something that reads more of it. */
  const activations: readonly [string, (g: Graph, x: Value) => Value, number][] = [
    ['HardSwish', (g, x) => add(g, 'HardSwish', [x], 'active'), -3],
    [
      'HardSwish in pieces',
      (g, x) => {
        const number = (name: string, value: number) => g.addInitializer(name, floats([], [value]))
        const moved = add(g, 'Add', [x, number('three', 3)], 'moved')
        const cut = add(g, 'Clip', [moved, number('low', 0), number('high', 6)], 'cut')
        return add(g, 'Div', [add(g, 'Mul', [x, cut], 'product'), number('six', 6)], 'active')
      },
      -3,
    ],
    ['HardSigmoid', (g, x) => add(g, 'HardSigmoid', [x], 'active'), -2.5],
    [
      'HardSwish and Neg',
      (g, x) =>
        add(g, 'Concat', [add(g, 'HardSwish', [x], 'active'), add(g, 'Neg', [x], 'turned')], 'both', {
          axis: int(1),
        }),
      -20,
    ],
  ]

  it.each(activations)(
    'ends the range of a layer before %s where that makes no difference',
    async (_, make, low) => {
      const bytes = encodeModel(
        build(14, { x: tensorType('float32', 1, 4, 12, 12) }, (g, input) => {
          const made = conv(g, input('x'), 'layer', 8, 20)
          g.addOutput(add(g, 'Identity', [make(g, made)], 'y'), tensorType('float32', 1, 'n', 12, 12))
        }),
      )
      const model = readModel(bytes)
      expect(await quantize(model)).toMatchObject({ changed: 1 })
      const pair = [...model.nodes()].find(
        ({ opType, inputs }) => opType === 'QuantizeLinear' && inputs[0]!.name === 'layer',
      )!
      const scale = pair.inputs[1]!.initializer!.float32()[0]!
      const zeroPoint = pair.inputs[2]!.initializer!.bytes()[0]!
      if (low === -20) expect(-zeroPoint * scale).toBeLessThan(low)
      else expect(Math.abs(-zeroPoint * scale - low)).toBeLessThan(0.6)
      const unseen = [signal(99)]
      const [expected] = await runModel(bytes, unseen)
      for (const name of ['wasm', 'node'] as const) {
        const [actual] = await runModel(encodeModel(model), unseen, { name })
        expect(sqnr(expected!.y!.data, actual!.y!.data)).toBeGreaterThan(30)
      }
    },
  )

  it('leaves a layer in float32 whose activations keep less than asked for', async () => {
    const left = network()
    const { changed, skipped } = await quantize(left, { least: 60 })
    expect(changed).toBe(0)
    expect(skipped).toHaveLength(2)
    for (const { reason } of skipped) expect(reason).toMatch(/keep \d\d\.\d dB in so few bits/)
    expect(await quantize(network(), { least: 0 })).toMatchObject({ changed: 2 })
  })

  it('takes what an earlier run left only where it is asked to', async () => {
    const model = network()
    expect(await quantize(model, { keep: ['second*'] })).toMatchObject({ changed: 1 })
    const again = readModel(encodeModel(model))
    expect(await quantize(again)).toEqual({
      pass: 'quantize-static',
      changed: 0,
      skipped: [{ node: 'second_node', reason: 'an earlier run left it' }],
    })
    expect(await quantize(again, { least: 0 })).toMatchObject({ changed: 1 })
  })
})
