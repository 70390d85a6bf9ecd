import { type Grid, type Group, type Levels, level, middleOf, rangeOf, settle } from './levels'
import { rangeGrid } from './range-grid'

const STEPS = 20

/**
 * llama.cpp's search: weighted squared error, in which large weights count for more, h = rms(w) + |w|, over a series of
 * step widths, each followed by the scale and minimum that fit the rounded integers best.
 *
 * `make_qkx2_quants` and `make_qx_quants` in llama.cpp's ggml-quants.c (Kawrakow 2023), as onnxruntime's
 * `KQuantWeightOnlyQuantConfig` takes them over; there too the minimum ends as an integer zero point.
 */
export function kQuantGrid(group: Group, levels: Levels, grid: Grid): void {
  const { min, max } = rangeOf(group)
  const middle = middleOf(levels)
  if (max === min) settle(grid, 0, levels.symmetric ? middle : 0)
  else if (levels.symmetric) symmetricGrid(group, levels.most, middle, max > -min ? max : min, grid)
  else asymmetricGrid(group, levels.most, min, max, grid)
}

function meanMagnitude({ data, start, count }: Group): number {
  let sum = 0
  for (let index = start; index < start + count; index++) sum += (data[index] as number) ** 2
  return Math.sqrt(sum / count)
}

/** The sign goes with the largest value, which gets the farther end. */
function symmetricGrid(group: Group, most: number, middle: number, largest: number, grid: Grid): void {
  const { data, start, count } = group
  const mean = meanMagnitude(group)
  let best = -1
  for (let step = -9; step <= 9; step++) {
    const factor = -(middle + 0.1 * step) / largest
    let product = 0
    let square = 0
    for (let index = start; index < start + count; index++) {
      const value = data[index] as number
      const distance = level(value, factor, middle, most) - middle
      const weighted = (mean + Math.abs(value)) * distance
      product += weighted * value
      square += weighted * distance
    }
    if (square === 0 || product * product <= best * square) continue
    best = (product * product) / square
    settle(grid, product / square, middle)
  }
}

function asymmetricGrid(group: Group, most: number, min: number, max: number, grid: Grid): void {
  const { data, start, count } = group
  const mean = meanMagnitude(group)
  // Where all weights are alike no line fits better than the range itself.
  rangeGrid(group, { most, symmetric: false }, grid)
  let least = weightedError(group, mean, grid.scale, grid.zero, most)
  for (let step = -1; step <= STEPS; step++) {
    // The first is the full range itself.
    const factor = (most + (step < 0 ? 0 : 0.1 * step - 1)) / (max - min)
    let sumW = 0
    let sumX = 0
    let sumL = 0
    let sumLL = 0
    let sumXL = 0
    for (let index = start; index < start + count; index++) {
      const value = data[index] as number
      const weight = mean + Math.abs(value)
      const q = level(value - min, factor, 0, most)
      sumW += weight
      sumX += weight * value
      sumL += weight * q
      sumLL += weight * q * q
      sumXL += weight * q * value
    }
    const spread = sumW * sumLL - sumL * sumL
    if (spread <= 0) continue
    let scale = (sumW * sumXL - sumX * sumL) / spread
    let offset = (sumLL * sumX - sumL * sumXL) / spread
    if (offset > 0) {
      offset = 0
      scale = sumXL / sumLL
    }
    if (scale <= 0) continue
    const zero = Math.max(0, Math.min(most, Math.round(-offset / scale)))
    const error = weightedError(group, mean, scale, zero, most)
    if (error >= least) continue
    least = error
    settle(grid, scale, zero)
  }
}

/** With the zero point rounded: what will be stored is what is compared. */
function weightedError(group: Group, mean: number, scale: number, zero: number, most: number): number {
  const { data, start, count } = group
  const factor = scale === 0 ? 0 : 1 / scale
  let sum = 0
  for (let index = start; index < start + count; index++) {
    const value = data[index] as number
    const error = (level(value, factor, zero, most) - zero) * scale - value
    sum += (mean + Math.abs(value)) * error * error
  }
  return sum
}
