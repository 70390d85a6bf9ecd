/** Sentence embeddings by paraphrase-MiniLM: the mean reciprocal rank of a man page's text, asked for by its summary. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readNpz } from './npz.mjs'

const data = fileURLToPath(new URL('data/', import.meta.url))

function* texts(tokens, lengths) {
  let start = 0
  for (const length of lengths.data) {
    const ids = BigInt64Array.from(tokens.data.subarray(start, start + length), BigInt)
    const dims = [1, length]
    yield {
      input_ids: { type: 'int64', data: ids, dims },
      attention_mask: { type: 'int64', data: new BigInt64Array(length).fill(1n), dims },
    }
    start += length
  }
}

/** Summary and text, in turn, of 48 other man pages. */
export function* otherTexts() {
  const { ids, length } = readNpz(join(data, 'embed.calibration.npz'))
  yield* texts(ids, length)
}

/** Token vectors averaged, at length 1. */
async function embeddings(session, tokens, lengths) {
  const vectors = []
  for (const feeds of texts(tokens, lengths)) {
    const length = feeds.input_ids.dims[1]
    const outputs = Object.values(await session.run(feeds))
    const { data: values, dims } = outputs.find(({ dims }) => dims.length === 3 && dims[1] === length)
    const vector = new Float64Array(dims[2])
    for (let at = 0; at < values.length; at++) vector[at % dims[2]] += values[at]
    const norm = Math.hypot(...vector) || 1
    vectors.push(vector.map((value) => value / norm))
  }
  return vectors
}

const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0)

export async function scoreSentences(session) {
  const { q, q_len, p, p_len } = readNpz(join(data, 'embed.npz'))
  const questions = await embeddings(session, q, q_len)
  const passages = await embeddings(session, p, p_len)
  let sum = 0
  questions.forEach((question, index) => {
    const near = passages.map((passage) => dot(passage, question))
    // A tie counts against the model, and so does what isn't a number.
    const ahead = near.filter((value, other) => other !== index && !(value < near[index]))
    sum += 1 / (ahead.length + 1)
  })
  return sum / questions.length
}
