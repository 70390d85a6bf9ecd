export interface Weight {
  readonly name: string
  /** Of its integers: what it costs to leave it alone goes with it. */
  readonly bytes: number
}

/** Weights that are measured, and left alone, together; neighbours in the graph. */
export type Group = readonly Weight[]

export const bytesOf = (group: Group): number => group.reduce((sum, { bytes }) => sum + bytes, 0)

/** A list in two: neighbours of about equal size, none of them empty where there are two items or more. */
export function halves<T>(items: readonly T[], sizeOf: (item: T) => number): [T[], T[]] {
  const half = items.reduce((sum, item) => sum + sizeOf(item), 0) / 2
  let before = 0
  let cut = 0
  for (const item of items.slice(0, -1)) {
    const size = sizeOf(item)
    // The middle one goes where it leaves the halves more alike.
    if (cut > 0 && before + size / 2 > half) break
    before += size
    cut++
  }
  return [items.slice(0, Math.max(1, cut)), items.slice(Math.max(1, cut))]
}
