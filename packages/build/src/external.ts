import { closeSync, constants, lstatSync, readSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import type { ExternalFile, ExternalReader } from '@unplugin-onnx/core'
import { errors } from './errors'
import { leadsOut } from './external-location'
import { NotAFile, type OpenFile, openRegular } from './open-file'

/** External data that is open. */
export interface OpenExternal extends OpenFile {
  /** Its real path. */
  readonly path: string
}

/**
 * Opens a model's external data, which has to lie in the model's own folder, links resolved on both sides. The ways out that the onnx
 * package once took (CVE-2022-25882, CVE-2024-27318, CVE-2026-27489, CVE-2026-34446, CVE-2026-34447): `..` anywhere in the location,
 * a link in the place of the file or of a folder above it, a hard link, and what changes between the check and the use. What is open
 * is held against the path once more, and nobody opens it again.
 * @throws OnnxError ONNX_EXTERNAL_DATA_ESCAPES, ONNX_EXTERNAL_DATA_LINKED, ONNX_EXTERNAL_DATA_MISSING,
 *   ONNX_EXTERNAL_DATA_NOT_A_FILE
 */
export function openExternal(modelPath: string, model: string, location: string): OpenExternal {
  const path = resolveExternal(modelPath, model, location)
  const opened = openChecked(path, model, location)
  try {
    if (resolveExternal(modelPath, model, location) !== path || !isAt(path, opened))
      throw errors.externalEscapes(model, location)
    if (opened.stats.nlink > 1 && !isInPackage(modelPath)) throw errors.externalLinked(model, location)
    return { ...opened, path }
  } catch (cause) {
    closeSync(opened.descriptor)
    throw cause
  }
}

function resolveExternal(modelPath: string, model: string, location: string): string {
  const parts = location.split(/[/\\]/)
  const hostile =
    leadsOut(location) ||
    // A stream of NTFS (`weights.bin:hidden`), or a device that has a name in every folder of Windows.
    (sep === '\\' && parts.some((part) => part.includes(':') || windowsDevice.test(part)))
  if (hostile) throw errors.externalEscapes(model, location)
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

const windowsDevice = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

function contains(folder: string, path: string): boolean {
  const inside = relative(folder, path)
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
}

/** A real path ends in no link: what has become one since is followed by no open. */
function openChecked(path: string, model: string, location: string): OpenFile {
  try {
    return openRegular(path, constants.O_NOFOLLOW ?? 0)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (cause instanceof NotAFile || code === 'ENXIO' || code === 'ENODEV')
      throw errors.externalNotAFile(model, location)
    if (code === 'ELOOP' || code === 'EMLINK') throw errors.externalEscapes(model, location)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw errors.externalMissing(model, location)
    throw errors.modelUnreadable(model, cause)
  }
}

/** Whether a path still leads to what is open. */
function isAt(path: string, { stats }: OpenFile): boolean {
  const now = lstatSync(path, { throwIfNoEntry: false })
  return now !== undefined && now.ino === stats.ino && now.dev === stats.dev
}

/** Package managers link the files of packages out of their stores, and unpack no links that a package brings along. */
const isInPackage = (modelPath: string): boolean =>
  realpathSync(dirname(modelPath)).split(sep).includes('node_modules')

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
    const { descriptor, stats, path } = openExternal(this.#modelPath, this.#model, location)
    const file: ExternalFile = {
      byteLength: stats.size,
      path,
      read: (offset, length) => readRange(descriptor, offset, new Uint8Array(length)),
      readInto: (offset, target) => void readRange(descriptor, offset, target),
    }
    return { descriptor, file }
  }
}

/** All bytes of external data, in memory. */
export function readExternalFile(modelPath: string, model: string, location: string): Uint8Array {
  const { descriptor, stats } = openExternal(modelPath, model, location)
  try {
    return readRange(descriptor, 0, new Uint8Array(stats.size))
  } finally {
    closeSync(descriptor)
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
