import { type Feeds, isNumberArray } from '../arrays'

/** Whether two runs gave the same, bit by bit. */
export function sameBits(first: Feeds, second: Feeds): boolean {
  return Object.entries(first).every(([name, { data }]) => {
    const other = second[name]?.data
    if (other === undefined || other.length !== data.length) return false
    if (!isNumberArray(data) || !isNumberArray(other))
      return data.every((each, index) => each === other[index])
    const bytes = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
    return bytes(data).equals(bytes(other))
  })
}
