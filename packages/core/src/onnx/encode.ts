import { FIXED32, FIXED64, type Int64, LENGTH_DELIMITED, VARINT } from '../wire/wire-type'
import type { BackwardWriter } from '../wire/writer'
import { type Field, type Message, type MessageName, messageTypes, type ScalarType } from './message'

/**
 * Writes a field's value in place of the generic encoder; gives true where it did. It is called with every message of
 * the value, so that the graph layer can put its own state, and lazy bytes, in.
 */
export type Override = (field: Field, writer: BackwardWriter) => boolean

type Fields = Readonly<Record<string, unknown>>

/** Writes the content of a message, from its last field to its first. A message that still has its span is copied. */
export function encodeMessage<Name extends MessageName>(
  name: Name,
  message: Message<Name>,
  writer: BackwardWriter,
  override?: Override,
): void {
  if (override === undefined && message.span !== undefined) {
    writer.bytes(message.span.bytes.subarray(message.span.start, message.span.end))
    return
  }
  const { unknown = [] } = message
  for (let i = unknown.length - 1; i >= 0; i--) writer.bytes(unknown[i] as Uint8Array)
  const { fields } = messageTypes[name]
  for (let i = fields.length - 1; i >= 0; i--) {
    const field = fields[i] as Field
    if (override?.(field, writer)) continue
    const value = (message as Fields)[field.name]
    if (value !== undefined) encodeField(field, value, writer)
  }
}

/** Writes a whole field, header included; a list for a repeated one. */
export function encodeField(field: Field, value: unknown, writer: BackwardWriter): void {
  if (field.label === 'repeated') {
    const list = value as readonly unknown[]
    for (let i = list.length - 1; i >= 0; i--) encodeOne(field, list[i], writer)
  } else if (field.label === 'packed') {
    const mark = writer.byteLength
    writer.bytes(value as Uint8Array)
    writer.header(field.number, mark)
  } else encodeOne(field, value, writer)
}

function encodeOne(field: Field, value: unknown, writer: BackwardWriter): void {
  const mark = writer.byteLength
  if (field.message !== undefined) {
    const message = value as Message<MessageName>
    if (copyRecord(field.number, message, writer)) return
    encodeMessage(field.message.name, message, writer)
    writer.header(field.number, mark)
    return
  }
  writer.tag(field.number, encodeScalar(field.scalar as ScalarType, value, writer, mark))
}

/**
 * Copies a message that is as it was read, header included, as the value of a field.
 * @returns false where it has to be encoded
 */
export function copyRecord(number: number, { span }: Message<MessageName>, writer: BackwardWriter): boolean {
  if (span === undefined || span.record === span.start || !sameField(span.bytes, span.record, number))
    return false
  writer.bytes(span.bytes.subarray(span.record, span.end))
  return true
}

/** The record in the source can be copied, header included, where its header is this field's own. */
function sameField(bytes: Uint8Array, record: number, number: number): boolean {
  const tag = ((number << 3) | LENGTH_DELIMITED) >>> 0
  return tag < 0x80
    ? bytes[record] === tag
    : bytes[record] === ((tag & 0x7f) | 0x80) && bytes[record + 1] === tag >>> 7
}

function encodeScalar(scalar: ScalarType, value: unknown, writer: BackwardWriter, mark: number): number {
  switch (scalar) {
    case 'int32':
    case 'int64':
    case 'uint64':
      writer.varint(value as Int64)
      return VARINT
    case 'float':
      writer.float(value as number)
      return FIXED32
    case 'double':
      writer.double(value as number)
      return FIXED64
    case 'string':
      writer.string(value as string)
      break
    case 'bytes':
      writer.bytes(value as Uint8Array)
      break
  }
  writer.varint(writer.byteLength - mark)
  return LENGTH_DELIMITED
}
