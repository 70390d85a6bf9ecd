import { inflateRawSync } from 'node:zlib'

export interface NpyArray {
  readonly dtype: string
  readonly dims: readonly number[]
  readonly data: Float32Array | BigInt64Array | Uint8Array
}

/** Arrays of a .npz, a zip of .npy files, by name. For the fixtures beside the tests; it checks nothing. */
export function readNpz(zip: Buffer): Record<string, NpyArray> {
  const arrays: Record<string, NpyArray> = {}
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  let entry = zip.readUInt32LE(end + 16)
  for (let count = zip.readUInt16LE(end + 10); count > 0; count--) {
    const [method, size] = [zip.readUInt16LE(entry + 10), zip.readUInt32LE(entry + 20)]
    const nameLength = zip.readUInt16LE(entry + 28)
    const local = zip.readUInt32LE(entry + 42)
    const name = zip.toString('utf8', entry + 46, entry + 46 + nameLength).replace(/\.npy$/, '')
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    const stored = zip.subarray(start, start + size)
    arrays[name] = readNpy(method === 0 ? stored : inflateRawSync(stored))
    entry += 46 + nameLength + zip.readUInt16LE(entry + 30) + zip.readUInt16LE(entry + 32)
  }
  return arrays
}

function readNpy(file: Buffer): NpyArray {
  const headerLength = file.readUInt16LE(8)
  const header = file.toString('latin1', 10, 10 + headerLength)
  const dtype = /'descr': '(.*?)'/.exec(header)?.[1] ?? ''
  const dims = (/'shape': \((.*?)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number)
  const { buffer } = new Uint8Array(file.subarray(10 + headerLength))
  const data =
    dtype === '<f4'
      ? new Float32Array(buffer)
      : dtype === '<i8'
        ? new BigInt64Array(buffer)
        : new Uint8Array(buffer)
  return { dtype, dims, data }
}
