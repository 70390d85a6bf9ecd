/**
 * How the elements of a tensor, seen as [outer, size, inner], form rows that are quantized one by one: along the middle
 * axis, so that there are outer * inner rows, or across it, so that each of its `size` indices is a row.
 */
export interface RowOrder {
  readonly outer: number
  readonly size: number
  readonly inner: number
  readonly along: boolean
}

export function rowOrder(dims: readonly number[], axis: number | undefined, along: boolean): RowOrder {
  const product = (from: number, to: number) => dims.slice(from, to).reduce((size, each) => size * each, 1)
  if (axis === undefined) return { outer: 1, size: 1, inner: product(0, dims.length), along: false }
  return { outer: product(0, axis), size: dims[axis] ?? 1, inner: product(axis + 1, dims.length), along }
}

export const rowCount = ({ outer, size, inner, along }: RowOrder): number => (along ? outer * inner : size)
export const columnCount = ({ outer, size, inner, along }: RowOrder): number => (along ? size : outer * inner)

/** The data is [rows, columns] as it lies. */
export const isRowMajor = ({ outer, inner, along }: RowOrder): boolean => (along ? inner : outer) === 1
/** The data is [columns, rows] as it lies. */
export const isColumnMajor = ({ outer, inner, along }: RowOrder): boolean => (along ? outer : inner) === 1

/** Walks through rows in order and gives where each run of elements begins, how many there are, and how far apart. */
function eachRun(
  { outer, size, inner, along }: RowOrder,
  visit: (row: number, column: number, start: number, count: number, step: number) => void,
): void {
  if (along) {
    for (let row = 0; row < outer * inner; row++)
      visit(row, 0, Math.floor(row / inner) * size * inner + (row % inner), size, inner)
    return
  }
  for (let row = 0; row < size; row++) {
    if (inner === 1) visit(row, 0, row, outer, size)
    else
      for (let block = 0; block < outer; block++)
        visit(row, block * inner, (block * size + row) * inner, inner, 1)
  }
}

/** The data as [rows, columns]: itself where it lies so. */
export function toRows(data: Float32Array, order: RowOrder): Float32Array {
  if (isRowMajor(order)) return data
  const rows = new Float32Array(data.length)
  const columns = columnCount(order)
  eachRun(order, (row, column, start, count, step) => {
    const at = row * columns + column
    for (let index = 0; index < count; index++) rows[at + index] = data[start + index * step] as number
  })
  return rows
}

/** The inverse of `toRows`. */
export function fromRowOrder(rows: Float32Array, order: RowOrder): Float32Array {
  if (isRowMajor(order)) return rows
  const data = new Float32Array(rows.length)
  const columns = columnCount(order)
  eachRun(order, (row, column, start, count, step) => {
    const at = row * columns + column
    for (let index = 0; index < count; index++) data[start + index * step] = rows[at + index] as number
  })
  return data
}

/** Packed integers, the first of a byte in its lowest bits. */
export interface PackedRows {
  readonly bytes: Uint8Array
  /** Elements from the start of one row to that of the next. */
  readonly pitch: number
  readonly bits: 8 | 4 | 2
}

/**
 * Packed rows as the bytes of an ONNX integer tensor in the order of its elements.
 * @param bits of the tensor's type, 8 or 4
 * @param subtract what an integer of 0 becomes, with opposite sign: 2^(bits - 1) of the integers for a signed type, else 0
 */
export function tensorBytes(packed: PackedRows, order: RowOrder, bits: 8 | 4, subtract: number): Uint8Array {
  const { outer, size, inner } = order
  const result = new Uint8Array(Math.ceil((outer * size * inner * bits) / 8))
  const perByte = 8 / packed.bits
  const mask = 2 ** packed.bits - 1
  eachRun(order, (row, column, start, count, step) => {
    const first = row * packed.pitch + column
    for (let index = 0; index < count; index++) {
      const from = first + index
      const byte = packed.bytes[Math.floor(from / perByte)] as number
      const value = ((byte >> ((from % perByte) * packed.bits)) & mask) - subtract
      const to = start + index * step
      if (bits === 8) result[to] = value
      else result[to >> 1] = (result[to >> 1] as number) | ((value & 15) << ((to & 1) * 4))
    }
  })
  return result
}

/** Rows cut off after so many bytes each. */
export function cutRows(bytes: Uint8Array, rows: number, width: number): Uint8Array {
  const pitch = bytes.length / rows
  if (pitch === width) return bytes
  const result = new Uint8Array(rows * width)
  for (let row = 0; row < rows; row++)
    result.set(bytes.subarray(row * pitch, row * pitch + width), row * width)
  return result
}
