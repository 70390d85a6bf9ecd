import { describe, expect, it } from 'vitest'
import { Agreement } from '../src/accuracy'
import type { DenseArray } from '../src/arrays'
import { budgets, judge } from '../src/budget'
import { normalizeOptions } from '../src/options'
import { targets } from '../src/targets'

const floats = (...data: number[]): DenseArray => ({
  type: 'float32',
  dims: [1, data.length],
  data: Float32Array.from(data),
})
const agreementOf = (pairs: readonly (readonly [DenseArray, DenseArray])[], classes: string[] = []) => {
  const agreement = new Agreement(new Set(classes))
  const problem = pairs
    .map(([source, variant]) => agreement.add({ y: source }, { y: variant }))
    .find((each) => each)
  return problem ?? agreement.result()
}

describe('agreement of a variant with its source', () => {
  it('is the worst over samples', () => {
    const accuracy = agreementOf([
      [floats(1, 2), floats(1, 2)],
      [floats(3, 4), floats(3, 4.5)],
    ])
    expect(accuracy).toMatchObject({ sqnr: 20, maxError: 0.5 })
  })

  it('is 200 dB where nothing differs', () => {
    expect(agreementOf([[floats(1, Number.NEGATIVE_INFINITY), floats(1, Number.NEGATIVE_INFINITY)]])).toEqual(
      { sqnr: 200, cosine: 1, maxError: 0 },
    )
  })

  it('counts the best class only for outputs that hold scores', () => {
    const pairs = [
      [floats(1, 2), floats(2, 1)],
      [floats(1, 2), floats(1, 2)],
    ] as const
    expect(agreementOf(pairs, ['y'])).toMatchObject({ top1: 0.5 })
    expect(agreementOf(pairs)).not.toHaveProperty('top1')
  })

  it('fails on NaN, on infinities of its own, on other shapes and types, and on a missing output', () => {
    expect(agreementOf([[floats(1, 2), floats(1, Number.NaN)]])).toContain('not a number where the source is')
    expect(agreementOf([[floats(1, 2), floats(1, Infinity)]])).toContain('infinite')
    expect(agreementOf([[floats(1, 2), floats(1)]])).toContain('shape [1, 1] and not [1, 2]')
    expect(agreementOf([[floats(1), { ...floats(1), type: 'float64' }]])).toContain(
      'is float64 and not float32',
    )
    expect(new Agreement(new Set()).add({ y: floats(1) }, {})).toContain("output 'y' is missing")
  })

  it('is as bad as it gets where the source gives only zeros', () => {
    expect(agreementOf([[floats(0, 0), floats(0, 1e-6)]])).toMatchObject({ sqnr: -200, cosine: 0 })
  })
})

describe('budget', () => {
  it('is met by what differs in nothing, however much it asks', () => {
    expect(judge({ sqnr: 200, cosine: 1, maxError: 0 }, { sqnr: 300 })).toEqual({ within: true })
  })

  const { balanced } = budgets
  it('says by how much it is missed', () => {
    expect(judge({ sqnr: 18.31, cosine: 0.999, maxError: 1 }, balanced)).toEqual({
      within: false,
      reason: '18.3 dB is 6.7 dB short of 25 dB',
    })
    expect(judge({ sqnr: 30, cosine: 0.999, maxError: 1, top1: 0.5 }, balanced)).toMatchObject({
      reason: expect.stringContaining('50.0 %'),
    })
  })

  it('is kept at its very edge', () => {
    expect(judge({ sqnr: 25, cosine: 0.998, maxError: 1, top1: 0.97 }, balanced)).toEqual({ within: true })
  })

  it('holds only what was asked for', () => {
    expect(judge({ sqnr: 1, cosine: 0.9, maxError: 1 }, { cosine: 0.8 })).toEqual({ within: true })
  })
})

describe('options', () => {
  it('have defaults', () => {
    expect(normalizeOptions({}, 'm')).toEqual({
      targets: [targets.get('webgpu'), targets.get('wasm')],
      budget: budgets.balanced,
      preset: 'balanced',
      prefer: 'balanced',
      effort: 'default',
      shards: { maxBytes: 25 * 2 ** 20 },
      strict: false,
      inputs: {},
    })
  })

  it('refuse a budget that asks for nothing, and numbers that no measure takes', () => {
    const bad = (accuracy: object) => () => normalizeOptions({ accuracy }, 'm')
    expect(bad({})).toThrow('accuracy asks for nothing')
    expect(bad({ maxDrop: '1%' })).toThrow('accuracy has a maxDrop and nothing that scores')
    expect(bad({ top1: 97 })).toThrow("accuracy.top1 can't be 97")
    expect(bad({ cosine: 2 })).toThrow("accuracy.cosine can't be 2")
    expect(bad({ sqnr: -5 })).toThrow("accuracy.sqnr can't be -5")
    expect(bad({ evaluate: './eval.ts', maxDrop: -1 })).toThrow('neither a number from 0 up nor a share')
  })

  it('name the nearest key, target, preset and recipe', () => {
    const bad = (options: object) => () => normalizeOptions(options, 'm')
    expect(bad({ target: ['wasm'] })).toThrow("Did you mean 'targets'?")
    expect(bad({ targets: ['wsam'] })).toThrow("Did you mean 'wasm'?")
    expect(bad({ targets: [] })).toThrow('Name at least one')
    expect(bad({ accuracy: 'ballanced' })).toThrow("Did you mean 'balanced'?")
    expect(bad({ accuracy: { sqrn: 20 } })).toThrow("Did you mean 'sqnr'?")
    expect(bad({ accuracy: { sqnr: Number.NaN } })).toThrow('accuracy.sqnr is not a number')
    expect(bad({ recipes: ['in8'] })).toThrow("Did you mean 'int8'?")
    expect(bad({ inputs: { x: [1, -3] } })).toThrow('inputs.x has a dimension')
    expect(bad({ inputs: { x: { range: [1] } } })).toThrow('inputs.x.range')
  })
})
