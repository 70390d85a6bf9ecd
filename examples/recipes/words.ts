import vocabulary from './vocabulary.json'

const idOf = (word: string): number => {
  const id = vocabulary.indexOf(word)
  if (id < 0) throw new Error(`'${word}' is not in the vocabulary`)
  return id
}

export const start = idOf('<s>')
export const end = idOf('</s>')

/** Ids of the words of a sentence, and of its end. */
export const idsOf = (sentence: string): BigInt64Array =>
  BigInt64Array.from([...(sentence.match(/[a-z]+|-/g) ?? []).map(idOf), end], BigInt)

export const wordsOf = (ids: readonly number[]): string => ids.map((id) => vocabulary[id]).join(' ')
