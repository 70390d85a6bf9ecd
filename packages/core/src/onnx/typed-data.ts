import { WireReader } from '../wire/reader'
import { byteLengthOf, type DataType, dataTypeInfo } from './data-types'

/**
 * Raw little-endian data from packed typed data (float_data, int32_data, …). Floats are the same bytes in both: they
 * come back as the view they are. An int32_data entry holds one element, or one byte of packed sub-byte elements.
 */
export function rawFromPacked(dataType: DataType, packed: Uint8Array, size: number): Uint8Array {
  const { bits, field } = dataTypeInfo(dataType)
  if (field === 'float_data' || field === 'double_data') return packed
  const width = Math.max(1, bits / 8)
  const raw = new Uint8Array(byteLengthOf(dataType, size))
  const view = new DataView(raw.buffer)
  const reader = new WireReader(packed)
  for (let at = 0; at + width <= raw.length && reader.position < packed.length; at += width) {
    if (width === 8) {
      view.setBigInt64(at, BigInt.asIntN(64, BigInt(reader.int64())), true)
    } else {
      const value = reader.int32()
      if (width === 4) view.setInt32(at, value, true)
      else if (width === 2) view.setInt16(at, value, true)
      else view.setInt8(at, value)
    }
  }
  return raw
}
