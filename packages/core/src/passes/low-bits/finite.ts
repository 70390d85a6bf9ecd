import * as errors from '../../errors'

/**
 * @param maxima of the weight's magnitudes, NaN for what isn't finite
 * @throws OnnxError ONNX_WEIGHT_NOT_FINITE
 */
export function requireFinite(weight: string, maxima: Float32Array): Float32Array {
  if (maxima.includes(Number.NaN)) throw errors.weightNotFinite(weight)
  return maxima
}
