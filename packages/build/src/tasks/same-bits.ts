import { type Feeds, isNumberArray } from '../arrays'

/** Whether two runs gave the same, bit by bit. */
export function sameBits(first: Feeds, second: Feeds): boolean {
  return Object.entries(first).every(([name, { data }]) => {
    const other = second[name]?.data
    if (other === undefined || other.length !== data.length) return false
    if (!isNumberArray(data) || !isNumberArray(other))
      return data.every((each, index) => each === other[index])
    const [bytes, others] = [bytesOf(data), bytesOf(other)]
    return bytes.length === others.length && bytes.every((byte, index) => byte === others[index])
  })
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
