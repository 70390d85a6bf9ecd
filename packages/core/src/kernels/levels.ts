/** The integers that weights become: q from 0 to `most`, w' = (q - zero) * scale with a zero point in the same range. */
export interface Levels {
  /** 2^bits - 1. */
  readonly most: number
  /** The zero point is 2^(bits - 1), so that w = 0 lies in the middle. */
  readonly symmetric: boolean
}

export const levelsOf = (bits: number, symmetric: boolean): Levels => ({ most: 2 ** bits - 1, symmetric })

/** The zero point of symmetric levels; as many integers below it, and one fewer above. */
export const middleOf = ({ most }: Levels): number => (most + 1) / 2

/** Scale and zero point of one group of weights. A scale of 0 stands for a group of zeros. */
export interface Grid {
  scale: number
  zero: number
}

/** Weights that share a scale, and how much the error of each counts; everywhere the same where that is left out. */
export interface Group {
  readonly data: Float32Array
  readonly start: number
  readonly count: number
  readonly importance?: Float64Array
  /** Where in `importance` the group begins. */
  readonly first?: number
}

/** Chooses the scale (and the zero point, unless it's given by symmetry) of a group of finite weights. */
export type GridSearch = (group: Group, levels: Levels, grid: Grid) => void

/** Below this, engines may flush a scale to zero. */
export const SMALLEST_NORMAL = 2 ** -126

/** Least and largest value of a group, zero included. */
export function rangeOf({ data, start, count }: Group): { readonly min: number; readonly max: number } {
  let min = 0
  let max = 0
  for (let index = start; index < start + count; index++) {
    const value = data[index] as number
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}

/** q of a weight, saturated; halves round up, as onnxruntime's block quantizer does it. */
export function level(value: number, factor: number, zero: number, most: number): number {
  const q = Math.floor(value * factor + zero + 0.5)
  return q > 0 ? Math.min(q, most) : 0
}

/** The grid in float32, as it will be stored. */
export function settle(grid: Grid, scale: number, zero: number): void {
  const single = Math.fround(scale)
  grid.scale = Math.abs(single) < SMALLEST_NORMAL ? 0 : single
  grid.zero = zero
}
