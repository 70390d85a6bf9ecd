import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { decodeMessage } from '../src/onnx/decode'
import { encodeMessage } from '../src/onnx/encode'
import { type MessageName, messageTypes } from '../src/onnx/message'
import { BackwardWriter } from '../src/wire/writer'
import { onnxProto } from './oracle'

/** protobufjs types its Long without what it is made by. */
const Long = protobuf.util.Long as unknown as { fromString(text: string, unsigned?: boolean): protobuf.Long }

const int64s = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    -1n,
    127n,
    128n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ),
)
const bytes = fc.uint8Array({ maxLength: 20 })
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  int32: fc.integer(),
  int64: int64s.map((value) => Long.fromString(String(value))),
  uint64: int64s.map((value) => Long.fromString(String(BigInt.asUintN(64, value)), true)),
  float: fc.float({ noNaN: true }),
  double: fc.double({ noNaN: true }),
  string: fc.string({ unit: 'grapheme', maxLength: 60 }),
  bytes: bytes.map((value) => Buffer.from(value)),
}

/** Any content of a message: each field there or not, lists of up to three. */
function contents(type: protobuf.Type, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const entries: Record<string, fc.Arbitrary<unknown>> = {}
  const taken = new Set<string>()
  for (const field of type.fieldsArray) {
    field.resolve()
    const { resolvedType } = field
    // protobufjs writes all members of a oneof that are there: one is enough here, which one is left to chance below.
    if (field.partOf && taken.has(field.partOf.name)) continue
    if (field.partOf) taken.add(field.partOf.name)
    const chosen = field.partOf ? field.partOf.fieldsArray : [field]
    const value = (each: protobuf.Field) => {
      const inner = each.resolve().resolvedType
      if (inner instanceof protobuf.Type) return depth === 0 ? undefined : contents(inner, depth - 1)
      return inner instanceof protobuf.Enum
        ? fc.constantFrom(...Object.values(inner.values))
        : scalars[each.type]
    }
    if (field.partOf) {
      const options = chosen.flatMap((each) => {
        const arbitrary = value(each)
        return arbitrary ? [arbitrary.map((content) => [each.name, content] as const)] : []
      })
      if (options.length > 0) entries[`oneof ${field.partOf.name}`] = fc.oneof(...options)
      continue
    }
    const arbitrary = value(field)
    if (arbitrary === undefined) continue
    if (resolvedType instanceof protobuf.Type && depth === 0) continue
    entries[field.name] = field.repeated ? fc.array(arbitrary, { maxLength: 3 }) : arbitrary
  }
  return fc.record(entries, { requiredKeys: [] }).map((record) => {
    const content: Record<string, unknown> = {}
    for (const [key, each] of Object.entries(record)) {
      if (key.startsWith('oneof ')) {
        const [name, member] = each as [string, unknown]
        content[name] = member
      } else content[key] = each
    }
    return content
  })
}

function withoutSpans<T>(message: T): T {
  if (Array.isArray(message)) return message.map(withoutSpans) as T
  if (typeof message !== 'object' || message === null || message instanceof Uint8Array) return message
  return Object.fromEntries(
    Object.entries(message).flatMap(([key, value]) => (key === 'span' ? [] : [[key, withoutSpans(value)]])),
  ) as T
}

function encode(name: MessageName, message: unknown): Uint8Array {
  const writer = new BackwardWriter()
  encodeMessage(name, message as never, writer)
  return Buffer.concat(writer.chunks() as Uint8Array[])
}

describe.each(Object.keys(messageTypes) as MessageName[])('%s', (name) => {
  const type = onnxProto.lookupType(`onnx.${name.replaceAll('_', '.')}`)

  it('means the same to protobufjs after it was read and written here, whatever is in it', () => {
    fc.assert(
      fc.property(contents(type, 3), (content) => {
        const original = type.encode(content).finish()
        const written = encode(name, withoutSpans(decodeMessage(name, original, 100)))
        return isDeepStrictEqual(type.decode(written), type.decode(original))
      }),
      { numRuns: 100, seed: 4 },
    )
  })

  it('keeps its bytes when it is written without an edit', () => {
    fc.assert(
      fc.property(contents(type, 2), (content) => {
        const original = type.encode(content).finish()
        return isDeepStrictEqual(encode(name, decodeMessage(name, original, 100)), Buffer.from(original))
      }),
      { numRuns: 20, seed: 4 },
    )
  })
})

describe('reading a message', () => {
  it('keeps fields that the schema does not know, at every level, through an edit', () => {
    const unknown = Uint8Array.of(0xfa, 0x3f, 2, 7, 7) // field 1023, two bytes
    const graph = Uint8Array.of(0x12, 1, 0x67, ...unknown) // name: "g"
    const model = Uint8Array.of(0x08, 8, 0x3a, graph.length, ...graph, ...unknown)
    const written = encode('ModelProto', withoutSpans(decodeMessage('ModelProto', model, 100)))
    expect([...written]).toEqual([...model])
  })

  it('takes repeated numbers packed and unpacked, mixed', () => {
    const dims = decodeMessage('TensorProto', Uint8Array.of(0x08, 1, 0x0a, 2, 2, 3, 0x08, 4), 100).dims
    expect(dims).toEqual([1, 2, 3, 4])
  })

  it('joins typed data that comes in pieces, packed and unpacked', () => {
    const tensor = Uint8Array.of(0x38, 1, 0x3a, 2, 2, 3, 0x38, 0x80, 1)
    expect(decodeMessage('TensorProto', tensor, 100).int64_data).toEqual(Uint8Array.of(1, 2, 3, 0x80, 1))
  })

  it('merges a message that comes in pieces, and lets the last of a scalar win, as protobuf does', () => {
    const one = Uint8Array.of(0x12, 1, 0x61, 0x52, 1, 0x64) // name: "a", doc_string: "d"
    const two = Uint8Array.of(0x12, 1, 0x62) // name: "b"
    const model = decodeMessage(
      'ModelProto',
      Uint8Array.of(0x3a, one.length, ...one, 0x3a, two.length, ...two),
      100,
    )
    expect(model.graph).toMatchObject({ name: 'b', doc_string: 'd', span: undefined })
  })

  it('keeps the last member of a oneof alone', () => {
    const dimension = decodeMessage('TensorShapeProto_Dimension', Uint8Array.of(0x08, 5, 0x12, 1, 0x4e), 100)
    expect(dimension).not.toHaveProperty('dim_value')
    expect(dimension.dim_param).toBe('N')
  })

  it('gives a number where it is exact and a bigint where it is not', () => {
    const ints = [2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), -5n, 2n ** 63n - 1n]
    const encoded = encode('AttributeProto', { ints })
    expect(decodeMessage('AttributeProto', encoded, 100).ints).toEqual([
      Number.MAX_SAFE_INTEGER,
      2n ** 53n,
      -(2n ** 53n),
      -5,
      2n ** 63n - 1n,
    ])
  })

  it('gives names that are not UTF-8 back as they were', () => {
    const gbk = [0xd6, 0xd0, 0x61, 0xff, 0xc3, 0xa9, 0xed, 0xa0, 0x80]
    const node = Uint8Array.of(0x1a, gbk.length, ...gbk)
    const message = decodeMessage('NodeProto', node, 100)
    expect(message.name).toBe('\udcd6\udcd0a\udcffé\udced\udca0\udc80')
    expect([...encode('NodeProto', withoutSpans(message))]).toEqual([...node])
  })
})
