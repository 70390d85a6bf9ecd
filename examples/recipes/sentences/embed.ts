import { idsOf } from '../words'

/** Gives the vectors of all words, one after the other. */
export type Run = (ids: BigInt64Array) => Promise<Float32Array>

/** Vectors of sentences: the mean over the words, less the mean over the sentences, of length 1. */
export async function embed(sentences: readonly string[], run: Run): Promise<Float32Array[]> {
  const vectors: Float32Array[] = []
  for (const sentence of sentences) {
    const ids = idsOf(sentence)
    const words = await run(ids)
    const size = words.length / ids.length
    vectors.push(meanOf(ids.length, size, (word, at) => words[word * size + at] ?? 0))
  }
  const middle = meanOf(vectors.length, vectors[0]?.length ?? 0, (row, at) => vectors[row]?.[at] ?? 0)
  return vectors.map((vector) => {
    const own = vector.map((value, at) => value - (middle[at] ?? 0))
    const length = Math.hypot(...own)
    return own.map((value) => value / length)
  })
}

const meanOf = (rows: number, size: number, value: (row: number, at: number) => number): Float32Array =>
  Float32Array.from({ length: size }, (_, at) => {
    let sum = 0
    for (let row = 0; row < rows; row++) sum += value(row, at)
    return sum / rows
  })

/** For each vector the number of the known one with the highest cosine. */
export function closest(vectors: readonly Float32Array[], known: readonly Float32Array[]): number[] {
  return vectors.map((vector) => {
    const cosines = known.map((each) => each.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0))
    return cosines.indexOf(Math.max(...cosines))
  })
}
