import { errors, isOfSystem } from './errors'
import { readBytes } from './read-bytes'

/**
 * Does something with files of a work folder. What goes wrong there is the disk's fault: it fails the conversion, and no
 * candidate is dropped for it.
 * @throws OnnxError ONNX_NOT_WRITTEN
 */
export function onDisk<T>(action: () => T): T {
  try {
    return action()
  } catch (cause) {
    throw isOfSystem(cause) ? errors.notWritten(undefined, cause) : cause
  }
}

export const readWork = (path: string): Uint8Array => onDisk(() => readBytes(path))
