import { type Grid, type Group, type Levels, middleOf, rangeOf, settle } from './levels'

/**
 * The grid that just spans a group: rounding to nearest. Symmetric, the value of the largest magnitude becomes the
 * integer 0, the end that is one step farther from the zero point, so the scale has the opposite sign of that value;
 * else least and largest value become the ends (MlasQuantizeBlockwise, onnxruntime/core/mlas/lib/q4_dq.cpp).
 */
export function rangeGrid(group: Group, levels: Levels, grid: Grid): void {
  const { min, max } = rangeOf(group)
  if (levels.symmetric) {
    const middle = middleOf(levels)
    settle(grid, -(max > -min ? max : min) / middle, middle)
    return
  }
  const scale = (max - min) / levels.most
  settle(grid, scale, scale === 0 ? 0 : Math.floor(0.5 - min / scale))
}
