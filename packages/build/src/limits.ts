import { defaultLimits, type Limits } from '@unplugin-onnx/core/catalog'
import { errors } from './errors'

/** Bounds on what a model and its calibration data may ask for, whoever made them. */
export interface InputLimits extends Limits {
  /**
   * How many times its own size an `.npz` of calibration data may unpack to. What unpacks to no more than 64 MiB may always:
   * a mask of ones is packed to a thousandth.
   */
  readonly unzipRatio: number
}

export const defaultInputLimits: InputLimits = {
  ...defaultLimits,
  unzipRatio: 200,
}

/** Up to so many bytes nobody asks how small they were before. */
const alwaysUnzipped = 2 ** 26

/**
 * Limits with the defaults for those that aren't given.
 * @throws OnnxError ONNX_OPTION_INVALID
 */
export function inputLimits(given: Partial<InputLimits> = {}): InputLimits {
  const limits: { -readonly [Name in keyof InputLimits]: number } = { ...defaultInputLimits }
  for (const name of Object.keys(limits) as (keyof InputLimits)[]) {
    const value = given[name] ?? limits[name]
    if (!Number.isSafeInteger(value) || value < 1) throw errors.limitInvalid(name)
    limits[name] = value
  }
  return limits
}

/**
 * @param packed bytes of the archive
 * @param unpacked bytes that it unpacks to, by what it says itself
 * @throws OnnxError ONNX_LIMIT_EXCEEDED
 */
export function checkUnzipped(
  packed: number,
  unpacked: number,
  { unzipRatio: max }: Pick<InputLimits, 'unzipRatio'> = defaultInputLimits,
): void {
  const ratio = unpacked / Math.max(1, packed)
  if (unpacked > alwaysUnzipped && ratio > max) throw errors.unzipsTooFar(Math.ceil(ratio), max)
}
