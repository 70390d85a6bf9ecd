import { encodeUtf8 } from './utf8'
import { type Int64, LENGTH_DELIMITED } from './wire-type'

/** Bytes that are made when their turn comes; their number is known before. */
export interface LazyBytes {
  readonly byteLength: number
  produce(): Uint8Array
}

export type Chunk = Uint8Array | LazyBytes

/** Up to this length bytes are copied together; longer ones stay views of where they lie. */
const COPY_LIMIT = 1024
/** Below this, writing characters one by one beats TextEncoder. */
const SHORT = 64
const FIRST_BUFFER = 1024
const LAST_BUFFER = 65_536

/**
 * Writes protobuf from the end to the front. A message's length stands before it and is known only after it: going
 * backwards, each byte is written once, without a pass that adds up sizes first. Nothing big is copied: the result
 * is a list of small buffers and of views of the source.
 */
export class BackwardWriter {
  /** Bytes written so far: the total size, known before the first byte leaves. */
  byteLength = 0
  /** Last chunk first. */
  readonly #chunks: Chunk[] = []
  #buffer = new Uint8Array(FIRST_BUFFER)
  #view = new DataView(this.#buffer.buffer)
  /** The buffer is filled from its end down to here. */
  #start = FIRST_BUFFER
  /** Where the filled part that isn't a chunk yet ends. */
  #end = FIRST_BUFFER

  /** In the order in which they stand in the file. */
  chunks(): Chunk[] {
    this.#flush()
    return this.#chunks.slice().reverse()
  }

  tag(field: number, wireType: number): void {
    this.varint(((field << 3) | wireType) >>> 0)
  }

  /** A length-delimited field's header, after its content: `mark` is `byteLength` before the content. */
  header(field: number, mark: number): void {
    this.varint(this.byteLength - mark)
    this.tag(field, LENGTH_DELIMITED)
  }

  /** Any 64-bit integer; negative ones take 10 bytes, as protobuf has it. */
  varint(value: Int64): void {
    if (typeof value === 'number' && value >= 0 && value < 0x80) {
      this.#reserve(1)
      this.#buffer[--this.#start] = value
      this.byteLength++
      return
    }
    const bits: number[] = []
    if (typeof value === 'number' && value >= 0) {
      let rest = value
      for (; rest >= 0x80; rest = Math.floor(rest / 128)) bits.push(rest % 128)
      bits.push(rest)
    } else {
      let rest = BigInt.asUintN(64, BigInt(value))
      for (; rest >= 0x80n; rest >>= 7n) bits.push(Number(rest & 0x7fn))
      bits.push(Number(rest))
    }
    this.#reserve(bits.length)
    for (let i = bits.length - 1; i >= 0; i--) {
      this.#buffer[--this.#start] = (bits[i] as number) | (i < bits.length - 1 ? 0x80 : 0)
    }
    this.byteLength += bits.length
  }

  float(value: number): void {
    this.#reserve(4)
    this.#start -= 4
    this.#view.setFloat32(this.#start, value, true)
    this.byteLength += 4
  }

  double(value: number): void {
    this.#reserve(8)
    this.#start -= 8
    this.#view.setFloat64(this.#start, value, true)
    this.byteLength += 8
  }

  /** UTF-8, without a length. */
  string(text: string): void {
    const { length } = text
    if (length > SHORT) {
      this.bytes(encodeUtf8(text))
      return
    }
    // Most strings are short names in ASCII.
    this.#reserve(length)
    let at = this.#start
    for (let i = length - 1; i >= 0; i--) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) {
        this.bytes(encodeUtf8(text))
        return
      }
      this.#buffer[--at] = code
    }
    this.#start = at
    this.byteLength += length
  }

  /** Bytes as they are, without a length. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    if (length === 0) return
    this.byteLength += length
    if (this.#extend(bytes)) return
    if (length > COPY_LIMIT) {
      this.#flush()
      this.#chunks.push(bytes)
      return
    }
    this.#reserve(length)
    this.#start -= length
    this.#buffer.set(bytes, this.#start)
  }

  lazy(bytes: LazyBytes): void {
    this.#flush()
    this.byteLength += bytes.byteLength
    this.#chunks.push(bytes)
  }

  /** Neighbours in the source stay one view: an untouched model is one chunk. */
  #extend(bytes: Uint8Array): boolean {
    const next = this.#chunks[this.#chunks.length - 1]
    if (this.#start !== this.#end || !(next instanceof Uint8Array)) return false
    if (next.buffer !== bytes.buffer || next.byteOffset !== bytes.byteOffset + bytes.length) return false
    this.#chunks[this.#chunks.length - 1] = new Uint8Array(
      bytes.buffer,
      bytes.byteOffset,
      bytes.length + next.length,
    )
    return true
  }

  #reserve(length: number): void {
    if (length <= this.#start) return
    this.#flush()
    const size = Math.max(length, Math.min(this.#buffer.length * 2, LAST_BUFFER))
    this.#buffer = new Uint8Array(size)
    this.#view = new DataView(this.#buffer.buffer)
    this.#start = size
    this.#end = size
  }

  #flush(): void {
    if (this.#start === this.#end) return
    this.#chunks.push(this.#buffer.subarray(this.#start, this.#end))
    this.#end = this.#start
  }
}
