import { type BlockLayout, blocksPerRow, zeroPointBytes } from './blocks'
import { type Grid, type GridSearch, levelsOf } from './levels'

/** Scales and packed zero points of all blocks, as {@link QuantizedBlocks} has them. */
export interface Grids {
  readonly scales: Float32Array
  readonly zeroPoints?: Uint8Array
}

export class GridWriter {
  readonly scales: Float32Array
  readonly zeroPoints: Uint8Array | undefined
  readonly #blocks: number
  readonly #width: number
  readonly #bits: number

  constructor(layout: BlockLayout, symmetric: boolean) {
    this.#blocks = blocksPerRow(layout)
    this.#width = zeroPointBytes(layout)
    this.#bits = layout.bits
    this.scales = new Float32Array(layout.rows * this.#blocks)
    this.zeroPoints = symmetric ? undefined : new Uint8Array(layout.rows * this.#width)
  }

  set(row: number, block: number, { scale, zero }: Grid): void {
    this.scales[row * this.#blocks + block] = scale
    if (this.zeroPoints === undefined) return
    const perByte = 8 / this.#bits
    const at = row * this.#width + Math.floor(block / perByte)
    const shift = (block % perByte) * this.#bits
    const mask = (2 ** this.#bits - 1) << shift
    this.zeroPoints[at] = ((this.zeroPoints[at] as number) & ~mask) | (zero << shift)
  }

  get grids(): Grids {
    return { scales: this.scales, ...(this.zeroPoints && { zeroPoints: this.zeroPoints }) }
  }
}

/**
 * Searches a grid for each block.
 * @param rows [rows, columns], row-major, finite
 * @param importance of each column, [columns]
 */
export function searchGrids(
  rows: Float32Array,
  layout: BlockLayout,
  symmetric: boolean,
  search: GridSearch,
  importance?: Float64Array,
): Grids {
  const { columns, blockSize } = layout
  const levels = levelsOf(layout.bits, symmetric)
  const writer = new GridWriter(layout, symmetric)
  const grid: Grid = { scale: 0, zero: 0 }
  for (let row = 0; row < layout.rows; row++) {
    for (let block = 0, first = 0; first < columns; block++, first += blockSize) {
      const count = Math.min(blockSize, columns - first)
      search(
        { data: rows, start: row * columns + first, count, ...(importance && { importance, first }) },
        levels,
        grid,
      )
      writer.set(row, block, grid)
    }
  }
  return writer.grids
}
