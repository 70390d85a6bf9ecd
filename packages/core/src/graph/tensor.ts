import * as errors from '../errors'
import { byteLengthOf, type DataType, dataTypeInfo, dataTypeOfCode } from '../onnx/data-types'
import type { Message } from '../onnx/message'
import { rawFromPacked } from '../onnx/typed-data'
import { countVarints } from '../wire/reader'
import { decodeUtf8, encodeUtf8 } from '../wire/utf8'
import { type Element, elementsOf, rawOf } from './elements'
import {
  type ExternalFile,
  type ExternalLocation,
  type ExternalReader,
  externalLocation,
  readExternal,
} from './external'
import { defaultLimits } from './limits'

/** What a tensor is made of. */
type Content =
  | {
      readonly kind: 'message'
      readonly message: Message<'TensorProto'>
      readonly open: ExternalReader | undefined
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'lazy'; readonly produce: () => Uint8Array }
  | { readonly kind: 'strings'; readonly strings: readonly string[] }

/**
 * An immutable tensor: type and dimensions, and data that is fetched when it is asked for. Its name lies with the
 * value or attribute that holds it.
 */
export class Tensor {
  readonly dataType: DataType
  readonly dims: readonly number[]
  /** Number of elements. */
  readonly size: number
  /** Of the raw little-endian data; of strings, their UTF-8 bytes together. */
  readonly byteLength: number
  /** Where the data lies, for external data. */
  declare readonly external?: ExternalLocation
  readonly #content: Content
  #converted: Uint8Array | undefined

  private constructor(
    dataType: DataType,
    dims: readonly number[],
    content: Content,
    name = '',
    maxBytes = defaultLimits.tensorBytes,
  ) {
    this.dataType = dataType
    this.dims = dims
    this.#content = content
    this.size = sizeOf(dims, name)
    this.byteLength = dataType === 'string' ? stringBytes(content) : byteLengthOf(dataType, this.size)
    if (this.byteLength > maxBytes) {
      throw errors.limitExceeded(
        'tensorBytes',
        `Bytes of tensor ${errors.quote(name)}`,
        this.byteLength,
        maxBytes,
        name,
      )
    }
  }

  /** @param bytes raw little-endian data, kept as it is and not copied */
  static fromBytes(dataType: DataType, dims: readonly number[], bytes: Uint8Array): Tensor {
    const tensor = new Tensor(dataType, dims, { kind: 'bytes', bytes })
    if (dataType === 'string') throw errors.wrongDataType('', 'string', 'bytes')
    checkLength('', tensor.byteLength, bytes.length)
    return tensor
  }

  /**
   * A tensor whose data is made when the writer comes to it, once for each write.
   * @param produce gives exactly the raw little-endian bytes that type and dimensions need
   */
  static lazy(dataType: DataType, dims: readonly number[], produce: () => Uint8Array): Tensor {
    if (dataType === 'string') throw errors.wrongDataType('', 'string', 'bytes')
    return new Tensor(dataType, dims, { kind: 'lazy', produce })
  }

  static fromStrings(dims: readonly number[], strings: readonly string[]): Tensor {
    const tensor = new Tensor('string', dims, { kind: 'strings', strings })
    checkLength('', tensor.size, strings.length)
    return tensor
  }

  /** From element values, for small constants; numbers are rounded as typed arrays round. */
  static of(dataType: DataType, dims: readonly number[], values: readonly (number | bigint)[]): Tensor {
    return Tensor.fromBytes(dataType, dims, rawOf(dataType, values))
  }

  /**
   * Checks type, dimensions and length of the data against each other, and reads no external file.
   * @internal
   */
  static fromMessage(
    message: Message<'TensorProto'>,
    open: ExternalReader | undefined,
    maxBytes: number,
  ): Tensor {
    const name = message.name ?? ''
    const dataType = dataTypeOfCode(message.data_type ?? 0, name)
    const dims = (message.dims ?? []).map((dim) => {
      if (typeof dim === 'bigint' || dim < 0) throw errors.invalidDims(name, String(message.dims))
      return dim
    })
    const tensor = new Tensor(dataType, dims, { kind: 'message', message, open }, name, maxBytes)
    const external = externalLocation(message)
    if (external !== undefined) {
      ;(tensor as { external?: ExternalLocation }).external = external
      if (external.length !== undefined) checkLength(name, tensor.byteLength, external.length)
    } else checkData(tensor, message)
    return tensor
  }

  /** The name that the tensor had in the file it was read from. */
  get sourceName(): string {
    return this.#content.kind === 'message' ? (this.#content.message.name ?? '') : ''
  }

  /** @internal */
  get _message(): Message<'TensorProto'> | undefined {
    return this.#content.kind === 'message' ? this.#content.message : undefined
  }

