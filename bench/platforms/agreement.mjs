/** How far outputs are apart, the worst of all runs and outputs. */
import { sqnr } from '@unplugin-onnx/core'

/**
 * @param expected, actual for each run tensors by name
 * @returns `error` the largest difference; `relative` the same over the largest expected magnitude of its output; `sqnr` in
 * dB, Infinity where all is the same
 */
export function agreementOf(expected, actual) {
  const worst = { error: 0, relative: 0, sqnr: Number.POSITIVE_INFINITY }
  for (const [run, outputs] of expected.entries()) {
    for (const [name, { type, dims, data }] of Object.entries(outputs)) {
      const other = actual[run]?.[name]
      if (other === undefined) throw new Error(`output ${name} is missing`)
      if (other.type !== type || String(other.dims) !== String(dims))
        throw new Error(`output ${name} is ${other.type}[${other.dims}] and not ${type}[${dims}]`)
      const [wanted, got] = [Float32Array.from(data, Number), Float32Array.from(other.data, Number)]
      let error = 0
      let largest = 0
      for (const [index, value] of wanted.entries()) {
        // Equal infinities are no difference; NaN is one unless both are.
        if (Object.is(value, got[index]) || value === got[index]) continue
        const difference = Math.abs(value - got[index])
        error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference)
      }
      for (const value of wanted) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
      worst.error = Math.max(worst.error, error)
      worst.relative = Math.max(worst.relative, error === 0 ? 0 : error / (largest || 1))
      if (error > 0) worst.sqnr = Math.min(worst.sqnr, sqnr(wanted, got))
    }
  }
  return worst
}
