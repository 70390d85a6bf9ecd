/** A short text that differs for different bytes nearly always: length and two 32-bit FNV-1a sums over the words. */
export function digest(bytes: Uint8Array): string {
  const words = wordsOf(bytes)
  let even = 0x811c9dc5
  let odd = 0x050c5d1f
  let index = 0
  for (; index + 1 < words.length; index += 2) {
    even = Math.imul(even ^ (words[index] as number), 0x01000193)
    odd = Math.imul(odd ^ (words[index + 1] as number), 0x01000193)
    // FNV alone carries low bits up only; this brings high bits down.
    even ^= even >>> 15
    odd ^= odd >>> 13
  }
  if (index < words.length) even = Math.imul(even ^ (words[index] as number), 0x01000193)
  for (let rest = words.length * 4; rest < bytes.length; rest++)
    odd = Math.imul(odd ^ (bytes[rest] as number), 0x01000193)
  return `${bytes.length} ${even >>> 0} ${odd >>> 0}`
}

/** The same for bytes whose 32-bit words are in another order. */
export function orderlessDigest(bytes: Uint8Array): string {
  const words = wordsOf(bytes)
  let sum = 0
  let mixed = 0
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as number
    sum = (sum + word) | 0
    mixed = (mixed + Math.imul(word ^ (word >>> 16), 0x45d9f3b)) | 0
  }
  return `${bytes.length} ${sum} ${mixed}`
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  const x = wordsOf(a)
  const y = wordsOf(b)
  for (let index = 0; index < x.length; index++) if (x[index] !== y[index]) return false
  for (let rest = x.length * 4; rest < a.length; rest++) if (a[rest] !== b[rest]) return false
  return true
}

/** Whole 32-bit words, without a copy where the bytes are aligned. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const count = bytes.length >>> 2
  if (bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, count)
  return new Int32Array(bytes.slice(0, count * 4).buffer)
}

/** a[r, c] is the same as b[c, r], bit by bit, for a of [rows, columns]. */
export function equalTransposed(a: Float32Array, b: Float32Array, rows: number, columns: number): boolean {
  const x = new Int32Array(a.buffer, a.byteOffset, a.length)
  const y = new Int32Array(b.buffer, b.byteOffset, b.length)
  // Different matrices differ in the first row already, so that nearly all comparisons end here.
  for (let row = 0; row < rows; row++) {
    const start = row * columns
    for (let column = 0, other = row; column < columns; column++, other += rows) {
      if (x[start + column] !== y[other]) return false
    }
  }
  return true
}
