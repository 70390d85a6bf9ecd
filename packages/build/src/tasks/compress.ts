import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { constants, createBrotliCompress } from 'node:zlib'
import type { Sizes } from './task'

/** Large models get a quality that still ends within seconds, however many files they are; hosts do the same. */
const largeBytes = 64 * 2 ** 20

export async function compress(files: readonly string[], folder = ''): Promise<Sizes> {
  let brotliBytes = 0
  const paths = files.map((file) => resolve(folder, file))
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  for (const [index, path] of paths.entries()) {
    const size = sizes[index] ?? 0
    const brotli = createBrotliCompress({
      params: {
        [constants.BROTLI_PARAM_QUALITY]: bytes <= largeBytes ? 9 : 5,
        [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 31 - 1),
      },
    })
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }).pipe(brotli)) {
      brotliBytes += (chunk as Buffer).byteLength
    }
  }
  return { bytes, brotliBytes }
}
