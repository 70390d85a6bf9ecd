import * as errors from '../errors'
import { decodeUtf8 } from './utf8'
import { FIXED32, FIXED64, GROUP_END, GROUP_START, type Int64, LENGTH_DELIMITED, VARINT } from './wire-type'

const TWO_32 = 4294967296

/** Groups are obsolete and no ONNX writer makes them: a small bound keeps a bomb of openings cheap. */
const MAX_GROUP_DEPTH = 100

/**
 * A cursor over protobuf's wire format. Knows fields, not messages: the caller reads a tag and then the value it
 * expects. Byte values are views of the source. Every read is checked against `end`, which the caller narrows to a
 * message while it is inside it.
 */
export class WireReader {
  readonly bytes: Uint8Array
  position: number
  end: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = position
    this.end = end
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Field number times 8 plus wire type. Field numbers are 1 to 2^29 - 1. */
  tag(): number {
    const start = this.position
    const tag = this.uint64()
    if (typeof tag === 'bigint' || tag > 0xffffffff || tag < 8) throw errors.invalidTag(start)
    return tag
  }

  uint64(): Int64 {
    return this.#varint(false)
  }

  int64(): Int64 {
    return this.#varint(true)
  }

  /** Truncated to 32 bits, as protobuf has it. */
  int32(): number {
    const { bytes, position } = this
    if (position < this.end) {
      const byte = bytes[position] as number
      if (byte < 0x80) {
        this.position = position + 1
        return byte
      }
    }
    const value = this.#varint(true)
    return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value))
  }

  #varint(signed: boolean): Int64 {
    const { bytes, end } = this
    const start = this.position
    let at = start
    let low = 0
    // 4 bytes, 28 bits: nearly all numbers end here.
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw errors.truncated(start, at - start + 1, end - start)
      const byte = bytes[at++] as number
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.position = at
        return low
      }
    }
    let high = 0
    for (let index = 4; ; index++) {
      if (index === 10) throw errors.varintTooLong(start)
      if (at >= end) throw errors.truncated(start, at - start + 1, end - start)
      const byte = bytes[at++] as number
      const bits = byte & 0x7f
      if (index === 4) {
        low = (low | (bits << 28)) >>> 0
        high = bits >>> 4
      } else {
        // The tenth byte holds bit 63 alone; what lies beyond 64 bits is dropped, as protobuf does.
        high = (high | (bits << (index * 7 - 32))) >>> 0
      }
      if (byte < 0x80) break
    }
    this.position = at
    const value = (signed ? high | 0 : high >>> 0) * TWO_32 + (low >>> 0)
    if (Number.isSafeInteger(value)) return value
    const exact = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
    return signed ? BigInt.asIntN(64, exact) : exact
  }

  float(): number {
    return this.#view.getFloat32(this.#take(4), true)
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** Reads a length and gives where the value after it ends; the cursor stands at its start. */
  lengthDelimited(): number {
    const start = this.position
    const length = this.uint64()
    const left = this.end - this.position
    if (length > left) throw errors.truncated(start, Number(length), left)
    return this.position + Number(length)
  }

  view(): Uint8Array {
    const end = this.lengthDelimited()
    const start = this.position
    this.position = end
    return this.bytes.subarray(start, end)
  }

  string(): string {
    const end = this.lengthDelimited()
    const start = this.position
    this.position = end
    return decodeUtf8(this.bytes, start, end)
  }

  /** Moves past the value of a field whose tag has just been read. */
  skip(tag: number): void {
    const wireType = tag & 7
    if (wireType === GROUP_START) this.#skipGroup(tag)
    else this.#skipPlain(tag)
  }

  #skipPlain(tag: number): void {
    const start = this.position
    switch (tag & 7) {
      case VARINT:
        this.uint64()
        break
      case FIXED64:
        this.#take(8)
        break
      case LENGTH_DELIMITED:
        this.position = this.lengthDelimited()
        break
      case FIXED32:
        this.#take(4)
        break
      case GROUP_END:
        throw errors.unbalancedGroup(start)
      default:
        throw errors.wrongWireType(start, `number ${tag >>> 3}`, tag & 7)
    }
  }

  #skipGroup(tag: number): void {
    const start = this.position
    const open = [tag >>> 3]
    while (open.length > 0) {
      if (this.position >= this.end) throw errors.unbalancedGroup(start)
      const inner = this.tag()
      const wireType = inner & 7
      if (wireType === GROUP_START) {
        if (open.length >= MAX_GROUP_DEPTH) throw errors.nestingTooDeep(this.position, MAX_GROUP_DEPTH)
        open.push(inner >>> 3)
      } else if (wireType === GROUP_END) {
        if (open.pop() !== inner >>> 3) throw errors.unbalancedGroup(this.position)
      } else this.#skipPlain(inner)
    }
  }

  #take(length: number): number {
    const start = this.position
    if (length > this.end - start) throw errors.truncated(start, length, this.end - start)
    this.position = start + length
    return start
  }
}

/**
 * Number of varints in packed bytes, each checked for its length.
 * @param offset where the bytes lie in the file, for messages
 */
export function countVarints(packed: Uint8Array, offset: number): number {
  let count = 0
  let length = 0
  for (let i = 0; i < packed.length; i++) {
    length++
    if ((packed[i] as number) < 0x80) {
      if (length > 10) throw errors.varintTooLong(offset + i + 1 - length)
      count++
      length = 0
    }
  }
  if (length > 0) throw errors.truncated(offset + packed.length - length, length + 1, length)
  return count
}
