import leven from 'leven'

/** Longer names are cut: a hostile one costs nothing. */
const maxLength = 64

/**
 * The known name with the fewest edits to `name`, if it is near enough to be a slip of the finger: for messages about
 * unknown options, passes, targets and inputs.
 */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(3, Math.ceil(name.length / 2) + 1)
  for (const candidate of known) {
    const edits = leven(cut(name), cut(candidate))
    if (edits < least && edits < candidate.length) {
      least = edits
      best = candidate
    }
  }
  return best
}

const cut = (name: string): string => name.slice(0, maxLength).toLowerCase()
