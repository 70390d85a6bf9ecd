import { createRequire } from 'node:module'
import type { DenseArray } from '../arrays'
import type { InputLimits } from '../limits'
import { npzArrays } from './npz'

/**
 * Reads the arrays of a numpy .npz. fflate is loaded with the first: it takes as long as all the rest of what most commands
 * need.
 * @throws Error that says what is wrong, without the file's name; OnnxError ONNX_LIMIT_EXCEEDED
 */
export function readNpz(
  bytes: Uint8Array,
  limits?: Pick<InputLimits, 'unzipRatio'>,
): Map<string, DenseArray> {
  const { unzipSync } = createRequire(import.meta.url)('fflate') as typeof import('fflate')
  return npzArrays(bytes, unzipSync, limits)
}
