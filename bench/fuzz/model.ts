/**
 * Models made from decisions, along the schema: most of what comes out is right enough to get past the first checks, and
 * each decision can spoil something.
 */
import { type Field, type MessageType, messageTypes } from '../../packages/core/src/onnx/message'
import { encodeUtf8 } from '../../packages/core/src/wire/utf8'
import type { Choices } from './choices'

const deepest = 8

const integers: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  -1n,
  127n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
]

/** Bytes of elements that a tensor of this type and so many elements needs: those that are a byte or more wide. */
const widths: Readonly<Record<number, number>> = {
  1: 4,
  2: 1,
  3: 1,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  10: 2,
  11: 8,
  16: 2,
}

export function modelFrom(choices: Choices): Uint8Array {
  const known = new Set(['x'])
  const content = [
    ...varintField(1, 8n),
    ...nested(7, graph(choices, 0, known)),
    ...nested(8, [...varintField(2, BigInt(7 + choices.below(20)))]),
  ]
  while (!choices.isEmpty && choices.byte() > 160)
    content.push(...anyField(messageTypes.ModelProto, choices, 1))
  return Uint8Array.from(content)
}

/** Nodes read what was made before them, as a rule. */
function graph(choices: Choices, depth: number, outer: ReadonlySet<string>): number[] {
  const content: number[] = []
  const own = new Set<string>()
  const fresh = () => {
    const name = choices.name()
    const unused = choices.rarely() || !own.has(name) ? name : `${name}${own.size}`
    own.add(unused)
    return unused
  }
  const readable = () => choices.one([...outer, ...own].slice(-64))
  if (depth === 0) content.push(...nested(11, textField(1, 'x')))
  content.push(...textField(2, choices.name()))
  for (let left = choices.below(3); left > 0; left--)
    content.push(...nested(5, tensor(choices, fresh() || 'w')))
  for (let left = choices.below(6); left > 0; left--) {
    const node: number[] = []
    for (let inputs = choices.below(4); inputs > 0; inputs--) node.push(...textField(1, readable()))
    node.push(...textField(4, choices.one(['Add', 'If', 'Loop', 'Constant', choices.name()])))
    node.push(...textField(3, choices.name()))
    if (depth < 3 && choices.byte() > 200) {
      const body = nested(6, graph(choices, depth + 1, new Set([...outer, ...own])))
      node.push(...nested(5, [...textField(1, 'body'), ...body, ...varintField(20, 5n)]))
    }
    if (choices.byte() > 160) node.push(...nested(5, attribute(choices, depth)))
    node.push(...textField(2, fresh()))
    content.push(...nested(1, node))
  }
  if (own.size > 0) content.push(...nested(12, textField(1, readable())))
  if (choices.byte() > 200) content.push(...anyField(messageTypes.GraphProto, choices, depth + 1))
  return content
}

function tensor(choices: Choices, name: string): number[] {
  const dims = Array.from({ length: choices.below(4) }, () => choices.below(4))
  const type = choices.one([1, 1, 1, 2, 3, 7, 9, 10, 11, 22])
  const size = dims.reduce((product, dim) => product * dim, 1)
  const bytes = type === 22 ? Math.ceil(size / 2) : size * (widths[type] ?? 4)
  const content = dims.flatMap((dim) => varintField(1, BigInt(choices.rarely() ? 2 ** 40 : dim)))
  content.push(...varintField(2, BigInt(choices.rarely() ? choices.byte() : type)), ...textField(8, name))
  if (choices.byte() > 40) content.push(...nested(9, choices.bytes(choices.rarely() ? bytes + 1 : bytes)))
  else {
    const entries = ['location', 'offset', 'length'].slice(0, 1 + choices.below(3))
    for (const key of entries) {
      const value = key === 'location' ? choices.name() : String(choices.one(integers))
      content.push(...nested(13, [...textField(1, key), ...textField(2, value)]))
    }
    content.push(...varintField(14, 1n))
  }
  return content
}

function attribute(choices: Choices, depth: number): number[] {
  const { fields } = messageTypes.AttributeProto
  const field = choices.one(fields)
  const name = textField(1, choices.one(['value', 'axis', 'to', choices.name()]))
  const type = varintField(20, BigInt(choices.below(16)))
  return [...name, ...fieldOf(field, choices, depth + 1), ...type]
}

const anyField = ({ fields }: MessageType, choices: Choices, depth: number): number[] =>
  fieldOf(choices.one(fields), choices, depth)

function fieldOf({ number, scalar, message, label }: Field, choices: Choices, depth: number): number[] {
  if (choices.rarely()) return [...tagOf(number, choices.below(8)), ...choices.bytes(choices.below(12))]
  if (message !== undefined) {
    if (message.name === 'TensorProto') return nested(number, tensor(choices, choices.name()))
    const content: number[] = []
    if (depth < deepest)
      for (let left = 1 + choices.below(4); left > 0 && !choices.isEmpty; left--)
        content.push(...anyField(message, choices, depth + 1))
    return nested(number, content)
  }
  if (label === 'packed') return nested(number, choices.bytes(choices.below(16)))
  switch (scalar) {
    case 'string':
      return textField(number, choices.name())
    case 'bytes':
      return nested(number, choices.bytes(choices.below(16)))
    case 'float':
      return [...tagOf(number, 5), ...choices.bytes(4)]
    case 'double':
      return [...tagOf(number, 1), ...choices.bytes(8)]
    default:
      return varintField(number, choices.rarely() ? choices.one(integers) : BigInt(choices.below(17)))
  }
}

function varint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

const tagOf = (number: number, wireType: number): number[] => varint(BigInt(number * 8 + wireType))
const varintField = (number: number, value: bigint): number[] => [...tagOf(number, 0), ...varint(value)]
const textField = (number: number, text: string): number[] => nested(number, encodeUtf8(text))

function nested(number: number, content: readonly number[] | Uint8Array): number[] {
  const header = tagOf(number, 2).concat(varint(BigInt(content.length)))
  return header.concat(Array.isArray(content) ? content : Array.from(content))
}
