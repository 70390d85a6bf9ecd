import { describe, expect, it } from 'vitest'
import {
  applyPasses,
  type ExternalFile,
  encodeModel,
  type Model,
  type PassContext,
  readModel,
  splitModel,
} from '../src/index'
import { add, build, floats, ints, tensorType } from './build-model'
import { weights } from './random'

const sizes = { first: [64, 48], second: [48, 80], table: [100, 64] } as const

/** A look-up and two layers, in two files. */
function files(spoil?: keyof typeof sizes) {
  const tensor = (name: keyof typeof sizes) => {
    const [rows, columns] = sizes[name]
    const data = weights(rows * columns, rows)
    if (name === spoil) data[5] = Number.NEGATIVE_INFINITY
    return floats([rows, columns], data)
  }
  const model = build(21, { id: tensorType('int64', 3) }, (graph, input) => {
    const value = (name: keyof typeof sizes) => graph.addInitializer(name, tensor(name))
    const x = add(graph, 'Gather', [value('table'), input('id')], 'x')
    const hidden = add(graph, 'MatMul', [x, value('first')], 'hidden')
    graph.addInitializer('unused', ints(1))
    graph.addOutput(add(graph, 'MatMul', [hidden, value('second')], 'y'))
  })
  const split = splitModel(model, 'weights')
  return { bytes: Buffer.concat([...split.model]), data: Buffer.concat([...split.data]) }
}

/** How the model comes out, and how often each place in the data was read. */
async function quantized(
  { bytes, data }: ReturnType<typeof files>,
  options: Record<string, unknown>,
  context: PassContext,
  into = true,
  pass = 'quantize-weights',
) {
  const reads: number[] = []
  const file: ExternalFile = {
    byteLength: data.length,
    read(offset, length) {
      reads.push(offset)
      return new Uint8Array(data.subarray(offset, offset + length))
    },
    ...(into && {
      readInto(offset: number, target: Uint8Array) {
        reads.push(offset)
        target.set(data.subarray(offset, offset + target.length))
      },
    }),
  }
  const model: Model = readModel(bytes, { external: () => file })
  const [result] = await applyPasses(model, [{ pass, options }], context)
  return { result, model, reads, encode: () => Buffer.from(encodeModel(model)) }
}

const trusting = { weightsAreFinite: true }
const schemes: Record<string, unknown>[] = [
  {},
  { granularity: 'tensor' },
  { bits: 4, granularity: 'block' },
  { bits: 4, granularity: 'block', symmetric: false },
  { bits: 8, granularity: 'block', format: 'dequantize' },
  { bits: 2, granularity: 'channel' },
]

describe('weights that are taken to be finite', () => {
  it.each(schemes)('are read once and become the same bytes with %j', async (options) => {
    const source = files()
    const once = await quantized(source, options, trusting)
    expect(once.reads).toEqual([])
    const bytes = once.encode()
    expect(once.reads).toHaveLength(3)
    expect(new Set(once.reads).size).toBe(3)
    const twice = await quantized(source, options, {})
    expect(twice.encode().equals(bytes)).toBe(true)
    expect(twice.reads).toHaveLength(6)
    expect(once.result).toEqual(twice.result)
    const elsewhere = await quantized(source, options, trusting, false)
    expect(elsewhere.encode().equals(bytes)).toBe(true)
  })

  it.each(schemes)('throw with their name when they are written and are not, with %j', async (options) => {
    const source = files('first')
    const { encode } = await quantized(source, options, trusting)
    expect(encode).toThrow(expect.objectContaining({ code: 'ONNX_WEIGHT_NOT_FINITE', tensor: 'first' }))
    const { result } = await quantized(source, options, {})
    expect(result).toMatchObject({
      changed: 2,
      skipped: [{ node: 'first', reason: 'holds NaN or infinity' }],
    })
  })

  it('are looked at all the same where it is their values that decide', async () => {
    for (const options of [{ spare: 0.1 }, { method: 'mse' }, { scale: 'power-of-two' }]) {
      const { reads, result } = await quantized(files('first'), options, trusting)
      expect(reads.length).toBeGreaterThanOrEqual(3)
      expect(result?.skipped).toContainEqual({ node: 'first', reason: 'holds NaN or infinity' })
    }
  })

  describe('in integer layers', () => {
    const dynamic = (
      source: ReturnType<typeof files>,
      options: Record<string, unknown>,
      context: PassContext,
    ) => quantized(source, options, context, true, 'quantize-dynamic')

    it.each([{}, { weights: 'int8' }])('are read once and become the same bytes with %j', async (options) => {
      const source = files()
      const once = await dynamic(source, options, trusting)
      expect(once.reads).toEqual([])
      const bytes = once.encode()
      // The table is no layer, but part of the file.
      expect(once.reads).toHaveLength(3)
      const twice = await dynamic(source, options, {})
      expect(twice.encode().equals(bytes)).toBe(true)
      expect(twice.reads).toHaveLength(5)
      expect(once.result).toEqual(twice.result)
    })

    it('are looked at where all weights of the same scale share it', async () => {
      const { reads } = await dynamic(files(), { granularity: 'tensor' }, trusting)
      expect(reads).toHaveLength(2)
    })

    it('throw with their name when they are written and are not', async () => {
      const source = files('second')
      const { encode } = await dynamic(source, {}, trusting)
      expect(encode).toThrow(expect.objectContaining({ code: 'ONNX_WEIGHT_NOT_FINITE', tensor: 'second' }))
      const { result } = await dynamic(source, {}, {})
      expect(result).toMatchObject({
        changed: 1,
        skipped: [{ reason: 'its weight holds NaN or infinity' }],
      })
    })
  })
})
