import { describe, expect, it } from 'vitest'
import {
  type DataType,
  dataTypes,
  type ExternalFile,
  encodeModel,
  externalLocations,
  Model,
  readModel,
  Tensor,
  writeModel,
} from '../src/index'
import { fixture } from './models'
import { decode, expectSameMeaning, modelProto } from './oracle'
import { richModel } from './rich-model'

/** A model of one initializer, as a file has it. */
const withTensor = (tensor: object): Uint8Array =>
  modelProto
    .encode(
      modelProto.fromObject({ irVersion: 10, graph: { name: 'g', initializer: [{ name: 'w', ...tensor }] } }),
    )
    .finish()
const tensorOf = (tensor: object): Tensor => readModel(withTensor(tensor)).graph.find('w')!.initializer!
const code = (dataType: DataType) => dataTypes.get(dataType)!.code

describe('the data of a tensor', () => {
  it.each<[DataType, object, number[], (number | bigint)[]]>([
    ['float32', { floatData: [1, -0.5] }, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf], [1, -0.5]],
    ['float64', { doubleData: [0.1, 2] }, [...new Uint8Array(Float64Array.of(0.1, 2).buffer)], [0.1, 2]],
    [
      'int32',
      { int32Data: [-2, 2147483647] },
      [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      [-2, 2147483647],
    ],
    ['int16', { int32Data: [-2, 300] }, [0xfe, 0xff, 0x2c, 0x01], [-2, 300]],
    ['uint16', { int32Data: [65535, 1] }, [0xff, 0xff, 1, 0], [65535, 1]],
    ['int8', { int32Data: [-128, 127] }, [0x80, 0x7f], [-128, 127]],
    ['uint8', { int32Data: [255, 0] }, [0xff, 0], [255, 0]],
    ['bool', { int32Data: [1, 0] }, [1, 0], [1, 0]],
    ['uint32', { uint64Data: [4294967295, 7] }, [0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0], [4294967295, 7]],
    [
      'int64',
      { int64Data: ['-1', '9007199254740993'] },
      [...new Uint8Array(BigInt64Array.of(-1n, 9007199254740993n).buffer)],
      [-1, 9007199254740993n],
    ],
    [
      'uint64',
      { uint64Data: ['18446744073709551615', '3'] },
      [...new Uint8Array(BigUint64Array.of(2n ** 64n - 1n, 3n).buffer)],
      [2n ** 64n - 1n, 3],
    ],
    ['float16', { int32Data: [0x3c00, 0xfc00] }, [0, 0x3c, 0, 0xfc], [1, -Infinity]],
    ['bfloat16', { int32Data: [0x3f80, 0xc000] }, [0x80, 0x3f, 0, 0xc0], [1, -2]],
    [
      'complex64',
      { floatData: [1, 2, 3, 4] },
      [...new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)],
      [1, 2, 3, 4],
    ],
    ['float8e4m3fn', { int32Data: [0x7e, 0x81] }, [0x7e, 0x81], [448, -(2 ** -9)]],
    ['float8e4m3fnuz', { int32Data: [0x7f, 0x80] }, [0x7f, 0x80], [240, NaN]],
    ['float8e5m2', { int32Data: [0x7b, 0x7c] }, [0x7b, 0x7c], [57344, Infinity]],
    ['float8e5m2fnuz', { int32Data: [0x7f, 0x80] }, [0x7f, 0x80], [57344, NaN]],
    ['float8e8m0', { int32Data: [127, 255] }, [127, 255], [1, NaN]],
    ['uint4', { int32Data: [0xf1] }, [0xf1], [1, 15]],
    ['int4', { int32Data: [0xf7] }, [0xf7], [7, -1]],
    ['float4e2m1', { int32Data: [0xf5] }, [0xf5], [3, -6]],
    ['uint2', { int32Data: [0b1110] }, [0b1110], [2, 3]],
    ['int2', { int32Data: [0b1110] }, [0b1110], [-2, -1]],
  ])('of %s is the same from typed and raw data', (dataType, typed, raw, elements) => {
    const shape = { dims: [2], dataType: code(dataType) }
    const [fromTyped, fromRaw] = [
      tensorOf({ ...shape, ...typed }),
      tensorOf({ ...shape, rawData: Buffer.from(raw) }),
    ]
    expect([...fromTyped.bytes()]).toEqual(raw)
    expect([...fromRaw.bytes()]).toEqual(raw)
    expect(fromTyped.byteLength).toBe(raw.length)
    expect(fromTyped.elements()).toEqual(elements)
  })

  it('is a view of the file where the file holds it raw, or as packed floats', () => {
    const bytes = withTensor({ dims: [2], dataType: 1, rawData: Buffer.alloc(8) })
    expect(readModel(bytes).graph.find('w')?.initializer?.bytes().buffer).toBe(bytes.buffer)
    const packed = withTensor({ dims: [2], dataType: 1, floatData: [1, 2] })
    expect(readModel(packed).graph.find('w')?.initializer?.bytes().buffer).toBe(packed.buffer)
  })

  it('reads as float32 whether or not it is aligned', () => {
    const bytes = withTensor({
      dims: [2],
      dataType: 1,
      rawData: Buffer.from(Float32Array.of(1.5, -2).buffer),
    })
    for (let shift = 0; shift < 4; shift++) {
      const shifted = new Uint8Array(bytes.length + shift).subarray(shift)
      shifted.set(bytes)
      expect([...readModel(shifted).graph.find('w')!.initializer!.float32()]).toEqual([1.5, -2])
    }
  })

  it('of strings is text, and never bytes', () => {
    const words = tensorOf({ dims: [2], dataType: 8, stringData: [Buffer.from('a'), Buffer.from('é')] })
    expect(words.strings()).toEqual(['a', 'é'])
    expect(words.byteLength).toBe(3)
    expect(() => words.bytes()).toThrow(expect.objectContaining({ code: 'ONNX_WRONG_DATA_TYPE' }))
  })

  it('is refused under another type than it has', () => {
    expect(() => tensorOf({ dims: [1], dataType: 7, int64Data: [1] }).float32()).toThrow(
      expect.objectContaining({ code: 'ONNX_WRONG_DATA_TYPE' }),
    )
    expect(() => tensorOf({ dims: [1], dataType: 1, floatData: [1] }).ints()).toThrow(
      expect.objectContaining({ code: 'ONNX_WRONG_DATA_TYPE' }),
    )
    expect(() => tensorOf({ dims: [1], dataType: 7, int64Data: ['9007199254740993'] }).ints()).toThrow(
      expect.objectContaining({ code: 'ONNX_UNSAFE_INTEGER' }),
    )
  })

  it('must fit type and dimensions when a tensor is made', () => {
    expect(() => Tensor.fromBytes('float32', [2], new Uint8Array(7))).toThrow(
      expect.objectContaining({ code: 'ONNX_DATA_TOO_SHORT' }),
    )
    expect(() => Tensor.fromStrings([1], ['a', 'b'])).toThrow(
      expect.objectContaining({ code: 'ONNX_DATA_TOO_LONG' }),
    )
    expect(() => Tensor.fromBytes('int8', [1.5], new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'ONNX_INVALID_DIMS' }),
    )
    expect(() => Tensor.lazy('string', [1], () => new Uint8Array())).toThrow(
      expect.objectContaining({ code: 'ONNX_WRONG_DATA_TYPE' }),
    )
  })

  it('can be made from numbers', () => {
    expect(Tensor.of('int64', [3], [1, -1, 2n ** 60n]).elements()).toEqual([1, -1, 2n ** 60n])
    expect(Tensor.of('float32', [], [0.5]).elements()).toEqual([0.5])
    expect(Tensor.of('uint8', [2], [255, 1]).ints()).toEqual([255, 1])
  })
})

