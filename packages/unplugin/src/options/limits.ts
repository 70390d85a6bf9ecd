import type { InputLimits, WorkerLimits } from '@unplugin-onnx/build/plugin'
import type { Options } from './schema'
import { bytesOf } from './sizes'

/** The limits that a project sets, in numbers: Infinity for none. */
export function limitsOf({ limits = {} }: Pick<Options, 'limits'>): Partial<InputLimits> & WorkerLimits {
  const { bytes, tensorBytes, workerMemory, conversionSeconds, ...counts } = limits
  const none = Number.POSITIVE_INFINITY
  const all = {
    ...counts,
    bytes: bytesOf(bytes),
    tensorBytes: bytesOf(tensorBytes),
    conversionSeconds: conversionSeconds === false ? none : conversionSeconds,
    workerMemory: workerMemory === false ? none : bytesOf(workerMemory),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
