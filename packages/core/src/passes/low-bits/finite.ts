import * as errors from '../../errors'

/**
 * What was made of a weight.
 * @param made undefined where one of its values isn't finite
 * @throws OnnxError ONNX_WEIGHT_NOT_FINITE
 */
export function finite<T>(weight: string, made: T | undefined): T {
  if (made === undefined) throw errors.weightNotFinite(weight)
  return made
}
