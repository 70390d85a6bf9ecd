/**
 * Finds which of many scores are the lowest without sorting them or holding them all: two counts over the bits of the
 * floats, as a radix sort makes them, give the exact place of the cut. Memory is 1 MB whatever the number of scores.
 */

/** What lies below a cut: every score whose key is less, and the first so many of those that lie on it. */
export interface Cut {
  readonly key: number
  readonly ties: number
}

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

/** A float32 as an unsigned integer in the same order; -0 is 0. NaN has no place in it. */
export function orderKey(score: number): number {
  float[0] = score + 0
  const pattern = bits[0] ?? 0
  return (pattern >>> 31 === 1 ? ~pattern : pattern | 0x80000000) >>> 0
}

/** The score of a key. */
function scoreOf(key: number): number {
  bits[0] = key >>> 31 === 1 ? key & 0x7fffffff : ~key
  return float[0] ?? 0
}

/**
 * The cut under which as many of the lowest scores lie as `budget` allows.
 * @param scores gives all scores, in pieces, each time in the same order; it is called twice. NaN is passed over
 * @param budget what the scores below may weigh together, at most
 * @param weigh what one score weighs, > 0 or 0: 1 each where it isn't given, so that `budget` is their number
 */
export function lowest(
  scores: () => Iterable<Float32Array>,
  budget: number,
  weigh: (score: number) => number = () => 1,
): Cut {
  const high = histogram(scores, weigh, (key) => key >>> 16)
  let spent = 0
  let bucket = 0
  while (bucket < 65536 && spent + (high[bucket] ?? 0) <= budget) spent += high[bucket++] ?? 0
  if (bucket === 65536) return { key: 0xffffffff, ties: 0 }
  const low = histogram(scores, weigh, (key) => (key >>> 16 === bucket ? key & 0xffff : -1))
  let place = 0
  while (place < 65535 && spent + (low[place] ?? 0) <= budget) spent += low[place++] ?? 0
  const key = ((bucket << 16) | place) >>> 0
  const each = weigh(scoreOf(key))
  return { key, ties: each > 0 ? Math.max(0, Math.floor((budget - spent) / each + 1e-9)) : 0 }
}

/** The same of one array, sorted where that is faster than counting. */
export function lowestOf(scores: Float32Array, budget: number, weigh?: (score: number) => number): Cut {
  if (scores.length > 32768) return lowest(() => [scores], budget, weigh)
  const sorted = scores.filter((score) => !Number.isNaN(score)).sort()
  let spent = 0
  let index = 0
  for (; index < sorted.length; index++) {
    const each = weigh === undefined ? 1 : weigh(sorted[index] ?? 0)
    if (spent + each > budget + 1e-9 * each) break
    spent += each
  }
  if (index === sorted.length) return { key: 0xffffffff, ties: 0 }
  const key = orderKey(sorted[index] ?? 0)
  let ties = 0
  while (ties < index && orderKey(sorted[index - 1 - ties] ?? 0) === key) ties++
  return { key, ties }
}

function histogram(
  scores: () => Iterable<Float32Array>,
  weigh: (score: number) => number,
  slot: (key: number) => number,
): Float64Array {
  const sums = new Float64Array(65536)
  for (const piece of scores()) {
    for (const score of piece) {
      if (Number.isNaN(score)) continue
      const index = slot(orderKey(score))
      if (index >= 0) sums[index] = (sums[index] ?? 0) + weigh(score)
    }
  }
  return sums
}

/** Tells for one score after the other, in the order in which the cut was made, whether it lies below. */
export function below({ key, ties }: Cut): (score: number) => boolean {
  let left = ties
  return (score) => {
    if (Number.isNaN(score)) return false
    const own = orderKey(score)
    if (own !== key) return own < key
    return left-- > 0
  }
}
