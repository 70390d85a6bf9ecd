import { describe, expect, it } from 'vitest'
import { encodeModel, OnnxError, readModel, Tensor } from '../src/index'
import { cpuTime, fixture } from './models'
import { modelProto } from './oracle'

const tag = (field: number, wireType: number) => (field << 3) | wireType
const ok = [0x08, 8] // ir_version: 8

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}

const field = (number: number, content: readonly number[] | Uint8Array) => [
  ...varint(tag(number, 2)),
  ...varint(content.length),
  ...content,
]

/** Fields inside one another, the first outermost. */
function nested(numbers: readonly number[]): number[] {
  const headers: number[][] = []
  let length = 0
  for (const number of numbers.toReversed()) {
    headers.push([...varint(tag(number, 2)), ...varint(length)])
    length += headers.at(-1)!.length
  }
  return headers.reverse().flat()
}

const model = (graph: object, rest: object = {}): Uint8Array =>
  modelProto
    .encode(modelProto.fromObject({ irVersion: 8, opsetImport: [{ version: 17 }], graph, ...rest }))
    .finish()

const node = (opType: string, input: string[], output: string[], rest: object = {}) => ({
  opType,
  input,
  output,
  ...rest,
})
const graph = (rest: object) => model({ name: 'g', input: [{ name: 'x' }], ...rest })

function errorOf(
  bytes: Uint8Array | readonly number[],
  options: Parameters<typeof readModel>[1] = {},
): OnnxError {
  const start = cpuTime()
  try {
    readModel(Uint8Array.from(bytes), options)
  } catch (error) {
    expect(cpuTime() - start).toBeLessThan(1000)
    if (error instanceof OnnxError) return error
    throw error
  }
  return expect.fail('it was read')
}

const text = (content: string) => Buffer.from(content)

describe('a file that is no model', () => {
  it.each([
    ['nothing', '', 'ONNX_EMPTY_FILE'],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      'ONNX_LFS_POINTER',
    ],
    ['an HTML page', '<!DOCTYPE html>\n<html><body>404</body></html>', 'ONNX_HTML_PAGE'],
    ['an HTML page behind a byte order mark and blanks', '\ufeff \n<HTML>', 'ONNX_HTML_PAGE'],
    ['a text', 'Not a model at all, but some prose.\n', 'ONNX_TEXT_FILE'],
    ['JSON', '{"irVersion": 8}', 'ONNX_TEXT_FILE'],
    ['a zip archive', 'PK\x03\x04…', 'ONNX_NOT_A_MODEL'],
    ['a TensorFlow Lite model', '\x1c\0\0\0TFL3\0\0', 'ONNX_NOT_A_MODEL'],
  ])('is told apart: %s', (_, content, code) => {
    expect(errorOf(text(content)).code).toBe(code)
  })

  it('is named in the message, with what to do', () => {
    const error = errorOf(text('<html>'), { name: 'src/det.onnx' })
    expect(error.model).toBe('src/det.onnx')
    expect(error.message).toBe(
      'src/det.onnx: The file is an HTML page and not a model. The download ended on an error or login page: fetch the model from its raw file address.',
    )
    expect(error.cure).toContain('raw file address')
  })

  it('is told apart when it is a protobuf of another kind', () => {
    expect(errorOf(field(200, [1, 2, 3])).code).toBe('ONNX_MISSING_GRAPH')
    expect(errorOf(field(7, [])).code).toBe('ONNX_MISSING_IR_VERSION')
  })
})

