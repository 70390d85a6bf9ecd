/** Tensors in coordinate form: places in the flattened tensor that aren't zero, and what stands there. */

/** How many elements have a bit set: -0 is one of them, so that nothing is lost. @param width bytes of an element */
export function countNonzero(bytes: Uint8Array, width: number): number {
  const elements = words(bytes, width)
  let count = 0
  if (elements !== undefined) {
    for (const element of elements) if (element !== 0) count++
    return count
  }
  for (let at = 0; at < bytes.length; at += width) if (isNonzero(bytes, at, width)) count++
  return count
}

/** The elements that aren't zero, one after the other. */
export function nonzeroValues(bytes: Uint8Array, width: number, count: number): Uint8Array {
  const values = new Uint8Array(count * width)
  let to = 0
  for (let at = 0; at < bytes.length; at += width) {
    if (!isNonzero(bytes, at, width)) continue
    for (let byte = 0; byte < width; byte++) values[to++] = bytes[at + byte] ?? 0
  }
  return values
}

/** Their places as little-endian int64, ascending. */
export function nonzeroPlaces(bytes: Uint8Array, width: number, count: number): Uint8Array {
  const places = new Uint8Array(count * 8)
  const view = new DataView(places.buffer)
  let to = 0
  for (let at = 0, place = 0; at < bytes.length; at += width, place++) {
    if (!isNonzero(bytes, at, width)) continue
    view.setUint32(to, place % 2 ** 32, true)
    view.setUint32(to + 4, Math.floor(place / 2 ** 32), true)
    to += 8
  }
  return places
}

function isNonzero(bytes: Uint8Array, at: number, width: number): boolean {
  for (let byte = at; byte < at + width; byte++) if (bytes[byte] !== 0) return true
  return false
}

/** The same bytes as whole numbers, where they are aligned. */
function words(bytes: Uint8Array, width: number): Uint8Array | Uint16Array | Uint32Array | undefined {
  const { buffer, byteOffset, length } = bytes
  if (width === 1) return bytes
  if (byteOffset % width !== 0) return undefined
  if (width === 2) return new Uint16Array(buffer, byteOffset, length / 2)
  return width === 4 ? new Uint32Array(buffer, byteOffset, length / 4) : undefined
}
