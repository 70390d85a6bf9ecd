import { arrayRows } from '../calibration/array-rows'
import type { StoredArrays } from '../calibration/numpy-file'
import { complaints } from '../calibration/signature'
import { completed, sourceOf } from '../calibration/source-of'
import { engineMessage, errors, hasAborted } from '../errors'
import type { Kept, Sample, SampleSet, Workbench } from '../tasks/workbench'
import { externalDataOf, type MemoryModel, readerOf } from './memory-model'

/** Lowercase hexadecimal. Browsers have it on https and on this machine only. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A workbench whose files are read when the work is done. */
export interface WorkInMemory extends Workbench {
  readonly files: ReadonlyMap<string, Uint8Array>
}

/**
 * What tasks work with where there are no files.
 * @param locations of the model's external data
 * @param inputs arrays to verify on, where there are some
 */
export function workInMemory(
  model: MemoryModel,
  locations: readonly string[],
  inputs?: StoredArrays,
): WorkInMemory {
  const files = new Map<string, Uint8Array>()
  const hashes = new Map<Uint8Array, string>()
  const samples = new Map<string, Sample>()
  const source = { bytes: model.bytes, external: readerOf(model), close: () => undefined }
  const file = (name: string): Uint8Array => {
    const bytes = files.get(name)
    if (bytes === undefined) throw new Error(`nothing was written to ${name}`)
    return bytes
  }
  return {
    files,
    openSource: () => ({ ...source, externalData: () => externalDataOf(model, locations) }),
    open: (name) => (name === undefined ? source : { ...source, bytes: file(name) }),
    async keep(name, chunks): Promise<Kept> {
      const bytes = joined(chunks)
      const sha256 = await sha256Of(bytes)
      files.set(name, bytes)
      hashes.set(bytes, sha256)
      return { bytes: bytes.length, sha256 }
    },
    async read(name, sha256) {
      const bytes = file(name)
      return hashes.get(bytes) === sha256 ? bytes : undefined
    },
    keepSample: (set: SampleSet, index, sample) => void samples.set(`${set}.${index}`, sample),
    sample(set, index) {
      const sample = samples.get(`${set}.${index}`)
      if (sample === undefined) throw new RangeError(`there is no sample ${index} of ${set}`)
      return sample
    },
    async openCalibration(data, sampled) {
      if (inputs === undefined) throw new Error('there are no inputs')
      const complain = complaints(sampled.name, data.name)
      const rows = await completed(arrayRows(inputs, sampled.inspection.inputs, false, complain), sampled)
      return sourceOf(rows, 'calibration', complain, rows.close)
    },
    async problemOf(cause) {
      // A candidate less would be no help: there is no other engine in a page.
      if (hasAborted(cause)) throw errors.engineFailed(model.name, 'onnxruntime-web', cause)
      return engineMessage(cause)
    },
  }
}

/** Chunks may be views of memory that the next one is written to. */
function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  const parts = Array.from(chunks, (chunk) => chunk.slice())
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}