describe('damaged protobuf', () => {
  it('cannot claim more bytes than there are', () => {
    expect(errorOf([...ok, tag(7, 2), 100, 0]).code).toBe('ONNX_TRUNCATED')
    // 2^63 bytes: nothing is allocated by a claim.
    expect(errorOf([...ok, tag(7, 2), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]).code).toBe(
      'ONNX_TRUNCATED',
    )
  })

  it('cannot let a field end after the message that it lies in', () => {
    expect(errorOf([...ok, tag(7, 2), 3, tag(2, 2), 5, 0x61, 0, 0, 0, 0]).code).toBe('ONNX_TRUNCATED')
  })

  it('cannot end inside a number', () => {
    expect(errorOf([0x08, 0x80]).code).toBe('ONNX_TRUNCATED')
    expect(errorOf(model({ node: [{ attribute: [{ f: 1 }] }] }).subarray(0, -1)).code).toBe('ONNX_TRUNCATED')
  })

  it('cannot have numbers of more than 10 bytes', () => {
    expect(errorOf([0x08, ...Array(10).fill(0x80), 1]).code).toBe('ONNX_VARINT_TOO_LONG')
    const packed = field(7, field(5, field(7, [...Array(10).fill(0x80), 1]))) // int64_data
    expect(errorOf([...ok, ...packed]).code).toBe('ONNX_VARINT_TOO_LONG')
  })

  it('cannot give a field the wrong wire type', () => {
    const error = errorOf([tag(1, 2), 1, 0])
    expect(error.code).toBe('ONNX_WRONG_WIRE_TYPE')
    expect(error.message).toContain('ModelProto.ir_version')
    expect(errorOf([...ok, tag(7, 0), 1]).code).toBe('ONNX_WRONG_WIRE_TYPE')
    expect(errorOf([...ok, tag(100, 6)].slice(0, 2).concat(0xa6, 0x06)).code).toBe('ONNX_WRONG_WIRE_TYPE')
  })

  it('cannot have a field of number 0', () => {
    expect(errorOf([0x00, 1]).code).toBe('ONNX_INVALID_TAG')
  })

  it('cannot open groups that do not close, or close what is not open', () => {
    expect(errorOf([...ok, 0xa3, 0x06]).code).toBe('ONNX_UNBALANCED_GROUP')
    expect(errorOf([...ok, 0xa4, 0x06]).code).toBe('ONNX_UNBALANCED_GROUP')
    expect(errorOf([...ok, 0xa3, 0x06, 0xac, 0x06]).code).toBe('ONNX_UNBALANCED_GROUP')
  })

  it('may have groups that it does not know, which are kept', () => {
    const bytes = Uint8Array.from([...ok, 0xa3, 0x06, 0x08, 5, 0xa4, 0x06, ...field(7, field(2, [0x67]))])
    const read = readModel(bytes)
    read.producerName = 'x'
    expect(Buffer.from(encodeModel(read)).includes(Buffer.from([0xa3, 0x06, 0x08, 5, 0xa4, 0x06]))).toBe(true)
  })

  it('cannot overflow the stack with messages or groups inside one another', () => {
    // Sequences of sequences, in the type of an input.
    const bomb = [...ok, ...nested([7, 11, 2, ...Array(5000).fill([4, 1]).flat()])]
    expect(errorOf(bomb).code).toBe('ONNX_NESTING_TOO_DEEP')
    expect(errorOf(bomb, { limits: { depth: 1_000_000 } }).code).toBe('ONNX_NESTING_TOO_DEEP')
    expect(errorOf([...ok, ...Array(100_000).fill([0xa3, 0x06]).flat()]).code).toBe('ONNX_NESTING_TOO_DEEP')
  })

  it('cannot overflow the stack with graphs inside one another', () => {
    // graph, and then again and again: node, attribute, g.
    const bomb = [...ok, ...nested([7, ...Array(3000).fill([1, 5, 6]).flat()])]
    expect(errorOf(bomb, { limits: { depth: 1e9 } }).code).toBe('ONNX_NESTING_TOO_DEEP')
  })
})

