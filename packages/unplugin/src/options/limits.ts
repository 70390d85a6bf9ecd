import type { InputLimits } from '@unplugin-onnx/build/plugin'
import type { Options } from './schema'
import { bytesOf } from './sizes'

/** The limits that a project sets, in numbers. */
export function limitsOf({ limits = {} }: Pick<Options, 'limits'>): Partial<InputLimits> {
  const { bytes, tensorBytes, ...counts } = limits
  const inBytes = { bytes: bytesOf(bytes), tensorBytes: bytesOf(tensorBytes) }
  return Object.fromEntries(
    Object.entries({ ...counts, ...inBytes }).filter(([, value]) => value !== undefined),
  )
}