/** External files in memory, and what was asked of them. */
function files(content: Record<string, Uint8Array>) {
  const log: string[] = []
  const external = (location: string): ExternalFile => {
    log.push(`open ${location}`)
    const bytes = content[location]!
    return {
      byteLength: bytes.length,
      read: (offset, length) => {
        log.push(`read ${location} ${offset}+${length}`)
        return bytes.subarray(offset, offset + length)
      },
    }
  }
  return { external, log }
}

const far = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4).buffer)
const train = new Uint8Array(Float32Array.of(9).buffer)

describe('external data', () => {
  it('is not touched by reading a model, whatever its size', () => {
    const huge = withTensor({
      dims: [2 ** 20, 2 ** 10],
      dataType: 1,
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'huge.bin' }],
    })
    const { external, log } = files({})
    const model = readModel(huge, { external })
    expect(model.graph.find('w')?.initializer?.byteLength).toBe(2 ** 32)
    expect(externalLocations(model)).toEqual(['huge.bin'])
    expect(log).toEqual([])
  })

  it('is read where and when it is asked for, its file opened once', () => {
    const { external, log } = files({ 'far.bin': far })
    const tensor = readModel(richModel, { external }).graph.find('far')!.initializer!
    expect([...tensor.float32()]).toEqual([1, 2, 3, 4])
    expect([...tensor.float32()]).toEqual([1, 2, 3, 4])
    expect(log).toEqual(['open far.bin', 'read far.bin 4+16', 'read far.bin 4+16'])
    expect(tensor.external).toEqual({ location: 'far.bin', offset: 4, length: 16 })
  })

  it('of training graphs and attributes is found too', () => {
    expect(externalLocations(readModel(richModel))).toEqual(['far.bin', 'train.bin'])
  })

  it('becomes part of a model that is written, pulled one tensor at a time', () => {
    const { external, log } = files({ 'far.bin': far, 'train.bin': train })
    const written = writeModel(readModel(richModel, { external }))
    expect(log).not.toContain('read far.bin 4+16')
    const bytes = Buffer.concat([...written])
    expect(log).toContain('read far.bin 4+16')
    const again = readModel(bytes)
    expect(externalLocations(again)).toEqual([])
    expect([...again.graph.find('far')!.initializer!.float32()]).toEqual([1, 2, 3, 4])
    expect(JSON.stringify(decode(bytes))).not.toContain('externalData')
  })

  it('stays where it lies where that is asked for', () => {
    const model = readModel(richModel)
    model.graph.nodes[0]!.name = 'other'
    model.graph.nodes[0]!.name = 'mul'
    expectSameMeaning(encodeModel(model, { external: 'keep' }), richModel)
  })

  it('needs a reader, and a file that is long enough', () => {
    const read = (options: Parameters<typeof readModel>[1]) => () =>
      readModel(richModel, options).graph.find('far')?.initializer?.bytes()
    expect(read({})).toThrow(expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_NO_READER', tensor: 'far' }))
    const short = files({ 'far.bin': far.subarray(0, 18) })
    expect(read({ external: short.external })).toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_TOO_SHORT' }),
    )
    expect(short.log).toEqual(['open far.bin'])
    const lying = () => ({ byteLength: 100, read: () => new Uint8Array(3) })
    expect(read({ external: lying })).toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_TOO_SHORT' }),
    )
  })
})

