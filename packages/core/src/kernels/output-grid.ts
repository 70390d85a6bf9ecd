import { type BlockLayout, blocksPerRow } from './blocks'
import { type Grids, GridWriter } from './grids'
import { kQuantGrid } from './k-quant'
import { type Grid, type Group, level, levelsOf, middleOf, rangeOf, settle } from './levels'
import { leastSquaresGrid } from './scale-search'

/** Ranges that are tried, from a little over the full one down to about half of it. */
const SHARES = Array.from({ length: 10 }, (_, step) => 1.035 - 0.05 * step)
/** How often a scale is fitted to the integers it gave, and they to it. */
const ROUNDS = 3

/**
 * Grids that leave little error at the outputs of a layer, (w' - w)^T H (w' - w) for each row w, where weights are
 * rounded to nearest. Blocks are taken from left to right, each with the errors of those before it in mind: errors of
 * inputs that go together add up or cancel out, which squared errors of single weights can't tell.
 *
 * Tried are the grids of k-quant and of least squares and a series of clipped ranges; with integers u the best scale is
 * (u^T H w - c^T u) / u^T H u, where c = H e of the errors e so far. The clipping search of AWQ (Lin et al. 2023, section
 * 3.2) compares outputs of single groups in the same way.
 * @param rows [rows, columns], row-major, finite
 * @param hessian H, [columns, columns], symmetric, with a positive diagonal
 */
export function outputGrids(
  rows: Float32Array,
  layout: BlockLayout,
  symmetric: boolean,
  hessian: Float64Array,
): Grids {
  const { columns: n, blockSize } = layout
  const writer = new GridWriter(layout, symmetric)
  const search = new BlockSearch(hessian, n, layout, symmetric)
  const grid: Grid = { scale: 0, zero: 0 }
  for (let row = 0; row < layout.rows; row++) {
    search.startRow()
    for (let block = 0; block < blocksPerRow(layout); block++) {
      const first = block * blockSize
      const count = Math.min(blockSize, n - first)
      search.find({ data: rows, start: row * n + first, count, importance: search.diagonal, first }, grid)
      writer.set(row, block, grid)
    }
  }
  return writer.grids
}

class BlockSearch {
  readonly diagonal: Float64Array
  readonly #hessian: Float64Array
  readonly #columns: number
  readonly #most: number
  readonly #middle: number
  readonly #symmetric: boolean
  /** H e of the errors in the row so far. */
  readonly #gradient: Float64Array
  /** H w - c of the block at hand. */
  readonly #pull: Float64Array
  readonly #integers: Float64Array
  #least = 0
  #scale = 0
  #zero = 0

  constructor(hessian: Float64Array, columns: number, { bits, blockSize }: BlockLayout, symmetric: boolean) {
    const levels = levelsOf(bits, symmetric)
    this.#hessian = hessian
    this.#columns = columns
    this.#most = levels.most
    this.#middle = middleOf(levels)
    this.#symmetric = symmetric
    this.#gradient = new Float64Array(columns)
    this.#pull = new Float64Array(blockSize)
    this.#integers = new Float64Array(blockSize)
    this.diagonal = Float64Array.from({ length: columns }, (_, index) => hessian[index * (columns + 1)] ?? 0)
  }

  startRow(): void {
    this.#gradient.fill(0)
  }

  find(group: Group, grid: Grid): void {
    const { min, max } = rangeOf(group)
    const most = this.#most
    const full = this.#symmetric ? Math.max(max, -min) / this.#middle : (max - min) / most
    this.#prepare(group)
    for (const start of [kQuantGrid, leastSquaresGrid]) {
      start(group, { most, symmetric: this.#symmetric }, grid)
      this.#follow(group, grid.scale, grid.zero)
    }
    for (const share of SHARES) {
      const scale = full * share
      if (this.#symmetric) {
        this.#attempt(group, scale, this.#middle)
        this.#attempt(group, -scale, this.#middle)
      } else {
        const ideal = most / 2 - (min + max) / 2 / scale
        const zero = Math.max(0, Math.min(most - 1, Math.floor(ideal)))
        this.#attempt(group, scale, zero)
        this.#attempt(group, scale, zero + 1)
      }
    }
    this.#follow(group, this.#scale, this.#zero)
    settle(grid, this.#scale, this.#zero)
    this.#remember(group, grid)
  }

  #prepare({ data, start, count, first = 0 }: Group): void {
    for (let i = 0; i < count; i++) {
      const at = (first + i) * this.#columns + first
      let product = 0
      for (let j = 0; j < count; j++)
        product += (this.#hessian[at + j] as number) * (data[start + j] as number)
      this.#pull[i] = product - (this.#gradient[first + i] as number)
    }
    this.#least = 0
    this.#scale = 0
    this.#zero = this.#symmetric ? this.#middle : 0
  }

  #follow(group: Group, start: number, zero: number): void {
    let scale = start
    for (let round = 0; round < ROUNDS && scale !== 0; round++) {
      const fitted = this.#attempt(group, scale, zero)
      // A scale that turns round or runs away belongs to integers that are worse than none.
      if (!(fitted / scale > 0.5 && fitted / scale < 2) || fitted === scale) return
      scale = fitted
    }
  }

  /** @returns the best scale for the integers that this one gives */
  #attempt({ data, start, count, first = 0 }: Group, scale: number, zero: number): number {
    const factor = 1 / scale
    if (!Number.isFinite(factor)) return 0
    const integers = this.#integers
    for (let i = 0; i < count; i++)
      integers[i] = level(data[start + i] as number, factor, zero, this.#most) - zero
    let square = 0
    let dot = 0
    for (let i = 0; i < count; i++) {
      const own = integers[i] as number
      if (own === 0) continue
      const at = (first + i) * this.#columns + first
      let sum = 0
      for (let j = 0; j < i; j++) sum += (this.#hessian[at + j] as number) * (integers[j] as number)
      square += own * (2 * sum + own * (this.#hessian[at + i] as number))
      dot += own * (this.#pull[i] as number)
    }
    // Error less that of zeros, which the integers have no part in.
    const error = scale * (scale * square - 2 * dot)
    if (error < this.#least) {
      this.#least = error
      this.#scale = scale
      this.#zero = zero
    }
    return square > 0 ? dot / square : 0
  }

  #remember({ data, start, count, first = 0 }: Group, { scale, zero }: Grid): void {
    const n = this.#columns
    const factor = scale === 0 ? 0 : 1 / scale
    for (let i = 0; i < count; i++) {
      const weight = data[start + i] as number
      const error = (level(weight, factor, zero, this.#most) - zero) * scale - weight
      if (error === 0) continue
      const at = (first + i) * n
      // Blocks before this one are done.
      for (let j = first + count; j < n; j++)
        this.#gradient[j] = (this.#gradient[j] as number) + error * (this.#hessian[at + j] as number)
    }
  }
}
