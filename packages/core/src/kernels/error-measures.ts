/** How far numbers lie from the numbers they should be. */
import { errorSumsReference, type Sums } from './error-sums-reference'
import { errorSumsSimd } from './error-sums-simd'
import { simd } from './simd'

export type Numbers = ArrayLike<number>

/** SQNR of identical data, in dB; nothing measures higher. */
export const SQNR_MAX = 200

export interface ErrorMeasures {
  /**
   * Signal-to-quantization-noise ratio 10 log10(sum x^2 / sum (x - y)^2) in dB, at most 200, which also stands for
   * identical data. -Infinity where it means nothing: a different length, a NaN or infinity where the reference has
   * a number or another infinity, or any difference from a reference of zeros.
   */
  readonly sqnr: number
  /** Cosine similarity, -1 to 1; 1 for identical data, 0 where one side is all zeros, -1 where sqnr means nothing. */
  readonly cosine: number
  /** Largest |x - y|; Infinity where a length or something that isn't finite differs. */
  readonly maxError: number
}

const failed: ErrorMeasures = {
  sqnr: Number.NEGATIVE_INFINITY,
  cosine: -1,
  maxError: Number.POSITIVE_INFINITY,
}

/**
 * All measures in one read. Where the reference is NaN or infinite and the data the same, the place agrees and counts
 * for nothing more: masked scores are often -inf.
 */
export function measureErrors(reference: Numbers, actual: Numbers): ErrorMeasures {
  if (reference.length !== actual.length) return failed
  const sums = addUp(reference, actual, 1)
  if (sums === undefined) return failed
  // Squares of float64 may overflow where the numbers don't.
  const inRange = sums.signal < Number.POSITIVE_INFINITY && sums.power < Number.POSITIVE_INFINITY
  const { signal, power, dot, noise } = inRange ? sums : (addUp(reference, actual, 2 ** -600) ?? sums)
  const { maxError } = sums
  if (noise === 0) return { sqnr: SQNR_MAX, cosine: 1, maxError }
  const sqnr = Math.min(SQNR_MAX, 10 * Math.log10(signal / noise))
  const cosine = signal === 0 || power === 0 ? 0 : dot / (Math.sqrt(signal) * Math.sqrt(power))
  return { sqnr, cosine: Math.max(-1, Math.min(1, cosine)), maxError }
}

/** @returns undefined where something that isn't finite differs */
function addUp(reference: Numbers, actual: Numbers, unit: number): Sums | undefined {
  if (unit === 1 && reference instanceof Float32Array && actual instanceof Float32Array) {
    const fast = simd()
    const sums = fast && errorSumsSimd(fast, reference, actual)
    if (sums !== undefined) return sums
  }
  return errorSumsReference(reference, actual, unit)
}

/** Signal-to-quantization-noise ratio in dB; see {@link ErrorMeasures.sqnr}. */
export const sqnr = (reference: Numbers, actual: Numbers): number => measureErrors(reference, actual).sqnr

/** Cosine similarity; see {@link ErrorMeasures.cosine}. */
export const cosineSimilarity = (reference: Numbers, actual: Numbers): number =>
  measureErrors(reference, actual).cosine

/** Largest absolute difference; see {@link ErrorMeasures.maxError}. */
export const maxAbsError = (reference: Numbers, actual: Numbers): number =>
  measureErrors(reference, actual).maxError

/**
 * Share of rows whose largest value is at the same place, 0 to 1; 1 where there are no rows. A row of `actual` with
 * NaN agrees only if the reference's row has its first NaN at that place.
 *
 * @param width length of the last axis
 */
export function top1Agreement(reference: Numbers, actual: Numbers, width: number): number {
  if (reference.length !== actual.length) return 0
  const rows = width > 0 ? Math.floor(reference.length / width) : 0
  if (rows === 0) return 1
  let same = 0
  for (let row = 0; row < rows; row++) {
    if (argMax(reference, row * width, width) === argMax(actual, row * width, width)) same++
  }
  return same / rows
}

/** Place of the first NaN, as ~place so that it differs from every number's, or of the first largest value. */
function argMax(values: Numbers, start: number, width: number): number {
  let best = 0
  for (let index = 0; index < width; index++) {
    const value = values[start + index] as number
    if (Number.isNaN(value)) return ~index
    if (value > (values[start + best] as number)) best = index
  }
  return best
}
