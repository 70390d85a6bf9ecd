import { OnnxError } from '@unplugin-onnx/core/catalog'
import type { DenseArray } from '../arrays'
import { checkUnzipped, type InputLimits } from '../limits'
import { readNpy } from './npy'

const maxBytes = 2 ** 31

type Unzip = typeof import('fflate')['unzipSync']

/**
 * Reads the arrays of a numpy .npz (savez and savez_compressed), by name.
 * @param unzipSync of fflate
 * @throws Error that says what is wrong, without the file's name; OnnxError ONNX_LIMIT_EXCEEDED
 */
export function npzArrays(
  bytes: Uint8Array,
  unzipSync: Unzip,
  limits?: Pick<InputLimits, 'unzipRatio'>,
): Map<string, DenseArray> {
  let total = 0
  const files = unzip(bytes, unzipSync, (size) => {
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

function unzip(
  bytes: Uint8Array,
  unzipSync: Unzip,
  fits: (size: number) => boolean,
): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, {
      filter: ({ name, originalSize }) => name.endsWith('.npy') && fits(originalSize),
    })
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    throw new Error(
      `this is no readable .npz archive (${cause instanceof Error ? cause.message : String(cause)})`,
    )
  }
}
