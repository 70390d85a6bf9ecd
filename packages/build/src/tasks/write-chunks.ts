import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { onDisk } from '../work-files'

/** Writes a file piece by piece, and hashes it on the way. */
export function writeChunks(path: string, chunks: Iterable<Uint8Array>): { bytes: number; sha256: string } {
  const descriptor = onDisk(() => openSync(path, 'w'))
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for (const chunk of chunks) {
      onDisk(() => {
        for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done)
      })
      hash.update(chunk)
      bytes += chunk.length
    }
  } finally {
    closeSync(descriptor)
  }
  return { bytes, sha256: hash.digest('hex') }
}
