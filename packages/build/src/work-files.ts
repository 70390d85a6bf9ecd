import { OnnxError } from '@unplugin-onnx/core'
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

/** Whether a file could not be kept or read again, whatever it was wanted for. */
export const isOfDisk = (cause: unknown): boolean =>
  cause instanceof OnnxError && cause.code === 'ONNX_NOT_WRITTEN'

export const readWork = (path: string): Uint8Array => onDisk(() => readBytes(path))
