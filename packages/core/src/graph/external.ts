import * as errors from '../errors'
import type { Message } from '../onnx/message'

/** A file that holds data of tensors, as whoever reads the model hands it in. */
export interface ExternalFile {
  readonly byteLength: number
  /** Its real path, for engines that read it themselves; absent where it is no file of the system's. */
  readonly path?: string
  /** Exactly these bytes; `offset + length` is at most `byteLength`. */
  read(offset: number, length: number): Uint8Array
  /** Fills `target` with the bytes from `offset` on, where the file can do that; new memory for each tensor costs time. */
  readInto?(offset: number, target: Uint8Array): void
}

/**
 * Opens the external data file of a location, relative to the model. Called at most once for a location, when a tensor
 * in it is first read. Throws an OnnxError where the file is missing or lies outside the model's folder.
 */
export type ExternalReader = (location: string) => ExternalFile

/** Where a tensor's data lies. */
export interface ExternalLocation {
  /** POSIX path relative to the model, as the model says it: not checked. */
  readonly location: string
  /** Bytes from the start of the file. */
  readonly offset: number
  /** In bytes; absent where the model leaves it to the tensor's type and dimensions. */
  readonly length: number | undefined
}

/** TensorProto.DataLocation */
export const EXTERNAL = 1

export function externalLocation(message: Message<'TensorProto'>): ExternalLocation | undefined {
  if (message.data_location !== EXTERNAL) return undefined
  const tensor = message.name ?? ''
  const entries = new Map(message.external_data?.map(({ key = '', value = '' }) => [key, value]))
  const location = entries.get('location')
  if (location === undefined || location === '') throw errors.externalInvalid(tensor, 'names no file')
  const number = (key: string): number | undefined => {
    const text = entries.get(key)
    if (text === undefined) return undefined
    const value = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw errors.externalInvalid(tensor, `has the ${key} ${errors.quote(text)}`)
    }
    return value
  }
  return { location, offset: number('offset') ?? 0, length: number('length') }
}

export function readExternal(
  tensor: string,
  { location, offset }: ExternalLocation,
  byteLength: number,
  open: ExternalReader | undefined,
  memory?: Uint8Array,
): Uint8Array {
  if (open === undefined) throw errors.externalNoReader(location, tensor)
  const file = open(location)
  if (offset + byteLength > file.byteLength) {
    throw errors.externalTooShort(location, tensor, offset + byteLength, file.byteLength)
  }
  if (memory !== undefined && file.readInto !== undefined) {
    const target = memory.subarray(0, byteLength)
    file.readInto(offset, target)
    return target
  }
  const bytes = file.read(offset, byteLength)
  if (bytes.length !== byteLength) {
    throw errors.externalTooShort(location, tensor, offset + byteLength, offset + bytes.length)
  }
  return bytes
}
