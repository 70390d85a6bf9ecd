import { type Grid, type Group, type Levels, level, settle } from './levels'
import { rangeGrid } from './range-grid'

/** The norm: below 1 it forgives a few large errors, those of outliers. */
const P = 0.7
const ROUNDS = 20
/** Strength of the quadratic term, relative to the group's mean magnitude, and its growth a round. */
const BETA = 10
const GROWTH = 1.01

/**
 * Half-quadratic quantization: the grid that makes sum |w - w'|^p small for p = 0.7, whose solver alternates between the
 * errors that are let go, e = shrink(w - w'), and the grid of least squares for w - e.
 *
 * Badri and Shaji 2023, "Half-quadratic quantization of large machine learning models". There the zero point is a real
 * number and the scale stays; zero points of ONNX are integers, so here both are solved for, and the best grid on the
 * way is taken.
 */
export function halfQuadraticGrid(group: Group, levels: Levels, grid: Grid): void {
  rangeGrid(group, levels, grid)
  if (grid.scale === 0) return
  const { data, start, count } = group
  const { most, symmetric } = levels
  let magnitude = 0
  for (let index = start; index < start + count; index++) magnitude += Math.abs(data[index] as number)
  const unit = magnitude / count
  let { scale, zero } = grid
  let least = norm(group, scale, zero, most)
  let beta = BETA
  for (let round = 0; round < ROUNDS; round++) {
    const factor = 1 / scale
    let n = 0
    let sumQ = 0
    let sumQQ = 0
    let sumV = 0
    let sumQV = 0
    for (let index = start; index < start + count; index++) {
      const value = data[index] as number
      const q = level(value, factor, zero, most)
      const error = (value - (q - zero) * scale) / unit
      const target = value - shrink(error, beta) * unit
      n++
      sumQ += q
      sumQQ += q * q
      sumV += target
      sumQV += q * target
    }
    const next = symmetric
      ? solveScale(sumQV - zero * sumV, sumQQ - 2 * zero * sumQ + n * zero * zero, zero)
      : solveBoth(n, sumQ, sumQQ, sumV, sumQV, most)
    if (next === undefined || next.scale === 0 || !Number.isFinite(next.scale)) break
    const moved = Math.abs(next.scale - scale) > 1e-7 * Math.abs(scale) || next.zero !== zero
    ;({ scale, zero } = next)
    const found = norm(group, scale, zero, most)
    if (!moved || found >= least) break
    least = found
    settle(grid, scale, zero)
    beta *= GROWTH
  }
}

/** The proximal step of the p-norm, generalized soft thresholding (the paper's equation 5). */
function shrink(error: number, beta: number): number {
  const size = Math.abs(error)
  if (size === 0) return 0
  const kept = size - size ** (P - 1) / beta
  return kept > 0 ? Math.sign(error) * kept : 0
}

function norm({ data, start, count }: Group, scale: number, zero: number, most: number): number {
  const factor = 1 / scale
  let sum = 0
  for (let index = start; index < start + count; index++) {
    const value = data[index] as number
    sum += Math.abs(value - (level(value, factor, zero, most) - zero) * scale) ** P
  }
  return sum
}

const solveScale = (product: number, square: number, zero: number): Grid | undefined =>
  square === 0 ? undefined : { scale: product / square, zero }

/** Line through the points (q, target); its zero rounded, and the scale solved for again. */
function solveBoth(
  n: number,
  sumQ: number,
  sumQQ: number,
  sumV: number,
  sumQV: number,
  most: number,
): Grid | undefined {
  const spread = n * sumQQ - sumQ * sumQ
  if (spread === 0) return undefined
  const slope = (n * sumQV - sumQ * sumV) / spread
  if (slope <= 0) return undefined
  const zero = Math.max(0, Math.min(most, Math.round((sumQ - sumV / slope) / n)))
  return solveScale(sumQV - zero * sumV, sumQQ - 2 * zero * sumQ + n * zero * zero, zero)
}