describe('a tensor', () => {
  const tensor = (rest: object) => graph({ initializer: [{ name: 'w', ...rest }] })

  it('cannot have more or less data than its dimensions say, raw or typed', () => {
    const floats = (count: number) => Buffer.alloc(count * 4)
    expect(errorOf(tensor({ dims: [4], dataType: 1, rawData: floats(3) }))).toMatchObject({
      code: 'ONNX_DATA_TOO_SHORT',
      tensor: 'w',
    })
    expect(errorOf(tensor({ dims: [4], dataType: 1, rawData: floats(5) })).code).toBe('ONNX_DATA_TOO_LONG')
    expect(errorOf(tensor({ dims: [4], dataType: 1, floatData: [1, 2, 3] })).code).toBe('ONNX_DATA_TOO_SHORT')
    expect(errorOf(tensor({ dims: [2], dataType: 7, int64Data: [1, 2, 3] })).code).toBe('ONNX_DATA_TOO_LONG')
    expect(errorOf(tensor({ dims: [5], dataType: 22, int32Data: [1, 2] })).code).toBe('ONNX_DATA_TOO_SHORT')
    expect(errorOf(tensor({ dims: [2], dataType: 8, stringData: [Buffer.from('a')] })).code).toBe(
      'ONNX_DATA_TOO_SHORT',
    )
    expect(errorOf(tensor({ dims: [2], dataType: 1 })).code).toBe('ONNX_DATA_TOO_SHORT')
  })

  it('cannot have dimensions beyond any memory, or negative ones', () => {
    expect(errorOf(tensor({ dims: [1 << 30, 1 << 30], dataType: 1 })).code).toBe('ONNX_LIMIT_EXCEEDED')
    expect(errorOf(tensor({ dims: Array(64).fill(1 << 30), dataType: 1 })).code).toBe('ONNX_LIMIT_EXCEEDED')
    expect(errorOf(tensor({ dims: ['9223372036854775807'], dataType: 1 })).code).toBe('ONNX_INVALID_DIMS')
    expect(errorOf(tensor({ dims: [-1], dataType: 1 })).code).toBe('ONNX_INVALID_DIMS')
  })

  it('may have huge dimensions where one of them is zero', () => {
    for (const dims of [
      [0, 1 << 30, 1 << 30],
      [...Array(64).fill(1 << 30), 0],
    ]) {
      const read = readModel(tensor({ dims, dataType: 1 })).graph.find('w')?.initializer
      expect(read).toMatchObject({ size: 0, byteLength: 0 })
    }
  })

  it('cannot have a data type that ONNX 1.22 does not know', () => {
    expect(errorOf(tensor({ dims: [1], dataType: 99, rawData: Buffer.alloc(4) })).code).toBe(
      'ONNX_UNKNOWN_DATA_TYPE',
    )
  })

  it('cannot lie in an external file without a place', () => {
    const external = (...entries: [string, string][]) =>
      tensor({
        dims: [1],
        dataType: 1,
        dataLocation: 1,
        externalData: entries.map(([key, value]) => ({ key, value })),
      })
    expect(errorOf(external()).code).toBe('ONNX_EXTERNAL_DATA_INVALID')
    expect(errorOf(external(['location', 'w.bin'], ['offset', '-4'])).code).toBe('ONNX_EXTERNAL_DATA_INVALID')
    expect(errorOf(external(['location', 'w.bin'], ['length', '1e3'])).code).toBe(
      'ONNX_EXTERNAL_DATA_INVALID',
    )
    expect(errorOf(external(['location', 'w.bin'], ['length', '3'])).code).toBe('ONNX_DATA_TOO_SHORT')
  })

  it('cannot reach beyond the end of its external file, and shares what others have as well', () => {
    const entries = (offset: string, length?: string) => [
      { key: 'location', value: 'w.bin' },
      { key: 'offset', value: offset },
      ...(length === undefined ? [] : [{ key: 'length', value: length }]),
    ]
    const two = (offset: string, length?: string) => {
      const rest = { dims: [2], dataType: 1, dataLocation: 1 }
      return graph({
        initializer: [
          { name: 'a', ...rest, externalData: entries('0', '8') },
          { name: 'b', ...rest, externalData: entries(offset, length) },
        ],
      })
    }
    const file = Uint8Array.from({ length: 12 }, (_, at) => at)
    let read = 0
    const external = () => ({
      byteLength: file.length,
      read(offset: number, length: number) {
        read += length
        return file.subarray(offset, offset + length)
      },
    })
    // Four bytes of each are the same ones.
    const overlapping = readModel(two('4'), { external })
    expect([...(overlapping.graph.find('b')?.initializer?.bytes() ?? [])]).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
    for (const offset of ['5', '12', String(2 ** 53 - 1), '9007199254740000']) {
      const { initializer } = readModel(two(offset), { external }).graph.find('b') ?? {}
      read = 0
      expect(() => initializer?.bytes(), offset).toThrow(
        expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_TOO_SHORT' }),
      )
      expect(read).toBe(0)
    }
    for (const offset of ['-1', '1e1', '0x4', ' 4', '4 ', '9007199254740992', '18446744073709551615', ''])
      expect(errorOf(two(offset)).code, offset).toBe('ONNX_EXTERNAL_DATA_INVALID')
    for (const length of ['-8', '9007199254740993', 'Infinity', '8.0'])
      expect(errorOf(two('4', length)).code, length).toBe('ONNX_EXTERNAL_DATA_INVALID')
    expect(errorOf(two('4', '0')).code).toBe('ONNX_DATA_TOO_SHORT')
    expect(errorOf(two('4', '9007199254740991')).code).toBe('ONNX_DATA_TOO_LONG')
  })

  it('in sparse form needs values, and dimensions that can be', () => {
    expect(errorOf(graph({ sparseInitializer: [{ dims: [4] }] })).code).toBe('ONNX_INVALID_SPARSE_TENSOR')
    const values = { name: 's', dims: [1], dataType: 1, floatData: [1] }
    const indices = { dims: [1], dataType: 7, int64Data: [0] }
    expect(errorOf(graph({ sparseInitializer: [{ dims: [-4], values, indices }] })).code).toBe(
      'ONNX_INVALID_DIMS',
    )
  })
})

