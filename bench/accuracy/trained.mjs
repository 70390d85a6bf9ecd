/** Scores of the trained models in test/fixtures/models: share of right classes, of right tokens, R², whole sequences. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readNpz, rows, sizeOf } from './npz.mjs'

const data = fileURLToPath(new URL('data/', import.meta.url))

/** @param sessions encoder and decoder, or one model */
export async function scoreTrained(entry, sessions) {
  const { labels, ...feeds } = readNpz(join(data, `${entry.name}.test.npz`))
  return entry.metric === 'exact_match'
    ? exactMatch(sessions, feeds.src_ids, labels, entry)
    : batched(sessions[0], feeds, labels, entry.name === 'digits_script' ? 1 : 100, entry.metric)
}

async function batched(session, feeds, labels, batch, metric) {
  const [count] = labels.dims
  const perItem = sizeOf(labels.dims.slice(1))
  const mean = labels.data.reduce((sum, value) => sum + Number(value), 0) / labels.data.length
  let hits = 0
  let counted = 0
  let residual = 0
  let total = 0
  for (let from = 0; from < count; from += batch) {
    const size = Math.min(batch, count - from)
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, array]) => [name, rows(array, from, size)]),
    )
    const output = (await session.run(inputs))[session.outputs[0]].data
    const truth = rows(labels, from, size).data
    const classes = output.length / (size * perItem)
    truth.forEach((label, index) => {
      if (metric === 'r2') {
        residual += (output[index] - label) ** 2
        total += (label - mean) ** 2
      } else if (Number(label) !== -100) {
        counted++
        const scores = output.subarray(index * classes, (index + 1) * classes)
        if (scores.every(Number.isFinite) && best(scores) === Number(label)) hits++
      }
    })
  }
  return metric === 'r2' ? 1 - residual / total : hits / counted
}

/** Greedy decoding of all sources at once; a hit is a whole sequence that equals the label. */
async function exactMatch([encoder, decoder], sources, labels, { start, end, pad, max_len: longest }) {
  const [count] = sources.dims
  const sequences = Array.from({ length: count }, () => [start])
  const done = Array(count).fill(false)
  const memory = { type: 'float32', ...(await encoder.run({ src_ids: sources }))[encoder.outputs[0]] }
  for (let step = 0; step < longest && !done.every(Boolean); step++) {
    const length = step + 1
    const targets = {
      type: 'int64',
      data: BigInt64Array.from(sequences.flat(), BigInt),
      dims: [count, length],
    }
    const { data, dims } = (await decoder.run({ src_ids: sources, tgt_ids: targets, memory }))[
      decoder.outputs[0]
    ]
    const vocabulary = dims[2]
    for (let index = 0; index < count; index++) {
      const at = (index * length + length - 1) * vocabulary
      const token = done[index] ? pad : best(data.subarray(at, at + vocabulary))
      sequences[index].push(token)
      if (token === end) done[index] = true
    }
  }
  const width = labels.dims[1]
  const hits = sequences.filter((tokens, index) => {
    const truth = Array.from(labels.data.subarray(index * width, (index + 1) * width), Number)
    const length = Math.max(width, tokens.length)
    return Array.from({ length }, (_, at) => (tokens[at] ?? pad) === (truth[at] ?? pad)).every(Boolean)
  })
  return hits.length / count
}

export function best(scores) {
  let index = 0
  for (let each = 1; each < scores.length; each++) if (scores[each] > scores[index]) index = each
  return index
}
