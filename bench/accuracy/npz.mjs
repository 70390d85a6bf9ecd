/** Reads arrays of .npz files, through the build's own reader. */
import { readFileSync } from 'node:fs'
import { readNpz as read } from '@unplugin-onnx/build'

export const readNpz = (file) => Object.fromEntries(read(readFileSync(file)))

export const sizeOf = (dims) => dims.reduce((size, dim) => size * dim, 1)

/** Rows of an array, without a copy. */
export function rows({ type, data, dims }, from, count) {
  const each = sizeOf(dims.slice(1))
  return { type, data: data.subarray(from * each, (from + count) * each), dims: [count, ...dims.slice(1)] }
}