describe('a graph', () => {
  it('cannot declare a type that ONNX 1.22 does not know, or a dimension that is no number here', () => {
    const typed = (tensorType: object) => [
      graph({ input: [{ name: 'x', type: { tensorType } }] }),
      graph({ output: [{ name: 'x', type: { sequenceType: { elemType: { tensorType } } } }] }),
      graph({ valueInfo: [{ name: 'x', type: { optionalType: { elemType: { tensorType } } } }] }),
    ]
    for (const bytes of typed({ elemType: 77 })) expect(errorOf(bytes).code).toBe('ONNX_UNKNOWN_DATA_TYPE')
    const shape = { dim: [{ dimValue: '9223372036854775807' }] }
    for (const bytes of typed({ elemType: 1, shape })) expect(errorOf(bytes).code).toBe('ONNX_UNSAFE_INTEGER')
  })

  const one = { dims: [], dataType: 1, floatData: [1] }

  it('cannot have a value twice', () => {
    const codes = [
      graph({ input: [{ name: 'x' }, { name: 'x' }] }),
      graph({ node: [node('A', ['x'], ['y']), node('B', ['x'], ['y'])] }),
      graph({ node: [node('A', ['x'], ['x'])] }),
      graph({
        initializer: [
          { name: 'w', ...one },
          { name: 'w', ...one },
        ],
      }),
      graph({ initializer: [{ name: 'w', ...one }], node: [node('A', ['x'], ['w'])] }),
    ].map((bytes) => errorOf(bytes).code)
    expect(new Set(codes)).toEqual(new Set(['ONNX_DUPLICATE_NAME']))
  })

  it('may use a name again in two branches, and for an input with a default', () => {
    const branch = { name: 'b', node: [node('Neg', ['x'], ['inner'])], output: [{ name: 'inner' }] }
    const attribute = ['then_branch', 'else_branch'].map((name) => ({ name, type: 5, g: branch }))
    const read = readModel(
      graph({ initializer: [{ name: 'x', ...one }], node: [node('If', ['x'], ['y'], { attribute })] }),
    )
    expect(read.graph.inputs[0]).toMatchObject({ name: 'x', isInput: true, isConstant: false })
    expect(read.graph.inputs[0]?.uses).toHaveLength(3)
  })

  it('cannot read what nothing makes', () => {
    const error = errorOf(graph({ node: [node('Relu', ['lost'], ['y'], { name: 'act' })] }))
    expect(error).toMatchObject({ code: 'ONNX_MISSING_PRODUCER', node: 'act' })
    expect(error.message).toContain('"lost"')
    expect(errorOf(graph({ output: [{ name: 'lost' }] })).code).toBe('ONNX_MISSING_PRODUCER')
    const body = { name: 'b', node: [node('Neg', ['lost'], ['i'])] }
    expect(
      errorOf(graph({ node: [node('Loop', [], ['y'], { attribute: [{ name: 'body', type: 5, g: body }] })] }))
        .code,
    ).toBe('ONNX_MISSING_PRODUCER')
  })

  it('cannot let a branch of a node read what the node makes, or what comes later', () => {
    const body = { name: 'b', node: [node('Neg', ['later'], ['i'])] }
    const loop = node('Loop', [], ['y'], { attribute: [{ name: 'body', type: 5, g: body }] })
    expect(errorOf(graph({ node: [loop, node('Relu', ['x'], ['later'])] })).code).toBe('ONNX_NOT_SORTED')
  })

  it('cannot let nodes wait for one another in a circle', () => {
    const error = errorOf(
      graph({
        node: [
          node('Relu', ['x'], ['r']),
          node('Add', ['r', 'c'], ['a'], { name: 'one' }),
          node('Neg', ['a'], ['b'], { name: 'two' }),
          node('Abs', ['b'], ['c'], { name: 'three' }),
        ],
      }),
    )
    expect(error.code).toBe('ONNX_CYCLE')
    expect(error.message).toContain('"two" -> "three" -> "one"')
    expect(errorOf(graph({ node: [node('Add', ['x', 'a'], ['a'])] })).code).toBe('ONNX_CYCLE')
  })

  it('cannot have its nodes out of order', () => {
    const error = errorOf(graph({ node: [node('Relu', ['a'], ['y']), node('Neg', ['x'], ['a'])] }))
    expect(error.code).toBe('ONNX_NOT_SORTED')
  })

  it('finds the circle among 30,000 nodes at once', () => {
    const count = 30_000
    const nodes = Array.from({ length: count }, (_, i) => node('Neg', [`v${(i + 1) % count}`], [`v${i}`]))
    expect(errorOf(graph({ node: nodes })).code).toBe('ONNX_CYCLE')
  })

  it('cannot have an initializer without a name', () => {
    expect(errorOf(graph({ initializer: [one] })).code).toBe('ONNX_MISSING_NAME')
    expect(errorOf(graph({ input: [{}] })).code).toBe('ONNX_MISSING_NAME')
  })

  it('cannot give a node an attribute twice, or one without its value', () => {
    const attributes = (...attribute: object[]) => graph({ node: [node('A', ['x'], ['y'], { attribute })] })
    expect(errorOf(attributes({ name: 'a', type: 2, i: 1 }, { name: 'a', type: 2, i: 2 })).code).toBe(
      'ONNX_DUPLICATE_ATTRIBUTE',
    )
    expect(errorOf(attributes({ name: 'a', type: 4 })).code).toBe('ONNX_INVALID_ATTRIBUTE')
  })

  it('can be cyclic nowhere in a function either', () => {
    const functions = [
      { name: 'F', domain: 'd', input: ['a'], output: ['b'], node: [node('Add', ['a', 'b'], ['b'])] },
    ]
    expect(errorOf(model({ name: 'g' }, { functions })).code).toBe('ONNX_CYCLE')
  })
})

