import { closeSync, readFileSync } from 'node:fs'
import { openRegular } from './open-file'

/**
 * A file's bytes as a plain Uint8Array: slice() of a Buffer is a view, and code that wants a copy of bytes relies on it.
 * @throws NotAFile; the system's error
 */
export function readBytes(path: string): Uint8Array {
  const { descriptor } = openRegular(path)
  try {
    const { buffer, byteOffset, byteLength } = readFileSync(descriptor)
    return new Uint8Array(buffer, byteOffset, byteLength)
  } finally {
    closeSync(descriptor)
  }
}
