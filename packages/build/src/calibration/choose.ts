import type { Rows, SampleLimits, SamplePart } from './sample-source'

/** With fewer samples there are too few for either part. */
export const leastToSplit = 8

/**
 * Indices of the samples that are taken: those of the part, at most as many as the limits say, spread from the first to the
 * last, fewer where they are large. All of it depends on the samples alone, so that every machine takes the same.
 */
export async function choose(rows: Rows, limits: SampleLimits, part?: SamplePart): Promise<number[]> {
  const spreadOut = spread(partOf(rows, part), limits.samples)
  let total = 0
  for (const index of spreadOut) total += await rows.elementsOf(index)
  const fitting = Math.floor((spreadOut.length * limits.elements) / Math.max(1, total))
  return spread(spreadOut, Math.max(1, fitting))
}

/**
 * Every other group is for calibration, the rest for verification: neighbours in a recording are too much alike to prove
 * anything about each other. One group alone is cut in the middle.
 */
function partOf(rows: Rows, part: SamplePart | undefined): number[] {
  const all = Array.from({ length: rows.length }, (_, index) => index)
  if (part === undefined || rows.length < leastToSplit) return all
  const groups = new Map<number, number>()
  for (const index of all) {
    const group = rows.groupOf(index)
    if (!groups.has(group)) groups.set(group, groups.size)
  }
  const wanted = part === 'calibration' ? 0 : 1
  if (groups.size > 1) return all.filter((index) => (groups.get(rows.groupOf(index)) ?? 0) % 2 === wanted)
  const middle = Math.ceil(all.length / 2)
  return part === 'calibration' ? all.slice(0, middle) : all.slice(middle)
}

/** At most so many of the items, from the first to the last. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)] as T)
}
