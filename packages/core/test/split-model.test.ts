import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as onnxruntime from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { passes, readModel, splitModel } from '../src/index'

const models = join(import.meta.dirname, '../../../test/fixtures/models')
const read = (name: string) => readModel(readFileSync(join(models, `${name}.onnx`)))
const joined = (chunks: Iterable<Uint8Array>) => Buffer.concat([...chunks])

function split(name: string, minBytes?: number) {
  const model = read(name)
  const { model: chunks, data } = splitModel(model, 'weights.data', minBytes)
  return { model, bytes: joined(chunks), data: joined(data) }
}

describe('a model in two files', () => {
  it.each(['digits_cnn', 'digits_mobile', 'kws_conformer'])('holds the same tensors: %s', (name) => {
    const { model, bytes, data } = split(name)
    const opened: string[] = []
    const back = readModel(bytes, {
      external: (location) => {
        opened.push(location)
        return {
          byteLength: data.length,
          read: (offset, length) => data.subarray(offset, offset + length),
        }
      },
    })
    const expected = [...model.initializers()]
    const actual = [...back.initializers()]
    expect(actual.map((value) => value.name)).toEqual(expected.map((value) => value.name))
    for (const [index, { initializer }] of actual.entries()) {
      const source = expected[index]!.initializer!
      expect(initializer!.dims).toEqual(source.dims)
      expect(Buffer.from(initializer!.bytes()).equals(Buffer.from(source.bytes()))).toBe(true)
      expect(initializer!.external !== undefined).toBe(source.byteLength >= 1024)
      if (initializer!.external) expect(initializer!.external.offset % 4096).toBe(0)
    }
    expect(new Set(opened)).toEqual(new Set(['weights.data']))
    expect(bytes.length).toBeLessThan(data.length)
  })

  it('runs in onnxruntime-web as the whole model does', async () => {
    const { bytes, data } = split('digits_cnn')
    const whole = await onnxruntime.InferenceSession.create(readFileSync(join(models, 'digits_cnn.onnx')))
    const parts = await onnxruntime.InferenceSession.create(bytes, {
      externalData: [{ path: 'weights.data', data }],
    })
    const [input] = whole.inputNames as [string]
    const metadata = whole.inputMetadata[0]!
    const dims = metadata.isTensor
      ? metadata.shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1))
      : []
    const size = dims.reduce((product, dim) => product * dim, 1)
    const x = new onnxruntime.Tensor(
      'float32',
      Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
      dims,
    )
    const [expected, actual] = await Promise.all([whole.run({ [input]: x }), parts.run({ [input]: x })])
    for (const name of whole.outputNames) expect(actual[name]!.data).toEqual(expected[name]!.data)
  })

  it('holds produced weights as well', async () => {
    const model = read('digits_cnn')
    await passes.get('quantize-weights')!.run(model, passes.get('quantize-weights')!.options, {})
    const { model: chunks, data } = splitModel(model, 'weights.data')
    const bytes = joined(chunks)
    const weights = joined(data)
    const back = readModel(bytes, {
      external: () => ({
        byteLength: weights.length,
        read: (offset, length) => weights.subarray(offset, offset + length),
      }),
    })
    for (const value of model.initializers()) {
      const found = [...back.initializers()].find(({ name }) => name === value.name)
      expect(Buffer.from(found!.initializer!.bytes()).equals(Buffer.from(value.initializer!.bytes()))).toBe(
        true,
      )
    }
  })

  it('leaves tensors below the limit in the model', () => {
    expect(split('digits_cnn', Number.POSITIVE_INFINITY).data).toHaveLength(0)
  })
})
