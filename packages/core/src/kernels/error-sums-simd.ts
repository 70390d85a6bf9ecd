import type { Sums } from './error-sums-reference'
import { CHUNK, PARAMETERS, type Simd, SOURCE, TARGET } from './simd'

/** Elements at once: so many of both lie in the memory. */
const COUNT = CHUNK / 2

/** @returns undefined where a value isn't finite */
export function errorSumsSimd(simd: Simd, reference: Float32Array, actual: Float32Array): Sums | undefined {
  const first = new Float32Array(simd.memory, SOURCE, COUNT)
  const second = new Float32Array(simd.memory, TARGET, COUNT)
  const sums = new Float64Array(simd.memory, PARAMETERS, 20).fill(0)
  for (let start = 0; start < reference.length; start += COUNT) {
    const count = Math.min(COUNT, reference.length - start)
    first.set(reference.subarray(start, start + count))
    second.set(actual.subarray(start, start + count))
    // Zeros add nothing.
    first.fill(0, count, (count + 3) & ~3)
    second.fill(0, count, (count + 3) & ~3)
    simd.addUpErrors(SOURCE, TARGET, PARAMETERS, (count + 3) & ~3)
  }
  const total = (at: number) => sums.subarray(at, at + 4).reduce((sum, each) => sum + each, 0)
  const noise = total(12)
  if (!Number.isFinite(noise)) return undefined
  const maxError = Math.max(...sums.subarray(16, 20))
  return { signal: total(0), power: total(4), dot: total(8), noise, maxError }
}
