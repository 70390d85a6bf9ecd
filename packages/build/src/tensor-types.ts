import type { TensorType } from '@unplugin-onnx/runtime'

const types: ReadonlySet<unknown> = new Set<TensorType>([
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'int4',
  'uint4',
  'bool',
  'string',
])

/** Whether onnxruntime's JavaScript API can pass elements of this type. */
export const isTensorType = (type: unknown): type is TensorType => types.has(type)
