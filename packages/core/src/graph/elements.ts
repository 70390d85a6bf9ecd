import * as errors from '../errors'
import { byteLengthOf, type DataType } from '../onnx/data-types'

/** An element of a tensor of numbers: bigint only where a number isn't exact. */
export type Element = number | bigint

const safe = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

/** Value of a small float, from its bits: sign, exponent, mantissa. `inf` and `nan` are bit patterns without the sign. */
function smallFloat(
  bits: number,
  exponentBits: number,
  mantissaBits: number,
  bias: number,
  isSpecial: (magnitude: number) => number | undefined,
): number {
  const magnitude = bits & ((1 << (exponentBits + mantissaBits)) - 1)
  const sign = bits >>> (exponentBits + mantissaBits) === 0 ? 1 : -1
  const special = isSpecial(magnitude)
  if (special !== undefined) return sign * special
  const exponent = magnitude >>> mantissaBits
  const mantissa = magnitude & ((1 << mantissaBits) - 1)
  const scale = 2 ** -mantissaBits
  return (
    sign *
    (exponent === 0 ? mantissa * scale * 2 ** (1 - bias) : (1 + mantissa * scale) * 2 ** (exponent - bias))
  )
}

const ieee = (top: number, mantissaBits: number) => (magnitude: number) => {
  if (magnitude >>> mantissaBits !== top) return undefined
  return (magnitude & ((1 << mantissaBits) - 1)) === 0 ? Infinity : NaN
}
const only = (nan: number) => (magnitude: number) => (magnitude === nan ? NaN : undefined)
const none = () => undefined

type Read = (view: DataView, index: number) => Element

const bitsAt = (view: DataView, index: number, width: 2 | 4): number => {
  const perByte = 8 / width
  return (view.getUint8(Math.floor(index / perByte)) >>> ((index % perByte) * width)) & ((1 << width) - 1)
}
const signed = (value: number, width: number) => (value << (32 - width)) >> (32 - width)

/** FNUZ types have one zero, and the pattern of -0 is their NaN. */
const fnuz =
  (exponentBits: number, mantissaBits: number, bias: number): Read =>
  (view, i) => {
    const bits = view.getUint8(i)
    return bits === 0x80 ? NaN : smallFloat(bits, exponentBits, mantissaBits, bias, none)
  }

/** Formats of the small floats: onnx.proto, and docs/docsgen/source/technical of ONNX. */
const readers: Record<Exclude<DataType, 'string' | 'undefined' | 'complex64' | 'complex128'>, Read> = {
  float32: (view, i) => view.getFloat32(i * 4, true),
  float64: (view, i) => view.getFloat64(i * 8, true),
  float16: (view, i) => smallFloat(view.getUint16(i * 2, true), 5, 10, 15, ieee(31, 10)),
  bfloat16: (view, i) => smallFloat(view.getUint16(i * 2, true), 8, 7, 127, ieee(255, 7)),
  float8e4m3fn: (view, i) => smallFloat(view.getUint8(i), 4, 3, 7, only(0x7f)),
  float8e4m3fnuz: fnuz(4, 3, 8),
  float8e5m2: (view, i) => smallFloat(view.getUint8(i), 5, 2, 15, ieee(31, 2)),
  float8e5m2fnuz: fnuz(5, 2, 16),
  float8e8m0: (view, i) => (view.getUint8(i) === 0xff ? NaN : 2 ** (view.getUint8(i) - 127)),
  float4e2m1: (view, i) => smallFloat(bitsAt(view, i, 4), 2, 1, 1, none),
  int8: (view, i) => view.getInt8(i),
  uint8: (view, i) => view.getUint8(i),
  bool: (view, i) => view.getUint8(i),
  int16: (view, i) => view.getInt16(i * 2, true),
  uint16: (view, i) => view.getUint16(i * 2, true),
  int32: (view, i) => view.getInt32(i * 4, true),
  uint32: (view, i) => view.getUint32(i * 4, true),
  int64: (view, i) => safe(view.getBigInt64(i * 8, true)),
  uint64: (view, i) => safe(view.getBigUint64(i * 8, true)),
  uint4: (view, i) => bitsAt(view, i, 4),
  int4: (view, i) => signed(bitsAt(view, i, 4), 4),
  uint2: (view, i) => bitsAt(view, i, 2),
  int2: (view, i) => signed(bitsAt(view, i, 2), 2),
}

/** The first `count` elements of raw data; two numbers for each complex element. */
export function elementsOf(dataType: DataType, bytes: Uint8Array, count: number): Element[] {
  if (dataType === 'string' || dataType === 'undefined') return []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const complex = dataType === 'complex64' || dataType === 'complex128'
  const read = complex ? readers[dataType === 'complex64' ? 'float32' : 'float64'] : readers[dataType]
  return Array.from({ length: complex ? count * 2 : count }, (_, i) => read(view, i))
}

/** Raw data of these values, for the types that JavaScript can write. */
export function rawOf(dataType: DataType, values: readonly (number | bigint)[]): Uint8Array {
  const bytes = new Uint8Array(byteLengthOf(dataType, values.length))
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    const number = Number(value)
    if (dataType === 'float32') view.setFloat32(i * 4, number, true)
    else if (dataType === 'float64') view.setFloat64(i * 8, number, true)
    else if (dataType === 'int64' || dataType === 'uint64')
      view.setBigInt64(i * 8, BigInt.asIntN(64, BigInt(value)), true)
    else if (dataType === 'int32' || dataType === 'uint32') view.setInt32(i * 4, number, true)
    else if (dataType === 'int16' || dataType === 'uint16') view.setInt16(i * 2, number, true)
    else if (dataType === 'int8' || dataType === 'uint8' || dataType === 'bool') view.setInt8(i, number)
    else throw errors.wrongDataType('', dataType, 'a type with plain numbers')
  })
  return bytes
}
