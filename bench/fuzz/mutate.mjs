/** Numbers that are the same for the same seed on every machine (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * count)
  }
}

/** Bytes that lengths, tags and counts turn on. */
const interesting = [0, 1, 2, 7, 8, 16, 32, 64, 100, 127, 128, 129, 200, 254, 255]
/** Numbers of 4 bytes, little endian: those that overflow, and those that are just too large. */
const words = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]
const texts = [
  '__proto__',
  '../..',
  '</script>',
  '\u2028',
  '(9999999999,)',
  "'<U4'",
  'data',
  'fmt ',
  'PK\x05\x06',
].map((text) => new TextEncoder().encode(text))

/**
 * Changes an input in a few places, as AFL's havoc stage does.
 * @param {Uint8Array} input
 * @param {Uint8Array} other an input that parts are taken from
 * @param {(count: number) => number} random a whole number from 0 to below count
 */
export function mutated(input, other, random, maxLength) {
  let bytes = Array.from(input)
  for (let left = 1 << random(4); left > 0; left--) {
    const at = random(bytes.length + 1)
    switch (random(11)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << random(8)
        break
      case 1:
        if (at < bytes.length) bytes[at] = interesting[random(interesting.length)]
        break
      case 2:
        if (at < bytes.length) bytes[at] = random(256)
        break
      case 3:
        if (at < bytes.length) bytes[at] = (bytes[at] + random(35) - 17) & 255
        break
      case 4:
        bytes.splice(at, 1 + random(1 << random(8)))
        break
      case 5:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random(1 << random(6)) }, () => random(256)))
        break
      case 6: {
        const from = random(bytes.length + 1)
        bytes.splice(at, 0, ...bytes.slice(from, from + 1 + random(1 << random(8))))
        break
      }
      case 7: {
        const from = random(other.length + 1)
        bytes.splice(at, 0, ...other.slice(from, from + 1 + random(1 << random(8))))
        break
      }
      case 8: {
        const from = random(other.length + 1)
        bytes = [...bytes.slice(0, at), ...other.slice(from)]
        break
      }
      case 9: {
        const word = words[random(words.length)]
        for (let byte = 0; byte < 4 && at + byte < bytes.length; byte++)
          bytes[at + byte] = (word >>> (8 * byte)) & 255
        break
      }
      default:
        bytes.splice(at, random(4), ...texts[random(texts.length)])
    }
  }
  return Uint8Array.from(bytes.slice(0, maxLength))
}