describe('limits', () => {
  it('stop a file that unfolds into far more memory than it has bytes', () => {
    // Empty nodes, empty strings, numbers: two bytes or one in the file, and an object or a number in memory.
    const many = (...bytes: number[]) => Array.from({ length: 40_000 }, () => bytes).flat()
    for (const content of [
      many(0x0a, 0),
      field(1, many(0x0a, 0)),
      field(1, field(5, field(8, many(1, 1)))),
    ]) {
      const error = errorOf([...ok, ...nested([7]).slice(0, -1), ...varint(content.length), ...content], {
        limits: { messages: 4_000 },
      })
      expect(error.code).toBe('ONNX_LIMIT_EXCEEDED')
    }
  })

  it.each([
    ['bytes', { bytes: 100 }],
    ['nodes', { nodes: 4 }],
    ['messages', { messages: 40 }],
    ['tensorBytes', { tensorBytes: 64 }],
  ])('hold on %s, and say which to raise', (name, limits) => {
    const error = errorOf(fixture('diabetes_mlp'), { limits })
    expect(error.code).toBe('ONNX_LIMIT_EXCEEDED')
    expect(error.cure).toContain(`limits.${name}`)
  })

  it('hold on depth', () => {
    expect(errorOf(fixture('diabetes_mlp'), { limits: { depth: 3 } }).code).toBe('ONNX_NESTING_TOO_DEEP')
  })

  it('end at protobuf’s 2 GiB when a model is written, before a byte is produced', () => {
    const read = readModel(fixture('diabetes_mlp'))
    let produced = 0
    for (const name of ['a', 'b', 'c']) {
      read.graph.addInitializer(
        name,
        Tensor.lazy('uint8', [2 ** 30], () => {
          produced++
          return new Uint8Array(2 ** 30)
        }),
      )
    }
    expect(() => encodeModel(read)).toThrow(expect.objectContaining({ code: 'ONNX_MODEL_TOO_LARGE' }))
    expect(produced).toBe(0)
  })
})

describe('names in messages', () => {
  it('are quoted, escaped and cut', () => {
    const name = `\u001b[2J\n\u202e\u009b${'n'.repeat(500)}`
    const { message } = errorOf(graph({ node: [node('Relu', [name], ['y'])] }))
    expect(message).not.toContain('\u001b')
    expect(message).not.toContain('\n')
    expect(message).toContain('\\u202e\\u009b')
    expect(message.length).toBeLessThan(300)
  })
})
