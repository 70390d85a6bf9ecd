import { arrayTypes, type DenseArray, type NumericType, sizeOf } from '../arrays'

/** numpy's type codes (numpy.lib.format) for the types that a model can be fed. */
const types: Readonly<Record<string, NumericType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
}

/** What an array's header says. */
export interface NpyHeader {
  readonly type: NumericType | 'string'
  readonly dims: readonly number[]
  /** Bytes of one element. */
  readonly width: number
  /** Whether elements lie in Fortran's order, the first axis fastest. */
  readonly columnMajor: boolean
  /** Where the elements begin. */
  readonly start: number
}

/** A header is never longer: enough of a file's beginning to read it. */
export const npyHeaderBytes = 2 ** 16 + 12

/**
 * Reads the header of numpy's .npy format, versions 1 to 3.
 * @param bytes the array, or its first `npyHeaderBytes`
 * @param total bytes of the whole array
 * @throws Error that says what is wrong, without the file's name
 */
export function npyHeader(bytes: Uint8Array, total: number): NpyHeader {
  const { header, start } = headerOf(bytes)
  const descr = /['"]descr['"]\s*:\s*(?:'([^']*)'|"([^"]*)")/.exec(header)
  const code = descr?.[1] ?? descr?.[2]
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1]
  const shape = /['"]shape['"]\s*:\s*\(([^)]*)\)/.exec(header)?.[1]
  if (order === undefined || shape === undefined) throw new Error('the header of the array is damaged')
  if (code === undefined) throw new Error('structured arrays are not supported')
  const dims = dimsOf(shape)
  const [, endian = '', kind = '', digits = ''] = /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(code) ?? []
  if (endian === '>' && digits !== '1')
    throw new Error('big-endian arrays are not supported: save it with .astype("<f4") or the like')
  const type = kind === 'U' ? 'string' : types[kind === '?' ? 'b1' : `${kind}${digits}`]
  if (type === undefined) throw new Error(`arrays of type '${code.slice(0, 20)}' are not supported`)
  const width = type === 'string' ? Number(digits) * 4 : arrayTypes[type].BYTES_PER_ELEMENT
  const byteLength = sizeOf(dims) * width
  if (width === 0) throw new Error('arrays of strings without characters are not supported')
  if (!Number.isSafeInteger(byteLength)) throw new Error('the shape of the array is impossible')
  if (total - start < byteLength)
    throw new Error(`the array is cut off: ${total - start} of ${byteLength} bytes are there`)
  return { type, dims, width, columnMajor: order === 'True' && dims.length > 1, start }
}

/**
 * Elements as their type holds them.
 * @param bytes of elements that follow each other; they are taken over, not copied
 */
export function npyElements({ type, width }: NpyHeader, bytes: Uint8Array<ArrayBuffer>): DenseArray['data'] {
  if (type === 'string') return unicode(bytes, width)
  const ArrayType = arrayTypes[type]
  return new ArrayType(bytes.buffer, bytes.byteOffset, bytes.byteLength / ArrayType.BYTES_PER_ELEMENT)
}

/**
 * Reads one array in numpy's .npy format, versions 1 to 3, either order; unicode strings too.
 * @throws Error that says what is wrong, without the file's name
 */
export function readNpy(bytes: Uint8Array): DenseArray {
  const header = npyHeader(bytes, bytes.byteLength)
  const { type, dims, start, width } = header
  // A copy, because an .npz keeps its arrays at odd offsets; slice() of a Buffer would be none.
  const elements = Uint8Array.from(bytes.subarray(start, start + sizeOf(dims) * width))
  return { type, dims, data: inRows(npyElements(header, elements), header) }
}

function headerOf(bytes: Uint8Array): { header: string; start: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] // \x93NUMPY
  if (bytes.byteLength < 12 || magic.some((byte, index) => bytes[index] !== byte))
    throw new Error('this is no .npy array')
  const version = bytes[6] ?? 0
  if (version < 1 || version > 3) throw new Error(`version ${version} of the .npy format is not known`)
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  const begin = version === 1 ? 10 : 12
  if (length > 1 << 16 || begin + length > bytes.byteLength)
    throw new Error('the header of the array is cut off')
  const decoder = new TextDecoder(version === 3 ? 'utf-8' : 'latin1')
  return { header: decoder.decode(bytes.subarray(begin, begin + length)), start: begin + length }
}

function dimsOf(shape: string): number[] {
  const dims = shape
    .split(',')
    .map((dim) => dim.trim())
    .filter((dim) => dim !== '')
    .map((dim) => (/^\d+L?$/.test(dim) ? Number.parseInt(dim, 10) : Number.NaN))
  if (dims.length > 32 || dims.some((dim) => !Number.isSafeInteger(dim)))
    throw new Error('the shape of the array is damaged')
  return dims
}

/** Fixed-width strings of UTF-32 code units, padded with zeros. */
function unicode(bytes: Uint8Array, width: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength / width }, (_, index) => {
    let text = ''
    for (let at = index * width; at < (index + 1) * width; at += 4) {
      const point = view.getUint32(at, true)
      if (point > 0x10ffff) throw new Error('a string in the array is damaged')
      text += String.fromCodePoint(point)
    }
    return text.replace(/\0+$/, '')
  })
}

/** Column-major (Fortran) elements put into row-major order. */
export function inRows<D extends DenseArray['data']>(data: D, { dims, columnMajor }: NpyHeader): D {
  if (!columnMajor) return data
  const rows = data.slice() as D
  const target = rows as { [index: number]: unknown }
  const strides = dims.map((_, axis) => sizeOf(dims.slice(0, axis)))
  const position = dims.map(() => 0)
  for (let index = 0; index < data.length; index++) {
    let from = 0
    for (let axis = 0; axis < dims.length; axis++) from += (position[axis] ?? 0) * (strides[axis] ?? 0)
    target[index] = data[from]
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (position[axis] ?? 0) + 1
      position[axis] = next < (dims[axis] ?? 0) ? next : 0
      if (next < (dims[axis] ?? 0)) break
    }
  }
  return rows
}
