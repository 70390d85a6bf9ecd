import { OnnxError } from '@unplugin-onnx/core'
import { unzipSync } from 'fflate'
import { sizeOf } from '../arrays'
import type { CalibrationData } from '../calibration/data'
import { readNpy } from '../calibration/npy'
import { npzArrays } from '../calibration/npz'
import type { StoredArray, StoredArrays } from '../calibration/numpy-file'
import { errors } from '../errors'
import { printable } from '../printable'

/** Inputs that somebody handed in. */
export interface MemoryInputs {
  /** Name of the file. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** An `.npz` or `.npy` in memory, in the form in which a build has it on disk. */
export interface OpenInputs {
  readonly data: CalibrationData
  readonly arrays: StoredArrays
}

/**
 * @param model name of the model that they are for, for messages
 * @throws OnnxError ONNX_CALIBRATION_INVALID
 */
export function openInputs({ name, bytes }: MemoryInputs, model: string): OpenInputs {
  try {
    const arrays = /\.npy$/i.test(name) ? new Map([['', readNpy(bytes)]]) : npzArrays(bytes, unzipSync)
    const stored = [...arrays].map(([array, { type, dims, data }]): [string, StoredArray] => {
      if (type !== 'string' && data.length !== sizeOf(dims)) throw new Error(`'${array}' is damaged`)
      const read = async (first: number, count: number) => data.slice(first, first + count)
      return [array, { type: type as StoredArray['type'], dims, read }]
    })
    return {
      data: { kind: 'numpy', name, path: name, files: [], sha256: '', options: {} },
      arrays: { arrays: new Map(stored), close: async () => undefined },
    }
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause.about(printable(model))
    const message = cause instanceof Error ? cause.message : String(cause)
    throw errors.calibrationInvalid(
      model,
      name,
      `can't be read: ${message}`,
      'Save it again with numpy.savez.',
      cause,
    )
  }
}
