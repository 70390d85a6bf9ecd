import type { TensorType } from '@unplugin-onnx/runtime'

export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** A dense tensor outside of any engine, row-major. float16 is held as its bits in a Uint16Array, bool as bytes 0 and 1. */
export interface DenseArray {
  readonly type: TensorType
  readonly dims: readonly number[]
  readonly data: NumberArray | readonly string[]
}

/** Named inputs, or named outputs, of one run. */
export type Feeds = Readonly<Record<string, DenseArray>>

/** What holds one element of each type that a build can feed. */
export const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const

export type NumericType = keyof typeof arrayTypes

export const isNumeric = (type: TensorType): type is NumericType => type in arrayTypes
export const isFloat = (type: TensorType): boolean => type.startsWith('float')
export const isNumberArray = (data: DenseArray['data']): data is NumberArray => ArrayBuffer.isView(data)

export const sizeOf = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1)
