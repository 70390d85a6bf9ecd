import { type Grid, type Group, type Levels, level, middleOf, rangeOf, settle } from './levels'

/**
 * How well a grid's integers fit a group: with d = q - zero, the best scale for them is sum(h d w) / sum(h d^2), which
 * leaves the squared error sum(h w^2) - sum(h d w)^2 / sum(h d^2).
 */
interface Fit {
  product: number
  square: number
}

const fit: Fit = { product: 0, square: 0 }

function measure(group: Group, factor: number, zero: number, most: number): void {
  const { data, start, count, importance, first = 0 } = group
  let product = 0
  let square = 0
  for (let index = 0; index < count; index++) {
    const value = data[start + index] as number
    const distance = level(value, factor, zero, most) - zero
    const weight = importance === undefined ? distance : distance * (importance[first + index] as number)
    product += weight * value
    square += weight * distance
  }
  fit.product = product
  fit.square = square
}

/** Ranges that are tried, as shares of the full one: the fewer levels, the more it pays to cut off outliers. */
function shares(most: number): readonly number[] {
  const [step, count] = most <= 3 ? [0.05, 16] : most <= 15 ? [0.035, 16] : [0.01, 12]
  return Array.from({ length: count }, (_, index) => 1 + step * (1 - index))
}
const sharesOf = new Map([3, 15, 255].map((most) => [most, shares(most)]))

/**
 * The grid of least squared error, found by trying ranges from a little over the full one downwards, and then moving to
 * the best scale for the integers found and rounding again, until nothing changes. Zero points are integers next to
 * where the range's middle puts them; symmetric ones try both signs of the scale, because the integers reach one step
 * farther on one side.
 *
 * The clipping search is that of Banner, Nahshan and Soudry 2019, "Post training 4-bit quantization of convolutional
 * networks for rapid-deployment", with the error counted instead of modelled; the steps between are Lloyd's.
 */
export function leastSquaresGrid(group: Group, levels: Levels, grid: Grid): void {
  const { most, symmetric } = levels
  const { min, max } = rangeOf(group)
  const middle = middleOf(levels)
  const full = symmetric ? Math.max(max, -min) / middle : (max - min) / most
  if (full === 0) {
    settle(grid, 0, symmetric ? middle : 0)
    return
  }
  const search: Search = { group, most, gain: -1, scale: full, zero: middle }
  for (const share of sharesOf.get(most) ?? shares(most)) {
    const scale = full * share
    if (symmetric) {
      attempt(search, scale, middle)
      attempt(search, -scale, middle)
    } else {
      const ideal = most / 2 - (min + max) / 2 / scale
      const zero = Math.max(0, Math.min(most - 1, Math.floor(ideal)))
      attempt(search, scale, zero)
      attempt(search, scale, zero + 1)
    }
  }
  for (let round = 0; round < 8; round++) {
    const before = search.gain
    attempt(search, search.scale, search.zero)
    if (search.gain <= before) break
  }
  settle(grid, search.scale, search.zero)
}

interface Search {
  readonly group: Group
  readonly most: number
  /** Squared weights that the best grid accounts for. */
  gain: number
  scale: number
  zero: number
}

function attempt(search: Search, scale: number, zero: number): void {
  measure(search.group, 1 / scale, zero, search.most)
  const { product, square } = fit
  if (square === 0) return
  const gain = (product * product) / square
  // The best scale for integers may turn out to have the other sign only if they are worse than nothing.
  if (gain <= search.gain || product / square / scale <= 0) return
  search.gain = gain
  search.scale = product / square
  search.zero = zero
}
