import type { Numbers } from './error-measures'

/** What the measures of errors are made of, in float64. */
export interface Sums {
  /** Squares of the reference. */
  readonly signal: number
  /** Squares of the other. */
  readonly power: number
  readonly dot: number
  /** Squares of differences. */
  readonly noise: number
  readonly maxError: number
}

/**
 * What the fast kernel of assembly/error-measures.ts must be equal to, bit by bit, and what adds up where there is no
 * SIMD, or numbers aren't float32 and finite. Four sums of every fourth value, put together in the end.
 * @param unit what all are multiplied with
 * @returns undefined where something that isn't finite differs
 */
export function errorSumsReference(reference: Numbers, actual: Numbers, unit: number): Sums | undefined {
  const lanes: Sums[] = []
  for (let lane = 0; lane < 4; lane++) {
    const sums = addUpLane(reference, actual, unit, lane)
    if (sums === undefined) return undefined
    lanes.push(sums)
  }
  const total = (key: keyof Sums) => lanes.reduce((sum, each) => sum + each[key], 0)
  return {
    signal: total('signal'),
    power: total('power'),
    dot: total('dot'),
    noise: total('noise'),
    maxError: Math.max(...lanes.map(({ maxError }) => maxError)),
  }
}

function addUpLane(reference: Numbers, actual: Numbers, unit: number, lane: number): Sums | undefined {
  let signal = 0
  let power = 0
  let dot = 0
  let noise = 0
  let maxError = 0
  for (let index = lane; index < reference.length; index += 4) {
    const x = (reference[index] as number) * unit
    const y = (actual[index] as number) * unit
    const difference = Math.abs(x - y)
    // Infinite or NaN only where one of them is (or two of the largest float64 are far apart, which is no better).
    if (!(difference < Number.POSITIVE_INFINITY)) {
      if (Object.is(x, y)) continue
      return undefined
    }
    signal += x * x
    power += y * y
    dot += x * y
    noise += difference * difference
    if (difference > maxError) maxError = difference
  }
  return { signal, power, dot, noise, maxError }
}
