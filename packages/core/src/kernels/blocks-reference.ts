import type { BlockLayout, QuantizedBlocks } from './blocks'

/** How scales come about. */
export type BlockScales =
  | { readonly symmetric: boolean }
  | { readonly scales: Float32Array; readonly zeroPoints?: Uint8Array }

/** The float32 just below 0.5: added before cutting, it rounds halves up and nothing less (0.5 itself does too much). */
const ALMOST_HALF = 0.5 - 2 ** -25

/** Below this, engines may flush a scale to zero. */
const SMALLEST_NORMAL = 2 ** -126

const { fround } = Math

/** What the fast kernel must be equal to, bit by bit, and what computes where there is no SIMD. */
export function quantizeBlocksReference(
  data: Float32Array,
  { rows, columns, blockSize, bits, transposed = false }: BlockLayout,
  given: BlockScales,
): QuantizedBlocks {
  const blocks = Math.ceil(columns / blockSize)
  const blockBytes = (blockSize * bits) / 8
  const perByte = 8 / bits
  const largest = 2 ** bits - 1
  const middle = 2 ** (bits - 1)
  const width = Math.ceil(blocks / perByte)
  const packed = new Uint8Array(rows * blocks * blockBytes)
  const scales = 'scales' in given ? given.scales : new Float32Array(rows * blocks)
  const zeroPoints =
    'scales' in given ? given.zeroPoints : given.symmetric ? undefined : new Uint8Array(rows * width)
  const stride = transposed ? rows : 1
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const first = block * blockSize
      const count = Math.min(blockSize, columns - first)
      const start = transposed ? first * rows + row : row * columns + first
      const place = row * width + Math.floor(block / perByte)
      const shift = (block % perByte) * bits
      let zeroPoint = middle
      if ('scales' in given) {
        if (zeroPoints) zeroPoint = ((zeroPoints[place] as number) >> shift) & largest
      } else {
        let min = 0
        let max = 0
        for (let index = 0; index < count; index++) {
          const value = data[start + index * stride] as number
          if (value < min) min = value
          if (value > max) max = value
        }
        const scale = zeroPoints
          ? fround(fround(max - min) / largest)
          : fround(-(max > -min ? max : min) / middle)
        const kept = Math.abs(scale) >= SMALLEST_NORMAL ? scale : 0
        scales[row * blocks + block] = kept
        if (zeroPoints) {
          zeroPoint = kept === 0 ? 0 : toInteger(fround(0 - fround(min / kept)), largest)
          zeroPoints[place] = (zeroPoints[place] as number) | (zeroPoint << shift)
        }
      }
      const scale = scales[row * blocks + block] as number
      const factor = scale === 0 ? 0 : fround(1 / scale)
      const base = (row * blocks + block) * blockBytes
      for (let index = 0; index < blockSize; index++) {
        // Zeros fill up the last block.
        const value = index < count ? (data[start + index * stride] as number) : 0
        const shifted = fround(fround(value * factor) + zeroPoint)
        const at = base + Math.floor(index / perByte)
        packed[at] = (packed[at] as number) | (toInteger(shifted, largest) << ((index % perByte) * bits))
      }
    }
  }
  return { packed, scales, ...(zeroPoints && { zeroPoints }) }
}

/** Halves round up, NaN gives 0. */
function toInteger(value: number, largest: number): number {
  const cut = Math.trunc(fround(value + ALMOST_HALF))
  return cut > 0 ? Math.min(cut, largest) : 0
}
