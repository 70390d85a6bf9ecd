import { createHash } from 'node:crypto'
import { close, fstat, read } from 'node:fs'
import { promisify } from 'node:util'
import { openRegular } from './open-file'

export interface HashedFile {
  readonly path: string
  readonly bytes: number
  readonly mtimeMs: number
  /** Lowercase hexadecimal. */
  readonly sha256: string
}

const chunkBytes = 1 << 20

const readAt = promisify(read)
const statsOf = promisify(fstat)
const closed = promisify(close)

/**
 * Hashes a file piece by piece, so that a model of several GB costs 1 MB of memory.
 * @throws NotAFile; the system's error
 */
export async function hashFile(path: string): Promise<HashedFile> {
  return hashOpen({ ...openRegular(path), path })
}

/** Hashes a file that is open, and closes it. */
export async function hashOpen({
  descriptor,
  path,
}: {
  readonly descriptor: number
  readonly path: string
}): Promise<HashedFile> {
  try {
    const { mtimeMs, size } = await statsOf(descriptor)
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(chunkBytes, size)))
    let bytes = 0
    for (;;) {
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, bytes)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      bytes += bytesRead
    }
    return { path, bytes, mtimeMs, sha256: hash.digest('hex') }
  } finally {
    await closed(descriptor)
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
