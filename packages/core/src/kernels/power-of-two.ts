import { type Grid, type Group, type Levels, level, middleOf, rangeOf, settle } from './levels'

/**
 * The scale 2^k of least squared error: W_q = round(W * 2^-k), saturated. Tried are the smallest k that holds the whole
 * range, one above it, and four below, where large values saturate so that small ones get finer
 * steps. Of two with the same error, the larger k. Zero points are integers next to where the range's middle puts them.
 *
 * Multiplying by it is a shift of the exponent: Zhou et al. 2017, "Incremental network quantization", and Jacob et al.
 * 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference", use such scales.
 */
export function powerOfTwoGrid(group: Group, levels: Levels, grid: Grid): void {
  const { most, symmetric } = levels
  const { min, max } = rangeOf(group)
  const middle = middleOf(levels)
  const full = symmetric ? Math.max(max, -min) / middle : (max - min) / most
  if (full === 0) {
    settle(grid, 0, symmetric ? middle : 0)
    return
  }
  const widest = Math.ceil(Math.log2(full))
  let least = Number.POSITIVE_INFINITY
  for (let exponent = widest + 1; exponent >= widest - 4; exponent--) {
    const scale = 2 ** exponent
    const ideal = Math.floor(most / 2 - (min + max) / 2 / scale)
    const low = Math.max(0, Math.min(most - 1, ideal))
    for (const zero of symmetric ? [middle] : [low, low + 1]) {
      const error = squaredError(group, scale, zero, most)
      if (error >= least) continue
      least = error
      settle(grid, scale, zero)
    }
  }
}

/** Sum of (w - w')^2, each times its importance. */
export function squaredError(group: Group, scale: number, zero: number, most: number): number {
  const { data, start, count, importance, first = 0 } = group
  const factor = scale === 0 ? 0 : 1 / scale
  let sum = 0
  for (let index = 0; index < count; index++) {
    const value = data[start + index] as number
    const error = (level(value, factor, zero, most) - zero) * scale - value
    sum += error * error * (importance === undefined ? 1 : (importance[first + index] as number))
  }
  return sum
}