describe('a produced tensor', () => {
  it('is made by the writer when its turn comes, once for each write, and never all at the same time', () => {
    const model = Model.create({ opsetImports: { '': 17 } })
    const made: string[] = []
    for (const name of ['a', 'b']) {
      const produce = () => {
        made.push(name)
        return new Uint8Array(2000).fill(name.charCodeAt(0))
      }
      model.graph.addInitializer(name, Tensor.lazy('uint8', [2000], produce))
    }
    const chunks = writeModel(model)[Symbol.iterator]()
    expect(made).toEqual([])
    while (made.length === 0) chunks.next()
    expect(made).toEqual(['a'])
    while (!chunks.next().done);
    expect(made).toEqual(['a', 'b'])
    expect(readModel(encodeModel(model)).graph.find('b')?.initializer?.bytes()[7]).toBe(98)
    expect(made).toEqual(['a', 'b', 'a', 'b'])
  })

  it('is refused where it has another length than it said', () => {
    const model = readModel(fixture('diabetes_mlp'))
    model.graph.addInitializer(
      'bad',
      Tensor.lazy('uint8', [4], () => new Uint8Array(5)),
    )
    expect(() => encodeModel(model)).toThrow(expect.objectContaining({ code: 'ONNX_PRODUCED_WRONG_LENGTH' }))
  })
})
