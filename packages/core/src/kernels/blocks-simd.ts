import type { BlockLayout, QuantizedBlocks } from './blocks'
import type { BlockScales } from './blocks-reference'
import { CHUNK, PARAMETERS, type Simd, SOURCE, sourceOf, TARGET } from './simd'

/** Scales of a chunk lie at PARAMETERS, their zero points, a byte each, behind them. */
const ZERO_POINTS = PARAMETERS + 4 * CHUNK

/** Where the kernel for columns works on 16 of them, 64 bytes for each value of a block. */
const TILE = SOURCE + 8 * CHUNK

export const canQuantizeBlocks = ({ blockSize }: BlockLayout): boolean =>
  blockSize % 16 === 0 && blockSize <= 1024

/** What one call works on. */
class Quantizer {
  readonly blocks: number
  readonly blockBytes: number
  readonly packed: Uint8Array
  readonly scales: Float32Array
  readonly zeroPoints: Uint8Array | undefined
  /** Of all values: where it is finite they are. */
  sum = 0
  /** As assembly/blocks.ts numbers them. */
  readonly mode: 0 | 1 | 2
  readonly #width: number
  readonly #bits: number
  readonly #scales: Float32Array
  readonly #zeroPoints: Uint8Array

  constructor({ memory }: Simd, { rows, columns, blockSize, bits }: BlockLayout, given: BlockScales) {
    this.blocks = Math.ceil(columns / blockSize)
    this.blockBytes = (blockSize * bits) / 8
    this.packed = new Uint8Array(rows * this.blocks * this.blockBytes)
    this.#bits = bits
    this.#width = Math.ceil((this.blocks * bits) / 8)
    this.#scales = new Float32Array(memory, PARAMETERS, CHUNK)
    this.#zeroPoints = new Uint8Array(memory, ZERO_POINTS, CHUNK)
    if ('scales' in given) {
      this.mode = 2
      this.scales = given.scales
      this.zeroPoints = given.zeroPoints
      if (given.zeroPoints === undefined) this.#zeroPoints.fill(2 ** (bits - 1))
    } else {
      this.mode = given.symmetric ? 0 : 1
      this.scales = new Float32Array(rows * this.blocks)
      this.zeroPoints = given.symmetric ? undefined : new Uint8Array(rows * this.#width)
    }
  }

  /** Brings scales and zero points of `count` blocks, from `first` on and `step` apart, into place if they are given. */
  before(first: number, count: number, step: number): void {
    if (this.mode !== 2) return
    if (step === 1) this.#scales.set(this.scales.subarray(first, first + count))
    else
      for (let index = 0; index < count; index++)
        this.#scales[index] = this.scales[first + index * step] as number
    const { zeroPoints } = this
    if (zeroPoints === undefined) return
    const mask = 2 ** this.#bits - 1
    this.#each(first, count, step, (index, at, shift) => {
      this.#zeroPoints[index] = ((zeroPoints[at] as number) >> shift) & mask
    })
  }

  /** Takes scales and zero points of these blocks if they were chosen. */
  after(first: number, count: number, step: number): void {
    if (this.mode === 2) return
    if (step === 1) this.scales.set(this.#scales.subarray(0, count), first)
    else
      for (let index = 0; index < count; index++)
        this.scales[first + index * step] = this.#scales[index] as number
    const { zeroPoints } = this
    if (zeroPoints === undefined) return
    this.#each(first, count, step, (index, at, shift) => {
      zeroPoints[at] = (zeroPoints[at] as number) | ((this.#zeroPoints[index] as number) << shift)
    })
  }

  /** Takes the zero points, if there are, of one block in each of `count` rows. */
  takeZeroPoints(from: number, count: number, block: number): void {
    const { zeroPoints } = this
    if (zeroPoints === undefined) return
    const perByte = 8 / this.#bits
    const width = this.#width
    const chosen = this.#zeroPoints
    const shift = (block % perByte) * this.#bits
    let at = from * width + Math.floor(block / perByte)
    for (let index = 0; index < count; index++, at += width)
      zeroPoints[at] = (zeroPoints[at] as number) | ((chosen[index] as number) << shift)
  }

  /** Where the packed zero point of each block lies. */
  #each(
    first: number,
    count: number,
    step: number,
    visit: (index: number, at: number, shift: number) => void,
  ): void {
    const perByte = 8 / this.#bits
    for (let index = 0; index < count; index++) {
      const block = first + index * step
      const row = Math.floor(block / this.blocks)
      const place = block - row * this.blocks
      visit(index, row * this.#width + Math.floor(place / perByte), (place % perByte) * this.#bits)
    }
  }
}

/** `areFinite` is false where a value isn't finite, and where values are so large that their sum is not. */
export function quantizeBlocksSimd(
  simd: Simd,
  data: Float32Array,
  layout: BlockLayout,
  given: BlockScales,
): QuantizedBlocks & { readonly areFinite: boolean } {
  const quantizer = new Quantizer(simd, layout, given)
  if (layout.transposed) quantizeColumns(simd, data, layout, quantizer)
  else quantizeRows(simd, data, layout, quantizer)
  const { packed, scales, zeroPoints, sum } = quantizer
  return { packed, scales, ...(zeroPoints && { zeroPoints }), areFinite: Number.isFinite(sum) }
}

