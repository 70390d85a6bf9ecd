/** Masks that keep n of every m weights along the rows of a matrix. */

/**
 * Sets to 0, in every block of `m` neighbours in a row, all but the `n` with the largest scores; of equal ones the
 * first stay. The rest of a row that is no whole block stays.
 * @param rows [count, features], changed in place
 * @param scores of the same shape
 * @returns how many weights became 0 that weren't
 */
export function keepLargest(
  rows: Float32Array,
  scores: Float32Array,
  features: number,
  { n, m }: { readonly n: number; readonly m: number },
): number {
  let dropped = 0
  for (let row = 0; row < rows.length; row += features) {
    for (let start = row; start + m <= row + features; start += m) {
      dropped += keepLargestOf(rows, scores, start, m, n)
    }
  }
  return dropped
}

function keepLargestOf(
  rows: Float32Array,
  scores: Float32Array,
  start: number,
  m: number,
  n: number,
): number {
  let dropped = 0
  for (let place = start; place < start + m; place++) {
    const score = scores[place] ?? 0
    let better = 0
    for (let other = start; other < start + m; other++) {
      const rival = scores[other] ?? 0
      if (rival > score || (rival === score && other < place)) better++
    }
    if (better < n || rows[place] === 0) continue
    rows[place] = 0
    dropped++
  }
  return dropped
}
