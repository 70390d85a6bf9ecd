import {
  channelLayout,
  dequantizeBlocks,
  fromFloat16,
  type Node,
  type Tensor,
  type Value,
} from '@unplugin-onnx/core'
import type { Grid } from './data'
import { gridOf } from './histogram'

/** A weight as a variant stores it. */
export interface Stored {
  readonly dataType: string
  /** With scales and zero points. */
  readonly bytes: number
  readonly grid?: Grid
  /** The weights again, in the order of the source; undefined where that can't be told. Reads the tensor. */
  values(source: {
    readonly dims: readonly number[]
    readonly transposed: boolean
  }): ArrayLike<number> | undefined
}

/** Smallest integer and number of integers of the types that weights are stored in. */
const integers: Readonly<Record<string, { readonly min: number; readonly count: number }>> = {
  int8: { min: -128, count: 256 },
  uint8: { min: 0, count: 256 },
  int16: { min: -32768, count: 65536 },
  uint16: { min: 0, count: 65536 },
  int4: { min: -8, count: 16 },
  uint4: { min: 0, count: 16 },
  int2: { min: -2, count: 4 },
  uint2: { min: 0, count: 4 },
}

/**
 * How a constant of a variant is stored, told from who reads it.
 * @param reach the largest magnitude of the weights in the source
 */
export function storedAs(value: Value, tensor: Tensor, reach: number): Stored {
  const readers = value.uses.map(({ node }) => node)
  const blocks = readers.find(({ opType }) => opType === 'MatMulNBits' || opType === 'GatherBlockQuantized')
  if (blocks !== undefined) return inBlocks(blocks, tensor, reach)
  const linear = readers.find(({ opType }) => opType === 'DequantizeLinear')
  if (linear !== undefined) return linearly(linear, tensor, reach)
  return { dataType: tensor.dataType, bytes: tensor.byteLength, values: () => floats(tensor) }
}

/** The grid of what a DequantizeLinear gives; undefined where its scale is no constant. */
export function gridOfDequantized(
  node: Node,
  dataType: string,
  reach = Number.POSITIVE_INFINITY,
): Grid | undefined {
  const scale = constant(node, 1)
  const range = integers[dataType]
  if (scale === undefined || range === undefined) return undefined
  return widest(floats(scale) ?? [], zeroPointsOf(constant(node, 2)), range, reach)
}

/** A constant that a node reads, also one that was stored as float16. */
function constant(node: Node, index: number): Tensor | undefined {
  const value = node.inputs[index]
  const cast = value?.producer?.opType === 'Cast' ? value.producer : undefined
  return value?.initializer ?? cast?.inputs[0]?.initializer
}

/**
 * Of several channels the one with the widest range, which no other sticks out of. The scale of a channel of zeros
 * says nothing: ranges far beyond `reach` don't count.
 */
function widest(
  scales: ArrayLike<number>,
  zeroPoint: (channel: number) => number,
  range: { readonly min: number; readonly count: number },
  reach: number,
): Grid | undefined {
  let best: number | undefined
  let widestStep = 0
  for (let channel = 0; channel < scales.length; channel++) {
    const step = Math.abs(scales[channel] ?? 0)
    if (step <= widestStep || step * range.count > 4 * reach) continue
    widestStep = step
    best = channel
  }
  return best === undefined ? undefined : gridOf(scales[best] ?? 0, zeroPoint(best), range)
}

function zeroPointsOf(tensor: Tensor | undefined): (channel: number) => number {
  if (tensor === undefined) return () => 0
  const points = wholeNumbers(tensor)
  return (channel) => points[points.length === 1 ? 0 : channel] ?? 0
}

function linearly(node: Node, tensor: Tensor, reach: number): Stored {
  const scale = constant(node, 1)
  const zeroPoint = constant(node, 2)
  const grid = gridOfDequantized(node, tensor.dataType, reach)
  return {
    dataType: tensor.dataType,
    bytes: tensor.byteLength + (scale?.byteLength ?? 0) + (zeroPoint?.byteLength ?? 0),
    ...(grid && { grid }),
    values: () => (scale === undefined ? undefined : dequantized(node, tensor, scale, zeroPoint)),
  }
}

