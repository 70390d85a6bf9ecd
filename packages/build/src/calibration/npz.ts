import { createRequire } from 'node:module'
import { OnnxError } from '@unplugin-onnx/core/catalog'
import type { DenseArray } from '../arrays'
import { checkUnzipped, type InputLimits } from '../limits'
import { readNpy } from './npy'

const maxBytes = 2 ** 31

/** Loaded with the first archive: it takes as long as all the rest of what most commands need. */
const fflate = (): typeof import('fflate') => createRequire(import.meta.url)('fflate')

/**
 * Reads the arrays of a numpy .npz (savez and savez_compressed), by name.
 * @throws Error that says what is wrong, without the file's name; OnnxError ONNX_LIMIT_EXCEEDED
 */
export function readNpz(
  bytes: Uint8Array,
  limits?: Pick<InputLimits, 'unzipRatio'>,
): Map<string, DenseArray> {
  let total = 0
  const files = unzip(bytes, (size) => {
    total += size
    checkUnzipped(bytes.byteLength, total, limits)
    return total <= maxBytes
  })
  if (total > maxBytes) throw new Error('the arrays are larger than 2 GiB: give fewer rows')
  const arrays = new Map<string, DenseArray>()
  for (const [file, content] of Object.entries(files)) {
    const name = file.slice(0, -'.npy'.length)
    try {
      arrays.set(name, readNpy(content))
    } catch (cause) {
      throw new Error(`'${name}': ${cause instanceof Error ? cause.message : String(cause)}`)
    }
  }
  if (arrays.size === 0) throw new Error('there is no array in it')
  return arrays
}

function unzip(bytes: Uint8Array, fits: (size: number) => boolean): Record<string, Uint8Array> {
  try {
    return fflate().unzipSync(bytes, {
      filter: ({ name, originalSize }) => name.endsWith('.npy') && fits(originalSize),
    })
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    throw new Error(
      `this is no readable .npz archive (${cause instanceof Error ? cause.message : String(cause)})`,
    )
  }
}
