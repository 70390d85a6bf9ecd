import type { Int64 } from '../wire/wire-type'
import { messages } from './schema'

export type MessageName = keyof typeof messages
export type ScalarType = 'int32' | 'int64' | 'uint64' | 'float' | 'double' | 'string' | 'bytes'

interface Scalars {
  int32: number
  int64: Int64
  uint64: Int64
  float: number
  double: number
  string: string
  bytes: Uint8Array
}

type ValueOf<T> = T extends keyof Scalars ? Scalars[T] : T extends MessageName ? Message<T> : never

type FieldValue<F> = F extends readonly [number, infer T, infer Label, ...unknown[]]
  ? Label extends 'optional'
    ? ValueOf<T>
    : Label extends 'packed'
      ? Uint8Array
      : readonly ValueOf<T>[]
  : never

/** Where a message lies in the bytes it was read from. */
export interface Span {
  readonly bytes: Uint8Array
  /** Start of the field that holds the message: its tag. */
  readonly record: number
  /** Start and end of the message itself. */
  readonly start: number
  readonly end: number
}

/**
 * A message as decoded, never changed afterwards: an edit makes a copy without `span`. So a message with a span still
 * says what its bytes say.
 */
export type Message<Name extends MessageName> = {
  readonly [Field in keyof (typeof messages)[Name]]?: FieldValue<(typeof messages)[Name][Field]>
} & {
  /** Fields that the schema doesn't know, tag and value as they were. */
  readonly unknown?: readonly Uint8Array[]
  /** Absent for messages that were made, and for those that the file gives in several pieces. */
  readonly span?: Span
}

export interface Field {
  readonly name: string
  readonly number: number
  readonly scalar: ScalarType | undefined
  readonly message: MessageType | undefined
  readonly label: 'optional' | 'repeated' | 'packed'
  /** The other members of its oneof. */
  readonly rivals: readonly string[]
}

export interface MessageType {
  readonly name: MessageName
  /** Ascending by number. */
  readonly fields: readonly Field[]
  /** By number; undefined where the schema has no such field. */
  readonly byNumber: readonly (Field | undefined)[]
}

type FieldEntry = readonly [number, string, Field['label'], string?]

function build(): Record<MessageName, MessageType> {
  const names = Object.keys(messages) as MessageName[]
  const types = {} as Record<MessageName, { name: MessageName; fields: Field[]; byNumber: Field[] }>
  for (const name of names) types[name] = { name, fields: [], byNumber: [] }
  for (const name of names) {
    const entries = Object.entries(messages[name]) as [string, FieldEntry][]
    for (const [fieldName, [number, type, label, oneof]] of entries) {
      const message = (types as Record<string, MessageType>)[type]
      const field: Field = {
        name: fieldName,
        number,
        scalar: message === undefined ? (type as ScalarType) : undefined,
        message,
        label,
        rivals: entries
          .filter(([other, e]) => oneof !== undefined && e[3] === oneof && other !== fieldName)
          .map(([other]) => other),
      }
      types[name].fields.push(field)
      types[name].byNumber[number] = field
    }
    types[name].fields.sort((a, b) => a.number - b.number)
  }
  return types
}

export const messageTypes: Readonly<Record<MessageName, MessageType>> = build()

/** A copy with other values in some fields; `undefined` takes a field out. */
export function edited<Name extends MessageName>(
  message: Message<Name>,
  changes: { readonly [Field in keyof Message<Name>]?: Message<Name>[Field] | undefined },
): Message<Name> {
  const copy: Record<string, unknown> = { ...message, ...changes, span: undefined }
  for (const key of Object.keys(copy)) if (copy[key] === undefined) delete copy[key]
  return copy as Message<Name>
}
