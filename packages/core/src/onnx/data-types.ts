import * as errors from '../errors'

/** name, code in onnx.proto, bits of one element, name in ONNX text, field for typed data. */
const table = [
  ['undefined', 0, 0, 'undefined', undefined],
  ['float32', 1, 32, 'float', 'float_data'],
  ['uint8', 2, 8, 'uint8', 'int32_data'],
  ['int8', 3, 8, 'int8', 'int32_data'],
  ['uint16', 4, 16, 'uint16', 'int32_data'],
  ['int16', 5, 16, 'int16', 'int32_data'],
  ['int32', 6, 32, 'int32', 'int32_data'],
  ['int64', 7, 64, 'int64', 'int64_data'],
  ['string', 8, 0, 'string', undefined],
  ['bool', 9, 8, 'bool', 'int32_data'],
  ['float16', 10, 16, 'float16', 'int32_data'],
  ['float64', 11, 64, 'double', 'double_data'],
  ['uint32', 12, 32, 'uint32', 'uint64_data'],
  ['uint64', 13, 64, 'uint64', 'uint64_data'],
  ['complex64', 14, 64, 'complex64', 'float_data'],
  ['complex128', 15, 128, 'complex128', 'double_data'],
  ['bfloat16', 16, 16, 'bfloat16', 'int32_data'],
  ['float8e4m3fn', 17, 8, 'float8e4m3fn', 'int32_data'],
  ['float8e4m3fnuz', 18, 8, 'float8e4m3fnuz', 'int32_data'],
  ['float8e5m2', 19, 8, 'float8e5m2', 'int32_data'],
  ['float8e5m2fnuz', 20, 8, 'float8e5m2fnuz', 'int32_data'],
  ['uint4', 21, 4, 'uint4', 'int32_data'],
  ['int4', 22, 4, 'int4', 'int32_data'],
  ['float4e2m1', 23, 4, 'float4e2m1', 'int32_data'],
  ['float8e8m0', 24, 8, 'float8e8m0', 'int32_data'],
  ['uint2', 25, 2, 'uint2', 'int32_data'],
  ['int2', 26, 2, 'int2', 'int32_data'],
] as const

/** Element types, as onnxruntime's JavaScript API names them where it has them. */
export type DataType = (typeof table)[number][0]
export type DataField = Exclude<(typeof table)[number][4], undefined>

export interface DataTypeInfo {
  readonly name: DataType
  /** TensorProto.DataType in onnx.proto. */
  readonly code: number
  /** Of one element; sub-byte elements are packed, first element lowest. 0: strings and undefined have no fixed size. */
  readonly bits: number
  /** In ONNX's textual syntax. */
  readonly text: string
  /** The TensorProto field that holds elements which aren't in raw_data. */
  readonly field: DataField | undefined
}

const infos: readonly DataTypeInfo[] = table.map(([name, code, bits, text, field]) => ({
  name,
  code,
  bits,
  text,
  field,
}))
const byName = new Map(infos.map((info) => [info.name, info]))

export const dataTypes: ReadonlyMap<DataType, DataTypeInfo> = byName

export function dataTypeInfo(name: DataType): DataTypeInfo {
  const info = byName.get(name)
  if (info === undefined) throw errors.unknownDataType(name)
  return info
}

/** @throws OnnxError ONNX_UNKNOWN_DATA_TYPE for a code that onnx.proto 1.22 doesn't have. */
export function dataTypeOfCode(code: number, tensor?: string): DataType {
  const info = infos[code]
  if (info === undefined) throw errors.unknownDataType(code, tensor)
  return info.name
}

/** Bytes of raw data for so many elements. */
export function byteLengthOf(dataType: DataType, size: number): number {
  return Math.ceil((size * dataTypeInfo(dataType).bits) / 8)
}
