import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { constants, createBrotliCompress } from 'node:zlib'

/** Large models get a quality that still ends within seconds, however many files they are; hosts do the same. */
const largeBytes = 64 * 2 ** 20

export async function compress(paths: readonly string[]): Promise<number> {
  let total = 0
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const all = sizes.reduce((sum, size) => sum + size, 0)
  for (const [index, path] of paths.entries()) {
    const size = sizes[index] ?? 0
    const brotli = createBrotliCompress({
      params: {
        [constants.BROTLI_PARAM_QUALITY]: all <= largeBytes ? 9 : 5,
        [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 31 - 1),
      },
    })
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }).pipe(brotli)) {
      total += (chunk as Buffer).byteLength
    }
  }
  return total
}
