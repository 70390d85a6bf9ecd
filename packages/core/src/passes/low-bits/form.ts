import type { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { type BlockLayout, blocksPerRow, zeroPointBytes } from '../../kernels/blocks'
import { columnCount, type RowOrder, rowCount, rowOrder } from '../../kernels/row-order'
import type { WeightOptions } from './options'
import { type MatrixReaders, matrixReaders } from './readers'

/** How a weight is going to be stored. */
export type Form = NBitsForm | DequantizeForm

interface Cut {
  /** Rows of blocks in the order of the tensor's own elements. */
  readonly order: RowOrder
  readonly layout: BlockLayout
}

export interface NBitsForm extends Cut {
  readonly kind: 'nbits'
  readonly readers: MatrixReaders
}

export interface DequantizeForm extends Cut {
  readonly kind: 'dequantize'
  /** Shape of the integers; where it isn't the weight's own, a Reshape follows. */
  readonly dims: readonly number[]
  /** Undefined for one scale in all. */
  readonly axis: number | undefined
  /** Scales lie along the axis, one for each block of it. */
  readonly blocked: boolean
}

/** @param channel axis of the weight that its readers want scales along; undefined where they have no opinion */
export function formOf(
  value: Value,
  tensor: Tensor,
  channel: number | undefined,
  options: WeightOptions,
  opset: number,
): Form | string {
  const { granularity, format } = options
  if (granularity === 'block' && format !== 'dequantize') {
    const form = nbitsForm(value, tensor, options)
    if (typeof form !== 'string') return form
    if (format === 'nbits') return `has no MatMulNBits form: ${form}`
    const other = dequantizeForm(tensor, channel, options, opset)
    return typeof other === 'string' ? `${other} (no MatMulNBits: ${form})` : other
  }
  if (format === 'nbits') return 'has no MatMulNBits form: its granularity is block'
  return dequantizeForm(tensor, channel, options, opset)
}

/** No block is longer than it has to be: what fills it up is stored too. */
const blockSizeFor = (columns: number, largest: number): number => {
  let size = 16
  while (size < columns && size < largest) size *= 2
  return size
}

function nbitsForm(value: Value, { dims }: Tensor, { bits, blockSize }: WeightOptions): NBitsForm | string {
  const readers = matrixReaders(value, dims)
  if (typeof readers === 'string') return readers
  const order = rowOrder(dims, readers.transposed ? 0 : 1, true)
  const [rows, columns] = [rowCount(order), columnCount(order)]
  const layout = { rows, columns, blockSize: blockSizeFor(columns, blockSize), bits }
  if (readers.lookups.length > 0) {
    if ((columns * bits) % 8 !== 0) return 'a row is no whole number of bytes'
    if (readers.products.length > 0 && columns % layout.blockSize !== 0)
      return 'it is looked up too, and its rows are no whole number of blocks'
  }
  return { kind: 'nbits', readers, order, layout }
}

function dequantizeForm(
  { dims, size }: Tensor,
  channel: number | undefined,
  options: WeightOptions,
  opset: number,
): DequantizeForm | string {
  const { bits, granularity } = options
  const blocked = granularity === 'block'
  const needed = bits < 8 || blocked ? 21 : granularity === 'channel' && channel !== undefined ? 13 : 10
  if (opset < needed) {
    const what = blocked ? ' in blocks' : bits < 8 ? ` ${bits} bits` : needed === 13 ? ' per channel' : ''
    return `opset ${opset} can't dequantize${what}: upgrade-opset to ${needed} first`
  }
  if (granularity === 'tensor' || (!blocked && channel === undefined)) {
    const layout = { rows: 1, columns: size, blockSize: Math.ceil(size / 8) * 8, bits }
    const order = rowOrder(dims, undefined, false)
    return { kind: 'dequantize', dims, axis: undefined, blocked: false, order, layout }
  }
  if (!blocked) {
    const order = rowOrder(dims, channel, false)
    const columns = columnCount(order)
    const layout = { rows: rowCount(order), columns, blockSize: Math.ceil(columns / 8) * 8, bits }
    return { kind: 'dequantize', dims, axis: channel, blocked, order, layout }
  }
  const { shape, axis } = blockAxis(dims, channel, options.blockSize)
  const order = rowOrder(shape, axis, true)
  const columns = columnCount(order)
  const blockSize = blockSizeFor(columns, options.blockSize)
  const layout = { rows: rowCount(order), columns, blockSize, bits }
  return { kind: 'dequantize', dims: shape, axis, blocked, order, layout }
}

/**
 * Blocks run along what is summed over: the axis before the last where channels are the last (the right operand of
 * MatMul), else the last. Small axes after the channels, as kernels have them, are taken as one with those before, until
 * a block fits in.
 */
function blockAxis(
  dims: readonly number[],
  channel: number | undefined,
  blockSize: number,
): { readonly shape: readonly number[]; readonly axis: number } {
  const last = dims.length - 1
  if (channel === last) return { shape: dims, axis: last - 1 }
  const product = (from: number) => dims.slice(from).reduce((size, dim) => size * dim, 1)
  let from = (channel ?? 0) + 1
  if (from === last) return { shape: dims, axis: last }
  while (from > 1 && product(from) < blockSize) from--
  return { shape: [...dims.slice(0, from), product(from)], axis: from }
}

/** Bytes of integers, scales and zero points. */
export function storedBytes(form: Form, symmetric: boolean): number {
  const { layout } = form
  const blocks = layout.rows * blocksPerRow(layout)
  if (form.kind === 'nbits') {
    const zeros = symmetric && form.readers.lookups.length === 0 ? 0 : layout.rows * zeroPointBytes(layout)
    // A table that is only looked up is not filled up.
    const columns =
      form.readers.products.length > 0 ? blocksPerRow(layout) * layout.blockSize : layout.columns
    return (layout.rows * columns * layout.bits) / 8 + blocks * 4 + zeros
  }
  const width = layout.bits === 8 ? 8 : 4
  return (layout.rows * layout.columns * width) / 8 + blocks * 4 + (symmetric ? 0 : (blocks * width) / 8)
}