  /**
   * The file of external data, opened; undefined where the data isn't external.
   * @throws OnnxError where it is missing or lies outside the model's folder
   */
  externalFile(): ExternalFile | undefined {
    const { external } = this
    if (external === undefined || this.#content.kind !== 'message') return undefined
    return this.#content.open?.(external.location)
  }

  /** @internal Its data isn't at hand: it is made or read when it is asked for. */
  get _isLazy(): boolean {
    return this.#content.kind === 'lazy' || this.external !== undefined
  }

  /**
   * Raw little-endian data, sub-byte elements packed: a view of the source where the source holds it so, else made or
   * read now. Not to be written to.
   * @throws OnnxError for strings, and where external data can't be read
   */
  bytes(): Uint8Array {
    return this.#bytes()
  }

  #bytes(memory?: Uint8Array): Uint8Array {
    const content = this.#content
    switch (content.kind) {
      case 'bytes':
        return content.bytes
      case 'lazy': {
        const bytes = content.produce()
        if (bytes.length !== this.byteLength)
          throw errors.producedWrongLength('', this.byteLength, bytes.length)
        return bytes
      }
      case 'strings':
        throw errors.wrongDataType('', 'string', 'bytes')
      case 'message':
        return this.#messageBytes(content.message, content.open, memory)
    }
  }

  #messageBytes(
    message: Message<'TensorProto'>,
    open: ExternalReader | undefined,
    memory: Uint8Array | undefined,
  ): Uint8Array {
    if (this.dataType === 'string') throw errors.wrongDataType(this.sourceName, 'string', 'bytes')
    // Not kept: who walks over all tensors of a model of many GB must not end up holding them.
    if (this.external !== undefined)
      return readExternal(this.sourceName, this.external, this.byteLength, open, memory)
    if (message.raw_data !== undefined) return message.raw_data
    const { field } = dataTypeInfo(this.dataType)
    const packed = (field && message[field]) ?? new Uint8Array()
    this.#converted ??= rawFromPacked(this.dataType, packed, this.size)
    return this.#converted
  }

  /**
   * Elements of a float32 tensor: a view where the data is aligned to 4 bytes, else a copy.
   * @param memory where the data may be put instead of in new memory, byteLength bytes or more, aligned; what is returned
   * is then good for no longer than what lies there
   */
  float32(memory?: Uint8Array): Float32Array {
    if (this.dataType !== 'float32') throw errors.wrongDataType(this.sourceName, this.dataType, 'float32')
    const bytes = this.#bytes(memory)
    if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, this.size)
    if (memory !== undefined) {
      memory.set(bytes)
      return new Float32Array(memory.buffer, memory.byteOffset, this.size)
    }
    // A Buffer's slice() is a view, not a copy.
    return new Float32Array(new Uint8Array(bytes).buffer)
  }

  /** Elements of a string tensor. */
  strings(): readonly string[] {
    const content = this.#content
    if (content.kind === 'strings') return content.strings
    if (this.dataType !== 'string' || content.kind !== 'message') {
      throw errors.wrongDataType(this.sourceName, this.dataType, 'string')
    }
    return (content.message.string_data ?? []).map((bytes) => decodeUtf8(bytes, 0, bytes.length))
  }

  /**
   * Elements as JavaScript values, for small tensors of anything but strings: integers exact, 64-bit ones beyond 2^53 as
   * bigint, floats of any width as numbers, bool as 0 and 1. A complex element is two numbers.
   */
  elements(): Element[] {
    return elementsOf(this.dataType, this.bytes(), this.size)
  }

  /** Elements of an integer or bool tensor as numbers, for shapes, axes and the like. */
  ints(): number[] {
    if (!/int|bool/.test(this.dataType))
      throw errors.wrongDataType(this.sourceName, this.dataType, 'integers')
    return this.elements().map((element) => {
      if (typeof element === 'number') return element
      throw errors.unsafeInteger(
        `An element of tensor ${errors.quote(this.sourceName)}`,
        element,
        'elements() gives it exactly, as bigint.',
      )
    })
  }
}

function sizeOf(dims: readonly number[], name: string): number {
  let size = 1
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) throw errors.invalidDims(name, dims.join(', '))
    size *= dim
  }
  // Other dimensions may multiply to infinity before a zero comes.
  return dims.includes(0) ? 0 : size
}

function stringBytes(content: Content): number {
  if (content.kind === 'strings')
    return content.strings.reduce((total, text) => total + encodeUtf8(text).length, 0)
  if (content.kind !== 'message') return 0
  return (content.message.string_data ?? []).reduce((total, { length }) => total + length, 0)
}

function checkLength(name: string, wanted: number, found: number): void {
  if (found < wanted) throw errors.dataTooShort(name, wanted, found)
  if (found > wanted) throw errors.dataTooLong(name, wanted, found)
}

function checkData({ dataType, size, byteLength }: Tensor, message: Message<'TensorProto'>): void {
  const name = message.name ?? ''
  // A segment holds a part of the tensor, and undefined has no element size: nothing to check against.
  if (message.segment !== undefined || dataType === 'undefined') return
  if (dataType === 'string') checkLength(name, size, message.string_data?.length ?? 0)
  else checkLength(name, byteLength, storedBytes(dataType, message))
}

/** Raw bytes that the data in the message stands for. */
function storedBytes(dataType: DataType, message: Message<'TensorProto'>): number {
  if (message.raw_data !== undefined) return message.raw_data.length
  const { bits, field } = dataTypeInfo(dataType)
  const packed = (field && message[field]) ?? new Uint8Array()
  if (field === 'float_data' || field === 'double_data') return packed.length
  // An entry holds one element, or a byte of smaller ones.
  return (countVarints(packed, 0) * Math.max(bits, 8)) / 8
}
