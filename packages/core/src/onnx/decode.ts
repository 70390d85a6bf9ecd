import * as errors from '../errors'
import { countVarints, WireReader } from '../wire/reader'
import { FIXED32, FIXED64, LENGTH_DELIMITED, VARINT } from '../wire/wire-type'
import {
  type Field,
  type Message,
  type MessageName,
  type MessageType,
  messageTypes,
  type ScalarType,
} from './message'

/** A message while it is being read. */
type Draft = Record<string, unknown>

const wireTypes: Record<ScalarType, number> = {
  int32: VARINT,
  int64: VARINT,
  uint64: VARINT,
  float: FIXED32,
  double: FIXED64,
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
}

/** Deeper than this the recursion could overflow the stack, whatever limits.depth says. */
const MAX_DEPTH = 1000

/**
 * Reads one message of the schema, whole, in one pass over the headers: every length, number and name inside is
 * checked once, and byte fields are views. Memory is proportional to the fields that are there, never to a length that
 * is claimed. Fields repeated against the schema follow protobuf: the last scalar wins, messages merge.
 * @param maxDepth how many messages may lie in one another; 1000 at most
 * @param maxMessages how many messages, strings and byte fields there may be, 16 numbers of a list counting as one
 */
export function decodeMessage<Name extends MessageName>(
  name: Name,
  bytes: Uint8Array,
  maxDepth: number,
  maxMessages = Infinity,
): Message<Name> {
  const decoder = new Decoder(bytes, Math.min(maxDepth, MAX_DEPTH), maxMessages)
  return decoder.message(messageTypes[name], 0, 0, bytes.length, undefined) as Message<Name>
}

class Decoder {
  readonly #reader: WireReader
  readonly #maxDepth: number
  readonly #maxMessages: number
  #depth = 0
  #messages = 0
  /** Packed data that came in several pieces, until its message ends. */
  readonly #pieces = new Map<Draft, Map<string, Uint8Array[]>>()

  constructor(bytes: Uint8Array, maxDepth: number, maxMessages: number) {
    this.#maxMessages = maxMessages
    this.#reader = new WireReader(bytes)
    this.#maxDepth = maxDepth
  }

  message(type: MessageType, record: number, start: number, end: number, into: Draft | undefined): Draft {
    const reader = this.#reader
    if (++this.#depth > this.#maxDepth) throw errors.nestingTooDeep(start, this.#maxDepth)
    this.#count(1)
    const draft: Draft = into ?? {}
    const outerEnd = reader.end
    reader.position = start
    reader.end = end
    while (reader.position < end) {
      const at = reader.position
      const tag = reader.tag()
      const field = type.byNumber[tag >>> 3]
      if (field === undefined) {
        this.#count(1)
        reader.skip(tag)
        const unknown = draft.unknown as Uint8Array[] | undefined
        const raw = reader.bytes.subarray(at, reader.position)
        if (unknown === undefined) draft.unknown = [raw]
        else unknown.push(raw)
      } else if (field.message !== undefined) this.#nested(type, field, field.message, draft, at, tag)
      else this.#scalar(type, field, field.scalar as ScalarType, draft, at, tag)
    }
    reader.end = outerEnd
    this.#joinPieces(draft)
    // In several pieces there is no one place to point to.
    draft.span = into === undefined ? { bytes: reader.bytes, record, start, end } : undefined
    this.#depth--
    return draft
  }

  #nested(owner: MessageType, field: Field, type: MessageType, draft: Draft, at: number, tag: number): void {
    const reader = this.#reader
    if ((tag & 7) !== LENGTH_DELIMITED) throw errors.wrongWireType(at, `${owner.name}.${field.name}`, tag & 7)
    const end = reader.lengthDelimited()
    const start = reader.position
    if (field.label === 'repeated') {
      const message = this.message(type, at, start, end, undefined)
      const list = draft[field.name] as Draft[] | undefined
      if (list === undefined) draft[field.name] = [message]
      else list.push(message)
    } else {
      for (const rival of field.rivals) delete draft[rival]
      draft[field.name] = this.message(type, at, start, end, draft[field.name] as Draft | undefined)
    }
  }

  #scalar(owner: MessageType, field: Field, scalar: ScalarType, draft: Draft, at: number, tag: number): void {
    const reader = this.#reader
    const wireType = tag & 7
    const wanted = wireTypes[scalar]
    if (field.label === 'packed') {
      this.#packed(owner, field, scalar, draft, at, wireType)
    } else if (wireType === wanted) {
      const value = this.#value(scalar)
      if (field.label === 'optional') {
        for (const rival of field.rivals) delete draft[rival]
        draft[field.name] = value
        return
      }
      const list = draft[field.name] as unknown[] | undefined
      if (list === undefined) draft[field.name] = [value]
      else list.push(value)
    } else if (field.label === 'repeated' && wireType === LENGTH_DELIMITED) {
      const list = (draft[field.name] as unknown[] | undefined) ?? []
      draft[field.name] = list
      const end = reader.lengthDelimited()
      const outerEnd = reader.end
      reader.end = end
      while (reader.position < end) list.push(this.#value(scalar))
      reader.end = outerEnd
    } else throw errors.wrongWireType(at, `${owner.name}.${field.name}`, wireType)
  }

  #packed(
    owner: MessageType,
    field: Field,
    scalar: ScalarType,
    draft: Draft,
    at: number,
    wireType: number,
  ): void {
    const reader = this.#reader
    const wanted = wireTypes[scalar]
    let piece: Uint8Array
    this.#count(1)
    if (wireType === LENGTH_DELIMITED) {
      piece = reader.view()
      const width = wanted === FIXED32 ? 4 : 8
      if (wanted === VARINT) countVarints(piece, reader.position - piece.length)
      else if (piece.length % width !== 0)
        throw errors.truncated(reader.position, width, piece.length % width)
    } else if (wireType === wanted) {
      const start = reader.position
      reader.skip(wireType)
      piece = reader.bytes.subarray(start, reader.position)
    } else throw errors.wrongWireType(at, `${owner.name}.${field.name}`, wireType)

    const before = draft[field.name] as Uint8Array | undefined
    if (before === undefined) {
      draft[field.name] = piece
      return
    }
    const fields = this.#pieces.get(draft) ?? new Map<string, Uint8Array[]>()
    this.#pieces.set(draft, fields)
    const pieces = fields.get(field.name)
    if (pieces === undefined) fields.set(field.name, [before, piece])
    else pieces.push(piece)
  }

  #joinPieces(draft: Draft): void {
    const fields = this.#pieces.get(draft)
    if (fields === undefined) return
    for (const [name, pieces] of fields) {
      const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
      let at = 0
      for (const piece of pieces) {
        joined.set(piece, at)
        at += piece.length
      }
      draft[name] = joined
    }
    this.#pieces.delete(draft)
  }

  #count(messages: number): void {
    this.#messages += messages
    if (this.#messages > this.#maxMessages) {
      throw errors.limitExceeded(
        'messages',
        'Messages and strings of the model',
        Math.floor(this.#messages),
        this.#maxMessages,
      )
    }
  }

  #value(scalar: ScalarType): unknown {
    const reader = this.#reader
    this.#count(wireTypes[scalar] === LENGTH_DELIMITED ? 1 : 1 / 16)
    switch (scalar) {
      case 'int32':
        return reader.int32()
      case 'int64':
        return reader.int64()
      case 'uint64':
        return reader.uint64()
      case 'float':
        return reader.float()
      case 'double':
        return reader.double()
      case 'string':
        return reader.string()
      case 'bytes':
        return reader.view()
    }
  }
}