function quantizeRows(
  simd: Simd,
  data: Float32Array,
  { rows, columns, blockSize, bits }: BlockLayout,
  quantizer: Quantizer,
): void {
  const { blocks, blockBytes, packed, mode } = quantizer
  const source = new Float32Array(simd.memory, SOURCE, CHUNK)
  const target = new Uint8Array(simd.memory, TARGET, CHUNK)
  const place = sourceOf(simd, data)
  const step = Math.floor(CHUNK / blockSize)
  const whole = columns % blockSize === 0
  // Full blocks of all rows follow each other; rows with a short one are taken one by one and filled up with zeros.
  const runs = whole ? 1 : rows
  const runBlocks = whole ? rows * blocks : blocks
  const runLength = whole ? rows * columns : columns
  for (let run = 0; run < runs; run++) {
    for (let from = 0; from < runBlocks; from += step) {
      const count = Math.min(step, runBlocks - from)
      const start = from * blockSize
      const end = Math.min(runLength, start + count * blockSize)
      const at = whole ? place(start, end - start) : SOURCE
      if (!whole) {
        source.set(data.subarray(run * runLength + start, run * runLength + end))
        source.fill(0, end - start, count * blockSize)
      }
      const first = run * runBlocks + from
      quantizer.before(first, count, 1)
      quantizer.sum += simd.quantizeBlocks(at, TARGET, PARAMETERS, ZERO_POINTS, count, blockSize, bits, mode)
      quantizer.after(first, count, 1)
      packed.set(target.subarray(0, count * blockBytes), first * blockBytes)
    }
  }
}

/** A chunk is one block of some rows of the layout, which are columns of the data. */
function quantizeColumns(simd: Simd, data: Float32Array, layout: BlockLayout, quantizer: Quantizer): void {
  if (quantizeColumnsInPlace(simd, data, layout, quantizer)) return
  const { rows, columns, blockSize, bits } = layout
  const { blocks, blockBytes, packed, mode } = quantizer
  // Twice the chunk of others, where there is room for what comes out: short pieces of rows would cost more to copy than
  // to quantize.
  const most = Math.floor(Math.min((2 * CHUNK) / blockSize, CHUNK / blockBytes)) & ~15
  const source = new Float32Array(simd.memory, SOURCE, 2 * CHUNK)
  const target = new Int32Array(simd.memory, TARGET, CHUNK / 4)
  const words = new Int32Array(packed.buffer)
  const blockWords = blockBytes / 4
  for (let from = 0; from < rows; from += most) {
    const count = Math.min(most, rows - from)
    const stride = (count + 15) & ~15
    for (let block = 0; block < blocks; block++) {
      const top = block * blockSize
      const height = Math.min(blockSize, columns - top)
      for (let row = 0; row < height; row++) {
        const start = (top + row) * rows + from
        source.set(data.subarray(start, start + count), row * stride)
      }
      const first = from * blocks + block
      quantizer.before(first, count, blocks)
      quantizer.sum += simd.quantizeColumns(
        ...([SOURCE, 4 * stride, height, TILE, TARGET, blockBytes, PARAMETERS, 4, ZERO_POINTS] as const),
        ...([count, blockSize, bits, mode] as const),
      )
      quantizer.after(first, count, blocks)
      for (let row = 0, at = 0; row < count; row++) {
        const place = (first + row * blocks) * blockWords
        for (let word = 0; word < blockWords; word++) words[place + word] = target[at++] as number
      }
    }
  }
}

/** Data that lies in the memory: the kernel puts all where it belongs. False where there is no room for that. */
function quantizeColumnsInPlace(
  simd: Simd,
  data: Float32Array,
  { rows, columns, blockSize, bits }: BlockLayout,
  quantizer: Quantizer,
): boolean {
  const { blocks, blockBytes, packed, scales, mode } = quantizer
  if (data.buffer !== simd.memory || mode === 2) return false
  const pitch = blocks * blockBytes
  // Columns are done by 16: up to 15 that there aren't are written too.
  const target = data.byteOffset + data.byteLength
  const scaleTarget = target + (rows + 15) * pitch
  if (scaleTarget + (rows + 15) * 4 * blocks > simd.memory.byteLength) return false
  const most = CHUNK - 16
  for (let from = 0; from < rows; from += most) {
    for (let block = 0; block < blocks; block++) {
      const top = block * blockSize
      const height = Math.min(blockSize, columns - top)
      quantizer.sum += simd.quantizeColumns(
        ...([data.byteOffset + 4 * (top * rows + from), 4 * rows, height, TILE] as const),
        ...([target + from * pitch + block * blockBytes, pitch] as const),
        ...([scaleTarget + 4 * (from * blocks + block), 4 * blocks, ZERO_POINTS] as const),
        ...([Math.min(most, rows - from), blockSize, bits, mode] as const),
      )
      quantizer.takeZeroPoints(from, Math.min(most, rows - from), block)
    }
  }
  packed.set(new Uint8Array(simd.memory, target, packed.length))
  scales.set(new Float32Array(simd.memory, scaleTarget, scales.length))
  return true
}
