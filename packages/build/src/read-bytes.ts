import { readFileSync } from 'node:fs'

/** A file's bytes as a plain Uint8Array: slice() of a Buffer is a view, and code that wants a copy of bytes relies on it. */
export function readBytes(path: string): Uint8Array {
  const { buffer, byteOffset, byteLength } = readFileSync(path)
  return new Uint8Array(buffer, byteOffset, byteLength)
}
