/**
 * UTF-8 that loses nothing: bytes that aren't UTF-8 become lone surrogates U+DC80..U+DCFF and back, as Python's
 * "surrogateescape" (PEP 383) does it. Old exporters wrote names in GBK or Latin-1, and such a name has to come out
 * of a rewritten node as it went in.
 */

// Core is compiled without the DOM's types: it runs in Node, workers and browsers alike, and these exist in all.
declare class TextDecoder {
  constructor(label: 'utf-8', options: { fatal: boolean; ignoreBOM: boolean })
  decode(bytes: Uint8Array): string
}
declare class TextEncoder {
  encode(text: string): Uint8Array
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Below this, one call of fromCharCode beats TextDecoder. */
const SHORT = 48

export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT) {
    let text = ''
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number
      if (byte >= 0x80) return decodeAny(bytes.subarray(start, end))
      text += String.fromCharCode(byte)
    }
    return text
  }
  return decodeAny(bytes.subarray(start, end))
}

function decodeAny(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return decodeEscaping(bytes)
  }
}

/** Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const second = bytes[at + 1] ?? 0
  const tail = (offset: number) => ((bytes[at + offset] ?? 0) & 0xc0) === 0x80
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80
    const high = first === 0xed ? 0x9f : 0xbf
    return second >= low && second <= high && tail(2) ? 3 : 0
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80
    const high = first === 0xf4 ? 0x8f : 0xbf
    return second >= low && second <= high && tail(2) && tail(3) ? 4 : 0
  }
  return 0
}

function decodeEscaping(bytes: Uint8Array): string {
  const parts: string[] = []
  let good = 0
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    if (length > 0) {
      at += length
      continue
    }
    if (at > good) parts.push(strict.decode(bytes.subarray(good, at)))
    parts.push(String.fromCharCode(0xdc00 | (bytes[at] as number)))
    good = ++at
  }
  if (bytes.length > good) parts.push(strict.decode(bytes.subarray(good)))
  return parts.join('')
}

export function encodeUtf8(text: string): Uint8Array {
  // With the u flag a surrogate pair is one character: only lone surrogates match.
  if (!/[\ud800-\udfff]/u.test(text)) return encoder.encode(text)
  const parts: Uint8Array[] = []
  let plain = ''
  for (const character of text) {
    const code = character.charCodeAt(0)
    if (character.length > 1 || code < 0xdc80 || code > 0xdcff) {
      plain += character
      continue
    }
    parts.push(encoder.encode(plain), Uint8Array.of(code & 0xff))
    plain = ''
  }
  parts.push(encoder.encode(plain))
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
