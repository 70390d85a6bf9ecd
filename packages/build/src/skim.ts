import { randomUUID } from 'node:crypto'

/** Tensors with fewer bytes are copied; messages that are shorter hold no larger one and aren't looked into. */
const LEAST = 1 << 16

/** Where a message holds messages that may hold weights (onnx.proto), by field number. */
interface Shape {
  readonly fields: ReadonlyMap<number, Shape>
  readonly isTensor?: true
}

const tensor: Shape = { fields: new Map(), isTensor: true }
const graph: Shape = { fields: new Map() }
const attribute: Shape = {
  fields: new Map([
    [5, tensor],
    [6, graph],
    [10, tensor],
    [11, graph],
  ]),
}
const node: Shape = { fields: new Map([[5, attribute]]) }
;(graph.fields as Map<number, Shape>).set(1, node).set(5, tensor)
const model: Shape = { fields: new Map([[7, graph]]) }

const RAW_DATA = 9
const EXTERNAL_DATA = 13
const DATA_LOCATION = 14

/** Reads a file, and gives fewer bytes only at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array

/**
 * A model's bytes without its large tensors, read without reading these: each becomes external data at `location`, where
 * it lies in the same file. Names of locations can't be guessed, so that no model can mean this one.
 * @param least bytes of the smallest tensor that is left out
 * @returns undefined for what isn't protobuf, or nothing to leave out: who reads it as a whole will say why
 */
export function skim(
  read: ReadAt,
  size: number,
  least = LEAST,
): { bytes: Uint8Array; location: string } | undefined {
  const location = `the model itself, ${randomUUID()}`
  try {
    const skimmer = new Skimmer(read, location, least)
    const chunks = skimmer.message(model, 0, size)
    return skimmer.found ? { bytes: Buffer.concat(chunks), location } : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

class Skimmer {
  found = false
  readonly #window: Window
  readonly #location: string
  readonly #least: number

  constructor(read: ReadAt, location: string, least: number) {
    this.#window = new Window(read)
    this.#location = location
    this.#least = least
  }

  /** The content of a message that lies from `start` to before `end`. */
  message(shape: Shape, start: number, end: number): Uint8Array[] {
    const chunks: Uint8Array[] = []
    let copied = start
    let at = start
    while (at < end) {
      const tag = this.#window.varint(at)
      const field = Math.floor(tag.value / 8)
      const wireType = tag.value % 8
      if (wireType !== 2) {
        at = this.#skip(wireType, tag.end)
        continue
      }
      const length = this.#window.varint(tag.end)
      const next = length.end + length.value
      if (next > end) throw new RangeError('ends beyond what holds it')
      if (length.value >= this.#least) {
        const inner = this.#field(shape, field, length.end, next)
        if (inner !== undefined) {
          chunks.push(this.#window.bytes(copied, at), ...inner)
          copied = next
        }
      }
      at = next
    }
    if (at !== end) throw new RangeError('ends beyond what holds it')
    chunks.push(this.#window.bytes(copied, end))
    return chunks
  }

  /** A whole field as it is to be written; undefined for one that stays. */
  #field(shape: Shape, field: number, start: number, end: number): Uint8Array[] | undefined {
    if (shape.isTensor && field === RAW_DATA) {
      this.found = true
      return [
        entry('location', this.#location),
        entry('offset', String(start)),
        entry('length', String(end - start)),
        Uint8Array.of(DATA_LOCATION * 8, 1),
      ]
    }
    const inner = shape.fields.get(field)
    if (inner === undefined) return undefined
    const content = this.message(inner, start, end)
    return [
      header(
        field,
        content.reduce((sum, { length }) => sum + length, 0),
      ),
      ...content,
    ]
  }

  #skip(wireType: number, at: number): number {
    if (wireType === 0) return this.#window.varint(at).end
    if (wireType === 1) return at + 8
    if (wireType === 5) return at + 4
    throw new RangeError(`has a field of wire type ${wireType}`)
  }
}

/** Small reads of a file, from one larger one where they lie close together. */
class Window {
  readonly #read: ReadAt
  #start = 0
  #bytes: Uint8Array = new Uint8Array()

  constructor(read: ReadAt) {
    this.#read = read
  }

  bytes(start: number, end: number): Uint8Array {
    const bytes = this.#read(start, end - start)
    if (bytes.length !== end - start) throw new RangeError('ends too early')
    return bytes
  }

  varint(at: number): { value: number; end: number } {
    let value = 0
    for (let index = 0; index < 10; index++) {
      const byte = this.#byte(at + index)
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return { value, end: at + index + 1 }
    }
    throw new RangeError('has a number of more than 64 bits')
  }

  #byte(at: number): number {
    if (at < this.#start || at >= this.#start + this.#bytes.length) {
      this.#start = at
      this.#bytes = this.#read(at, 4096)
    }
    const byte = this.#bytes[at - this.#start]
    if (byte === undefined) throw new RangeError('ends too early')
    return byte
  }
}

function header(field: number, length: number): Uint8Array {
  const bytes: number[] = []
  for (const number of [field * 8 + 2, length]) {
    let rest = number
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
    bytes.push(rest)
  }
  return Uint8Array.from(bytes)
}

function entry(key: string, value: string): Uint8Array {
  const part = (field: number, text: string) => [header(field, Buffer.byteLength(text)), Buffer.from(text)]
  const content = Buffer.concat([...part(1, key), ...part(2, value)])
  return Buffer.concat([header(EXTERNAL_DATA, content.length), content])
}
