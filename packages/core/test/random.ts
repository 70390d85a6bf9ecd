/** A sequence of numbers from 0 to 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Weights as they come: around 0, most of them small. */
export function weights(size: number, seed: number, spread = 0.1): Float32Array {
  const next = random(seed)
  return Float32Array.from({ length: size }, () => spread * (next() + next() + next() - 1.5))
}
