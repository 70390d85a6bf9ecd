export interface Weight {
  readonly name: string
  /** Of its integers: what it costs to leave it alone goes with it. */
  readonly bytes: number
}

/** Weights that are measured, and left alone, together; neighbours in the graph. */
export type Group = readonly Weight[]

export const bytesOf = (group: Group): number => group.reduce((sum, { bytes }) => sum + bytes, 0)

/** Two groups of neighbours of about equal bytes, none of them empty. */
export function halves(group: Group): [Group, Group] {
  const half = bytesOf(group) / 2
  let before = 0
  let cut = 0
  while (cut < group.length - 1) {
    const { bytes } = group[cut] as Weight
    // The middle one goes where it leaves the halves more alike.
    if (cut > 0 && before + bytes / 2 > half) break
    before += bytes
    cut++
  }
  return [group.slice(0, Math.max(1, cut)), group.slice(Math.max(1, cut))]
}
