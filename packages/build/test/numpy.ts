/** Writes numpy files, for tests. */
import { zipSync } from 'fflate'

export interface Array {
  readonly dims: readonly number[]
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array
}

const codes = new Map<unknown, string>([
  [Float32Array, '<f4'],
  [Float64Array, '<f8'],
  [Int32Array, '<i4'],
  [BigInt64Array, '<i8'],
  [Uint8Array, '|u1'],
])

export function npy({ dims, data }: Array): Uint8Array {
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ')
  const header = `{'descr': '${codes.get(data.constructor)}', 'fortran_order': False, 'shape': (${shape}), }`
  const text = `${header.padEnd(128 - 11)}\n`
  const start = Buffer.from(
    `\x93NUMPY\x01\x00${String.fromCharCode(text.length & 255, text.length >> 8)}${text}`,
    'latin1',
  )
  return Buffer.concat([start, Buffer.from(data.buffer, data.byteOffset, data.byteLength)])
}

export const npz = (arrays: Record<string, Array>): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(array)])), {
    level: 0,
  })
