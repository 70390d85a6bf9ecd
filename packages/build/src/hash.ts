import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

export interface HashedFile {
  readonly path: string
  readonly bytes: number
  readonly mtimeMs: number
  /** Lowercase hexadecimal. */
  readonly sha256: string
}

const chunkBytes = 1 << 20

/** Hashes a file piece by piece, so that a model of several GB costs 1 MB of memory. */
export async function hashFile(path: string): Promise<HashedFile> {
  const handle = await open(path, 'r')
  try {
    const { mtimeMs, size } = await handle.stat()
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(chunkBytes, size)))
    let bytes = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, bytes)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      bytes += bytesRead
    }
    return { path, bytes, mtimeMs, sha256: hash.digest('hex') }
  } finally {
    await handle.close()
  }
}

/** sha256 of text or bytes in lowercase hexadecimal. */
export const sha256 = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex')

/** sha256 of a text and of what it is kept under: it holds nowhere else. */
export const sealOf = (key: string, text: string): string => sha256(`${key}\n${text}`)

/** JSON with sorted keys: equal values give equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}
