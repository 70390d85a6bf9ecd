import type { ExternalFile, ExternalReader } from '@unplugin-onnx/core'
import type { ExternalData } from '../engine'
import { errors } from '../errors'
import { leadsOut } from '../external-location'

/** A model and what lies beside it, in memory. */
export interface MemoryModel {
  /** Name of its file. */
  readonly name: string
  readonly bytes: Uint8Array
  /** External data by file name: files that are handed to a page have no folder. */
  readonly beside: ReadonlyMap<string, Uint8Array>
}

/**
 * The file that a location of external data means.
 * @throws OnnxError ONNX_EXTERNAL_DATA_ESCAPES, ONNX_EXTERNAL_DATA_MISSING
 */
export function dataBeside({ name, beside }: MemoryModel, location: string): Uint8Array {
  if (leadsOut(location)) throw errors.externalEscapes(name, location)
  const data = beside.get(location.split(/[/\\]/).at(-1) ?? '')
  if (data === undefined) throw errors.externalMissing(name, location)
  return data
}

/** For readModel. */
export const readerOf =
  (model: MemoryModel): ExternalReader =>
  (location): ExternalFile => {
    const data = dataBeside(model, location)
    return { byteLength: data.length, read: (offset, length) => data.subarray(offset, offset + length) }
  }

/** As engines take it. */
export const externalDataOf = (model: MemoryModel, locations: readonly string[]): ExternalData[] =>
  locations.map((location) => ({ path: location, data: dataBeside(model, location) }))
