import type { Grid, GridSearch, Levels } from './levels'
import { level } from './levels'

/** Where the grid of a weight comes from. */
export type GridSource =
  | {
      /** A grid for each block of so many features, chosen from the weights as they are when their turn comes. */
      readonly blockSize: number
      readonly search: GridSearch
      readonly found: (row: number, block: number, grid: Grid) => void
    }
  /** Grids given for each weight, [count, features]. */
  | { readonly scales: Float32Array; readonly zeros: Uint8Array }

/** Rows that go through the factor together: a row of it is fetched once for all of them. */
const BATCH = 16

/**
 * GPTQ: quantizes the features of each row one after the other, and after each moves the weights that are left so that
 * they make up for its error as far as the layer's inputs allow.
 *
 * Frantar, Ashkboos, Hoefler and Alistarh 2022, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
 * Transformers", Algorithm 1. Grids are searched for least squared error in which a feature counts for 1 / U_jj^2, which is
 * what the algorithm pays for its error.
 *
 * @param rows [count, features], overwritten with the dequantized weights
 * @param factor upper factor U of the inverse Hessian, [features, features]: see inverseUpperFactor
 */
export function gptq(
  rows: Float32Array,
  count: number,
  features: number,
  factor: Float64Array,
  levels: Levels,
  source: GridSource,
): void {
  const importance = new Float64Array(features)
  for (let j = 0; j < features; j++) importance[j] = 1 / (factor[j * features + j] as number) ** 2
  const weights = new Float64Array(BATCH * features)
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first)
    for (let index = 0; index < size * features; index++)
      weights[index] = rows[first * features + index] as number
    quantizeRows(weights, rows, first, size, features, factor, importance, levels, source)
  }
}

function quantizeRows(
  weights: Float64Array,
  rows: Float32Array,
  first: number,
  size: number,
  features: number,
  factor: Float64Array,
  importance: Float64Array,
  levels: Levels,
  source: GridSource,
): void {
  const grids = Array.from({ length: size }, (): Grid => ({ scale: 0, zero: 0 }))
  for (let j = 0; j < features; j++) {
    if ('search' in source && j % source.blockSize === 0) {
      const width = Math.min(source.blockSize, features - j)
      const data = new Float32Array(width)
      for (const [row, grid] of grids.entries()) {
        for (let index = 0; index < width; index++)
          data[index] = weights[row * features + j + index] as number
        source.search({ data, start: 0, count: width, importance, first: j }, levels, grid)
        source.found(first + row, j / source.blockSize, grid)
      }
    }
    const diagonal = factor[j * features + j] as number
    for (let row = 0; row < size; row++) {
      const at = (first + row) * features + j
      const { scale, zero } =
        'search' in source
          ? (grids[row] as Grid)
          : { scale: source.scales[at] as number, zero: source.zeros[at] as number }
      const weight = weights[row * features + j] as number
      const q = level(weight, scale === 0 ? 0 : 1 / scale, zero, levels.most)
      const value = Math.fround((q - zero) * scale)
      rows[at] = value
      spread(weights, row * features, factor, j, features, (weight - value) / diagonal)
    }
  }
}

function spread(
  weights: Float64Array,
  at: number,
  factor: Float64Array,
  j: number,
  features: number,
  error: number,
): void {
  const row = j * features
  for (let k = j + 1; k < features; k++)
    weights[at + k] = (weights[at + k] as number) - error * (factor[row + k] as number)
}

/**
 * Squared error that rows make at the layer's outputs: sum over rows of d^T H d for d = quantized - weights.
 * @param matrix H, [features, features]
 */
export function outputError(
  weights: Float32Array,
  quantized: Float32Array,
  count: number,
  features: number,
  matrix: Float64Array,
): number {
  const difference = new Float64Array(features)
  let sum = 0
  for (let row = 0; row < count; row++) {
    const at = row * features
    for (let j = 0; j < features; j++)
      difference[j] = (quantized[at + j] as number) - (weights[at + j] as number)
    for (let i = 0; i < features; i++) {
      const start = i * features
      let dot = 0
      for (let j = 0; j < features; j++) dot += (matrix[start + j] as number) * (difference[j] as number)
      sum += dot * (difference[i] as number)
    }
  }
  return sum
}
