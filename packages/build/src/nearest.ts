/** The candidate with the fewest edits to `name`, if it is near enough to be a slip of the finger. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(3, Math.ceil(name.length / 2))
  for (const candidate of candidates) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase())
    if (edits < least && edits < candidate.length) {
      least = edits
      best = candidate
    }
  }
  return best
}

/** Levenshtein distance. Names longer than 64 characters are cut, so that a hostile one costs nothing. */
function distance(first: string, second: string): number {
  const a = first.slice(0, 64)
  const b = second.slice(0, 64)
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