/** w = (q - zero point) * scale, for one scale, one a channel, or one a block. */
function dequantized(
  node: Node,
  tensor: Tensor,
  scale: Tensor,
  zeroPoint: Tensor | undefined,
): Float32Array | undefined {
  const { dims } = tensor
  const scales = floats(scale)
  if (scales === undefined) return undefined
  const given = node.int('axis', 1)
  const axis = scale.size === 1 ? undefined : given < 0 ? given + dims.length : given
  const { outer, channels, inner } = channelLayout(dims, axis)
  const blockSize = axis === undefined ? 0 : node.int('block_size', 0)
  const blocks = blockSize > 0 ? Math.ceil(channels / blockSize) : 0
  const points = zeroPoint === undefined ? undefined : wholeNumbers(zeroPoint)
  const quantized = wholeNumbers(tensor)
  const values = new Float32Array(quantized.length)
  for (let row = 0, index = 0; row < outer; row++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let column = 0; column < inner; column++, index++) {
        const place =
          blocks > 0
            ? (row * blocks + Math.floor(channel / blockSize)) * inner + column
            : axis === undefined
              ? 0
              : channel
        values[index] = ((quantized[index] as number) - (points?.[place] ?? 0)) * (scales[place] ?? 0)
      }
    }
  }
  return values
}

/** As MatMulNBits and GatherBlockQuantized have them: rows of blocks, each with a scale. */
function inBlocks(node: Node, tensor: Tensor, reach: number): Stored {
  const bits = node.int('bits', 4)
  const blockSize = node.int('block_size', 32)
  const product = node.opType === 'MatMulNBits'
  const scale = constant(node, 2)
  const zeroPoint = constant(node, 3)
  const scales = scale && floats(scale)
  const zeros = zeroPoint === undefined ? () => 2 ** (bits - 1) : blockZeros(zeroPoint, bits, scale)
  const grid = scales && widest(scales, zeros, { min: 0, count: 2 ** bits }, reach)
  return {
    dataType: `uint${bits}`,
    bytes: tensor.byteLength + (scale?.byteLength ?? 0) + (zeroPoint?.byteLength ?? 0),
    ...(grid && { grid }),
    values({ dims, transposed }) {
      if (!product || scales === undefined || (bits !== 8 && bits !== 4 && bits !== 2)) return undefined
      const columns = node.int('K', 0)
      const rows = node.int('N', 0)
      if (dims.reduce((size, dim) => size * dim, 1) !== rows * columns) return undefined
      const zeroPoints = zeroPoint?.bytes()
      return dequantizeBlocks(
        { packed: tensor.bytes(), scales: Float32Array.from(scales), ...(zeroPoints && { zeroPoints }) },
        { rows, columns, blockSize, bits, transposed },
      )
    },
  }
}

/** Zero points of blocks are packed, and each row begins with a new byte. */
function blockZeros(tensor: Tensor, bits: number, scale: Tensor | undefined): (block: number) => number {
  const bytes = tensor.bytes()
  const blocks = scale?.dims.at(-1) ?? 1
  const perByte = 8 / bits
  const width = Math.ceil(blocks / perByte)
  return (index) => {
    const block = index % blocks
    const byte = bytes[Math.floor(index / blocks) * width + Math.floor(block / perByte)] ?? 0
    return (byte >> ((block % perByte) * bits)) & (2 ** bits - 1)
  }
}

/** Elements of a tensor of floats of any usual width; undefined for others. */
export function floats(tensor: Tensor): ArrayLike<number> | undefined {
  if (tensor.dataType === 'float32') return tensor.float32()
  const view = aligned(tensor)
  if (tensor.dataType === 'float16') return fromFloat16(new Uint16Array(view))
  if (tensor.dataType === 'float64') return new Float64Array(view)
  if (tensor.dataType !== 'bfloat16') return undefined
  // The upper half of a float32.
  return new Float32Array(Uint32Array.from(new Uint16Array(view), (bits) => bits << 16).buffer)
}

function wholeNumbers(tensor: Tensor): ArrayLike<number> {
  const { dataType } = tensor
  if (dataType === 'uint8') return tensor.bytes()
  if (dataType === 'int8') return new Int8Array(aligned(tensor))
  if (dataType === 'uint16') return new Uint16Array(aligned(tensor))
  if (dataType === 'int16') return new Int16Array(aligned(tensor))
  const bits = Number(/^u?int([24])$/.exec(dataType)?.[1])
  if (Number.isNaN(bits)) return tensor.size > 1 << 20 ? [] : tensor.ints()
  const bytes = tensor.bytes()
  const values = new Int8Array(tensor.size)
  const perByte = 8 / bits
  const sign = dataType.startsWith('u') ? 0 : 2 ** (bits - 1)
  for (let index = 0; index < values.length; index++) {
    const byte = bytes[Math.floor(index / perByte)] as number
    const value = (byte >> ((index % perByte) * bits)) & (2 ** bits - 1)
    values[index] = value >= sign && sign > 0 ? value - 2 * sign : value
  }
  return values
}

/** The raw data in a buffer of its own, since typed arrays want whole elements from a start. */
function aligned(tensor: Tensor): ArrayBuffer {
  const bytes = tensor.bytes()
  return bytes.slice().buffer as ArrayBuffer
}
