/**
 * Few bits with a scale for each block of neighbours in a row, laid out as onnxruntime's MatMulNBits and
 * GatherBlockQuantized read it (docs/ContribOperators.md): unsigned integers, w = (q - zero point) * scale, the first of
 * a byte in its lowest bits.
 *
 * Scales and rounding are MlasQuantizeBlockwise's (onnxruntime/core/mlas/lib/q4_dq.cpp), all in float32: a symmetric
 * scale maps the value with the largest magnitude, with its sign, to the integer 0, the end that is one step farther
 * from the zero point than the other; halves round up. Two things differ: a block whose scale would be subnormal has
 * the scale 0, and what fills up the last block of a row is the zero point.
 */
import { type BlockScales, quantizeBlocksReference } from './blocks-reference'
import { canQuantizeBlocks, quantizeBlocksSimd } from './blocks-simd'
import { absMaxPerChannel, channelLayout } from './int8'
import { simd } from './simd'

export interface BlockLayout {
  /** A row is cut into blocks of its own. */
  readonly rows: number
  /** Values in a row. */
  readonly columns: number
  /** Values that share a scale, 16 to 256 and a power of two for MatMulNBits; here any multiple of 8. */
  readonly blockSize: number
  readonly bits: 8 | 4 | 2
  /** The data lies column after column, [columns, rows], as the constant of MatMul does; false where it's left out. */
  readonly transposed?: boolean
}

export interface QuantizedBlocks {
  /** [rows, blocks, blockSize * bits / 8] bytes, where blocks = ceil(columns / blockSize). */
  readonly packed: Uint8Array
  /** [rows, blocks]; negative ones are in order. */
  readonly scales: Float32Array
  /** [rows, ceil(blocks * bits / 8)] bytes; without them every zero point is 2^(bits - 1). */
  readonly zeroPoints?: Uint8Array
}

/** Blocks in a row; the last one may be short. */
export const blocksPerRow = ({ columns, blockSize }: BlockLayout): number => Math.ceil(columns / blockSize)

/** Bytes of packed zero points in a row. */
export const zeroPointBytes = (layout: BlockLayout): number =>
  Math.ceil((blocksPerRow(layout) * layout.bits) / 8)

/**
 * Chooses scales (and zero points, unless symmetric) from each block's range and quantizes. A NaN counts for nothing in
 * a range and becomes 0; what a block with an infinity becomes means nothing.
 */
export function quantizeBlocks(
  data: Float32Array,
  layout: BlockLayout & { readonly symmetric: boolean },
): QuantizedBlocks {
  const { packed, scales, zeroPoints } = quantize(data, layout, { symmetric: layout.symmetric })
  return { packed, scales, ...(zeroPoints && { zeroPoints }) }
}

/**
 * The same, with a look at the values on the way.
 * @returns undefined where one isn't finite
 */
export function quantizeFiniteBlocks(
  data: Float32Array,
  layout: BlockLayout & { readonly symmetric: boolean },
): QuantizedBlocks | undefined {
  const { areFinite, ...blocks } = quantize(data, layout, { symmetric: layout.symmetric })
  return areFinite || allFinite(data) ? blocks : undefined
}

const allFinite = (data: Float32Array): boolean =>
  !absMaxPerChannel(data, channelLayout([data.length], undefined)).includes(Number.NaN)

/**
 * q = round(w / scale + zero point), saturated, with scales chosen elsewhere; a scale of 0 gives the zero point.
 * @param scales [rows, blocks]
 * @param zeroPoints packed as {@link QuantizedBlocks} has them; without them 2^(bits - 1)
 */
export function quantizeBlocksWith(
  data: Float32Array,
  layout: BlockLayout,
  scales: Float32Array,
  zeroPoints?: Uint8Array,
): Uint8Array {
  return quantize(data, layout, { scales, ...(zeroPoints && { zeroPoints }) }).packed
}

function quantize(
  data: Float32Array,
  layout: BlockLayout,
  given: BlockScales,
): QuantizedBlocks & { readonly areFinite?: boolean } {
  const fast = simd()
  return fast && canQuantizeBlocks(layout)
    ? quantizeBlocksSimd(fast, data, layout, given)
    : quantizeBlocksReference(data, layout, given)
}

/** w' = (q - zero point) * scale in float32, in the order of the layout's data. */
export function dequantizeBlocks(
  { packed, scales, zeroPoints }: QuantizedBlocks,
  layout: BlockLayout,
): Float32Array {
  const { rows, columns, blockSize, bits, transposed = false } = layout
  const blocks = blocksPerRow(layout)
  const width = zeroPointBytes(layout)
  const perByte = 8 / bits
  const mask = 2 ** bits - 1
  const element = (bytes: Uint8Array, index: number) =>
    ((bytes[Math.floor(index / perByte)] as number) >> ((index % perByte) * bits)) & mask
  const values = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const scale = scales[row * blocks + block] as number
      const zeroPoint = zeroPoints ? element(zeroPoints, row * width * perByte + block) : (mask + 1) / 2
      const start = block * blockSize
      const end = Math.min(columns, start + blockSize)
      const base = row * blocks * blockSize
      for (let column = start; column < end; column++) {
        const value = (element(packed, base + column) - zeroPoint) * scale
        values[transposed ? column * rows + row : row * columns + column] = value
      }
    }
  }
  return values
}
