import { closeSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { checkModelBytes, type ExternalFile, type ExternalReader } from '@unplugin-onnx/core'
import { ExternalFiles } from './external'
import type { InputLimits } from './limits'
import { openRegular } from './open-file'
import { skim } from './skim'

/** From this size on the weights stay in the file until they're asked for. */
const LARGE = 1 << 25

/** A model file whose bytes and external data are there for as long as it's open. */
export interface OpenModel {
  /** For readModel: the whole file, or of a large one all but its large tensors. */
  readonly bytes: Uint8Array
  readonly external: ExternalReader
  /** Of the file itself. */
  readonly byteLength: number
  /** The location of external data that is this file itself, where it is read so. */
  readonly itself?: string
  close(): void
}

/**
 * Opens a model for readModel. Large tensors of large files are read when they're asked for, each time anew, so that
 * memory doesn't grow with the model: what core sees are external tensors in a file that is the model itself.
 * @param name for messages
 * @param large bytes from which on a file is large; 32 MiB unless said otherwise
 * @throws OnnxError ONNX_LIMIT_EXCEEDED; the system's error, or NotAFile, where it can't be read
 */
export function openModelFile(
  path: string,
  name: string,
  large = LARGE,
  limits: Partial<InputLimits> = {},
): OpenModel {
  const files = new ExternalFiles(path, name)
  const { descriptor, stats } = openRegular(path)
  const { size } = stats
  let skimmed: ReturnType<typeof skim>
  try {
    checkModelBytes(size, limits)
    if (size >= large)
      skimmed = skim((offset, length) => readAt(descriptor, offset, new Uint8Array(length)), size)
    if (skimmed === undefined) {
      const bytes = plain(readFileSync(descriptor))
      closeSync(descriptor)
      return { bytes, external: files.reader, byteLength: bytes.byteLength, close: () => files.close() }
    }
  } catch (cause) {
    closeSync(descriptor)
    throw cause
  }
  const itself: ExternalFile = {
    byteLength: size,
    path: realpathSync(path),
    read: (offset, length) => readAt(descriptor, offset, new Uint8Array(length)),
    readInto(offset, target) {
      if (readAt(descriptor, offset, target).length < target.length)
        throw new RangeError(`the model ends before byte ${offset + target.length}`)
    },
  }
  return {
    bytes: skimmed.bytes,
    external: (location) => (location === skimmed.location ? itself : files.reader(location)),
    byteLength: size,
    itself: skimmed.location,
    close() {
      closeSync(descriptor)
      files.close()
    },
  }
}

/** slice() of a Buffer is a view. */
const plain = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Fewer bytes than asked for only at the end of the file. */
function readAt(descriptor: number, offset: number, bytes: Uint8Array): Uint8Array {
  let done = 0
  while (done < bytes.length) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, offset + done)
    if (count === 0) return bytes.subarray(0, done)
    done += count
  }
  return bytes
}
