import type { ValueSignature } from '@unplugin-onnx/runtime'
import { describe, expect, it } from 'vitest'
import { kindOf } from '../src/calibration/input-kind'
import { chooseShapes, fillInputs, synthesize } from '../src/calibration/synthesize'
import { numbersOf } from '../src/numbers'

const input = (
  name: string,
  type: ValueSignature['type'],
  dims?: ValueSignature['dims'],
): ValueSignature => ({
  name,
  type,
  ...(dims ? { dims } : {}),
})
const shapesOf = (inputs: ValueSignature[], attempt = 0) =>
  Object.fromEntries(chooseShapes(inputs, {}, {}, attempt))
const valuesOf = (inputs: ValueSignature[], vocabularies = new Map<string, number>(), sample = 0) => {
  const feeds = fillInputs(inputs, chooseShapes(inputs, {}, {}, 0), vocabularies, {}, sample)
  return Object.fromEntries(Object.entries(feeds).map(([name, array]) => [name, [...numbersOf(array)]]))
}

describe('synthesized shapes', () => {
  it('are 320 x 320 for a detector with open height and width, and other squares when that fails', () => {
    const detector = [
      input('x', 'float32', ['DynamicDimension.0', 3, 'DynamicDimension.1', 'DynamicDimension.2']),
    ]
    expect(shapesOf(detector)).toEqual({ x: [1, 3, 320, 320] })
    expect(shapesOf(detector, 1)).toEqual({ x: [1, 3, 224, 224] })
  })

  it('keep a fixed height', () => {
    expect(shapesOf([input('x', 'float32', [null, 3, 48, null])])).toEqual({ x: [1, 3, 48, 320] })
  })

  it('give equal symbols equal lengths, in all inputs', () => {
    const bert = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
      input(name, 'int64', ['batch', 'sequence']),
    )
    expect(Object.values(shapesOf(bert))).toEqual([
      [1, 16],
      [1, 16],
      [1, 16],
    ])
  })

  it('follow what calibration gives', () => {
    const inputs = [input('ids', 'int64', ['batch', 'length']), input('mask', 'int64', ['batch', 'length'])]
    const given = { ids: { type: 'int64' as const, dims: [2, 7], data: new BigInt64Array(14) } }
    expect(chooseShapes(inputs, {}, given, 0).get('mask')).toEqual([2, 7])
  })

  it('follow what the user says', () => {
    const shapes = chooseShapes(
      [input('x', 'float32', ['n', 3, 'h', 'w'])],
      { x: { dims: [1, 3, 64, 64] } },
      {},
      0,
    )
    expect(shapes.get('x')).toEqual([1, 3, 64, 64])
  })

  it('put the batch second in recurrent state, and sound into 512 samples where there is a sample rate', () => {
    const silero = [
      input('input', 'float32', [null, null]),
      input('state', 'float32', [2, null, 128]),
      input('sr', 'int64', []),
    ]
    expect(shapesOf(silero)).toEqual({ input: [1, 512], state: [2, 1, 128], sr: [] })
  })

  it('add up lengths that exporters write as sums', () => {
    const decoder = [
      input('past_key_values.0.key', 'float32', ['batch', 4, 'past_sequence_length', 32]),
      input('input_ids', 'int64', ['batch', 'sequence_length']),
      input('attention_mask', 'int64', ['batch', 'past_sequence_length + sequence_length']),
    ]
    expect(shapesOf(decoder).attention_mask).toEqual([1, 16])
    expect(shapesOf(decoder, 2)).toEqual({
      'past_key_values.0.key': [1, 4, 4, 32],
      input_ids: [1, 8],
      attention_mask: [1, 12],
    })
  })
})

