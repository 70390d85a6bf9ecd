import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { constants, createBrotliCompress } from 'node:zlib'

/** Large files get a quality that still ends within seconds; hosts do the same. */
const largeBytes = 64 * 2 ** 20

export async function compress(paths: readonly string[]): Promise<number> {
  let total = 0
  for (const path of paths) {
    const { size } = await stat(path)
    const brotli = createBrotliCompress({
      params: {
        [constants.BROTLI_PARAM_QUALITY]: size <= largeBytes ? 9 : 5,
        [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 31 - 1),
      },
    })
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }).pipe(brotli)) {
      total += (chunk as Buffer).byteLength
    }
  }
  return total
}
