/** A number times lengths that only a run tells: `12 * batch`. */
export interface Amount {
  readonly factor: number
  /** Names of the lengths, in order; one that counts twice is there twice. */
  readonly per: readonly string[]
}

/** Length of an axis; undefined where nothing is known. */
export type Length = Amount | undefined
export type Shape = readonly Length[]

export const amount = (factor: number, ...per: readonly string[]): Amount => ({ factor, per })
export const one = amount(1)

export function times(a: Length, b: Length): Length {
  if (a === undefined || b === undefined) return undefined
  const factor = a.factor * b.factor
  return { factor, per: factor === 0 ? [] : [...a.per, ...b.per].sort() }
}

export const product = (lengths: readonly Length[]): Length => lengths.reduce<Length>(times, one)

/** Undefined where it doesn't come out even. */
export function divided(a: Length, b: Length): Length {
  if (a === undefined || b === undefined || b.factor === 0) return undefined
  const left = [...a.per]
  for (const name of b.per) {
    const at = left.indexOf(name)
    if (at === -1) return undefined
    left.splice(at, 1)
  }
  const factor = a.factor / b.factor
  return Number.isInteger(factor) ? { factor, per: left } : undefined
}

export const equal = (a: Length, b: Length): boolean =>
  a !== undefined && b !== undefined && a.factor === b.factor && a.per.join('\0') === b.per.join('\0')

/** As a number, where it is one. */
export const fixed = (length: Length): number | undefined =>
  length !== undefined && length.per.length === 0 ? length.factor : undefined

/** Sums, those per the same lengths together, the largest factor first. */
export function sumAmounts(amounts: Iterable<Amount>): Amount[] {
  const found = new Map<string, Amount>()
  for (const { factor, per } of amounts) {
    const key = per.join('\0')
    found.set(key, { factor: factor + (found.get(key)?.factor ?? 0), per })
  }
  return [...found.values()].filter(({ factor }) => factor > 0).sort((a, b) => b.factor - a.factor)
}