describe('synthesized values', () => {
  it('are ids within the vocabulary', () => {
    const { ids } = valuesOf([input('ids', 'int64', [4, 64])], new Map([['ids', 30]]))
    expect(Math.max(...ids!)).toBeLessThan(30)
    expect(new Set(ids).size).toBeGreaterThan(20)
  })

  it('are ones for masks, zeros for token types and padding masks, counted positions and 16 kHz', () => {
    const values = valuesOf([
      input('attention_mask', 'int64', [1, 4]),
      input('token_type_ids', 'int64', [1, 4]),
      input('key_padding_mask', 'bool', [1, 4]),
      input('position_ids', 'int64', [1, 4]),
      input('sr', 'int64', []),
    ])
    expect(values).toEqual({
      attention_mask: [1, 1, 1, 1],
      token_type_ids: [0, 0, 0, 0],
      key_padding_mask: [0, 0, 0, 0],
      position_ids: [0, 1, 2, 3],
      sr: [16000],
    })
  })

  it('start recurrent state at zero and move it in later samples', () => {
    const state = [input('h', 'float32', [2, 1, 64])]
    expect(valuesOf(state).h!.every((value) => value === 0)).toBe(true)
    expect(valuesOf(state, new Map(), 1).h!.some((value) => value !== 0)).toBe(true)
  })

  it('are pictures, normalized, plain or in bytes, different in each sample', () => {
    const pictures = [0, 1, 2, 3, 4].map(
      (sample) => valuesOf([input('x', 'float32', [1, 3, 64, 64])], new Map(), sample).x!,
    )
    expect(new Set(pictures.map((values) => values.slice(0, 2000).join())).size).toBe(5)
    for (const [sample, values] of pictures.entries()) {
      const [low, high] = sample % 2 === 0 ? [0, 1] : [-2, 2]
      expect(values.every((value) => value >= low! && value <= high!)).toBe(true)
      expect(new Set(values).size).toBeGreaterThan(1)
      if (sample % 2 === 1) expect(Math.min(...values)).toBeLessThan(-1)
    }
    const bytes = valuesOf([input('x', 'uint8', [1, 64, 64, 3])]).x!
    expect(new Set(bytes)).toEqual(new Set([0, 255]))
  })

  it('are the same on every run', () => {
    expect(valuesOf([input('x', 'float32', [1, 4])]).x).toEqual([
      -0.587340235710144, -1.5210808515548706, -0.5943737626075745, 0.692213237285614,
    ])
  })

  it('stay within the range that the user gives', () => {
    const inputs = [input('x', 'float32', [1000])]
    const { x } = fillInputs(inputs, chooseShapes(inputs, {}, {}, 0), new Map(), { x: { range: [5, 6] } }, 0)
    expect([...numbersOf(x!)].every((value) => value >= 5 && value <= 6)).toBe(true)
  })

  it('take encoder states for values and not for recurrent state', () => {
    expect(kindOf(input('encoder_hidden_states', 'float32', [1, 4, 8]), false)).toBe('values')
    expect(kindOf(input('memory', 'float32', [1, 4, 8]), false)).toBe('values')
    expect(kindOf(input('hidden', 'float32', [1, 4, 8]), false)).toBe('state')
  })
})

describe('what is synthesized', () => {
  const made = (inputs: ValueSignature[], size: 0 | 1 = 0, vocabularies: [string, number][] = []) =>
    synthesize({ inputs, vocabularies }, {}, { size })
  const dimsOf = (inputs: ValueSignature[], size: 0 | 1) =>
    Object.values(made(inputs, size).feeds).map(({ dims }) => dims)

  it('has two sizes where axes are open, alike where they have one name', () => {
    const bert = ['input_ids', 'attention_mask'].map((name) => input(name, 'int64', ['batch', 'sequence']))
    expect(dimsOf(bert, 0)).toEqual([
      [1, 16],
      [1, 16],
    ])
    expect(dimsOf(bert, 1)).toEqual([
      [1, 24],
      [1, 24],
    ])
    expect(dimsOf([input('x', 'float32', ['n', 3, 'h', 'w'])], 1)).toEqual([[1, 3, 256, 384]])
    expect(dimsOf([input('x', 'float32', ['n', 8])], 1)).toEqual([[2, 8]])
    expect(made(bert).dynamic).toBe(true)
    expect(made([input('x', 'float32', [1, 3, 8, 8])]).dynamic).toBe(false)
  })

  it('is told for each input, with what was chosen and why', () => {
    const inputs = [
      input('input_ids', 'int64', ['batch', 'sequence']),
      input('attention_mask', 'int64', ['batch', 'sequence']),
      input('x', 'float32', [1, null]),
    ]
    const { notes } = synthesize(
      { inputs, vocabularies: [['input_ids', 30522]] },
      { x: { range: [0, 9], dims: [1, 5] } },
    )
    expect(notes).toEqual([
      'input_ids: int64 [1, 16], where batch = 1, sequence = 16 was chosen; taken for ids, for they are whole numbers: random ones, below 30522, the rows of the table that they look up',
      'attention_mask: int64 [1, 16], where batch = 1, sequence = 16 was chosen; taken for a mask by its name: ones',
      'x: float32 [1, 5], the shape that inputs says; random numbers from 0 to 9, as inputs says',
    ])
  })

  it('leaves out what is given and what need not be fed, unless it is asked for', () => {
    const inputs = [
      input('x', 'float32', ['n', 2]),
      input('y', 'float32', ['n', 3]),
      { ...input('z', 'float32', [1]), optional: true as const },
    ]
    const given = { x: { type: 'float32' as const, dims: [5, 2], data: new Float32Array(10) } }
    const { feeds, notes } = synthesize({ inputs, vocabularies: [] }, {}, { given })
    expect(Object.entries(feeds).map(([name, { dims }]) => [name, dims])).toEqual([['y', [5, 3]]])
    expect(notes).toHaveLength(1)
    expect(Object.keys(synthesize({ inputs, vocabularies: [] }, { z: {} }).feeds)).toEqual(['x', 'y', 'z'])
  })

  it('shows no control characters of a hostile name', () => {
    expect(made([input('a\u001b[31m', 'float32', [1])]).notes[0]).toContain('a\\x1b[31m')
  })

  it('is sound in whole numbers too', () => {
    const [sound] = Object.values(made([input('audio', 'int16', [1, 400])]).feeds)
    expect(Math.max(...numbersOf(sound!))).toBeGreaterThan(1000)
  })
})
