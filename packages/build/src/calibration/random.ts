/** Numbers that look random and are the same on every machine. */
export interface Random {
  /** Evenly spread in [0, 1). */
  uniform(): number
  /** Normally distributed, mean 0 and deviation 1. */
  normal(): number
}

/** mulberry32 by Tommy Ettinger, seeded with the FNV-1a hash of a text; normal numbers by the sum of twelve uniform ones. */
export function seededRandom(seed: string): Random {
  let state = 0x811c9dc5
  for (let index = 0; index < seed.length; index++)
    state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193)
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  return {
    uniform,
    // Math.log and Math.cos may differ in the last bit between machines; sums don't.
    normal() {
      let sum = -6
      for (let count = 0; count < 12; count++) sum += uniform()
      return sum
    },
  }
}
