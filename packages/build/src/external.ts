import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import type { ExternalFile, ExternalReader } from '@unplugin-onnx/core'
import { errors } from './errors'
import { leadsOut } from './external-location'

/**
 * The real path of a model's external data. It has to lie in the model's own folder, links resolved on both sides
 * (CVE-2022-25882, CVE-2024-27318: `..` inside the location; later ones: symlinked parents).
 * @throws OnnxError ONNX_EXTERNAL_DATA_ESCAPES, ONNX_EXTERNAL_DATA_MISSING
 */
export function resolveExternal(modelPath: string, model: string, location: string): string {
  const parts = location.split(/[/\\]/)
  if (leadsOut(location)) throw errors.externalEscapes(model, location)
  let real: string
  try {
    real = realpathSync(join(dirname(modelPath), ...parts))
  } catch {
    throw errors.externalMissing(model, location)
  }
  // Model and data may both be links into one store, as in Hugging Face's cache: the model's folder there counts too.
  const folders = [realpathSync(dirname(modelPath)), dirname(realpathSync(modelPath))]
  if (!folders.some((folder) => contains(folder, real))) throw errors.externalEscapes(model, location)
  return real
}

function contains(folder: string, path: string): boolean {
  const inside = relative(folder, path)
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
}

/** Opens external data once for each location and reads ranges of it on demand. */
export class ExternalFiles {
  readonly #open = new Map<string, { readonly descriptor: number; readonly file: ExternalFile }>()
  readonly #modelPath: string
  readonly #model: string

  constructor(modelPath: string, model: string) {
    this.#modelPath = modelPath
    this.#model = model
  }

  /** For readModel's `external`. */
  readonly reader: ExternalReader = (location) => {
    const known = this.#open.get(location)
    if (known) return known.file
    const opened = this.#openFile(location)
    this.#open.set(location, opened)
    return opened.file
  }

  close(): void {
    for (const { descriptor } of this.#open.values()) closeSync(descriptor)
    this.#open.clear()
  }

  #openFile(location: string): { descriptor: number; file: ExternalFile } {
    const path = resolveExternal(this.#modelPath, this.#model, location)
    // A named pipe would block the open for ever, were it not for O_NONBLOCK.
    const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) {
      closeSync(descriptor)
      throw errors.externalNotAFile(this.#model, location)
    }
    const file: ExternalFile = {
      byteLength: stats.size,
      path,
      read: (offset, length) => readRange(descriptor, offset, new Uint8Array(length)),
      readInto: (offset, target) => void readRange(descriptor, offset, target),
    }
    return { descriptor, file }
  }
}

function readRange(descriptor: number, offset: number, bytes: Uint8Array): Uint8Array {
  let done = 0
  while (done < bytes.length) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, offset + done)
    if (count === 0) throw new RangeError(`external data ends at byte ${offset + done}`)
    done += count
  }
  return bytes
}
