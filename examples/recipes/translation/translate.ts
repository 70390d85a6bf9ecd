import { Tensor } from 'unplugin-onnx/runtime'
import { likeliest } from '../likeliest'
import { end, idsOf, start, wordsOf } from '../words'
import decoderModel from './decoder.onnx'
import encoderModel from './encoder.onnx'

const [encoder, decoder] = await Promise.all([encoderModel.open(), decoderModel.open()])
const longest = 18

const row = (ids: BigInt64Array) => new Tensor('int64', ids, [1, ids.length])

/** Greedy decoding: what is likeliest next is fed back until the model ends the sentence. */
export async function translate(sentence: string): Promise<string> {
  const src_ids = row(idsOf(sentence))
  const { memory } = await encoder.run({ src_ids })
  const target = [start]
  for (let step = 0; step < longest; step++) {
    const { logits } = await decoder.run({
      tgt_ids: row(BigInt64Array.from(target, BigInt)),
      memory,
      src_ids,
    })
    // Scores of the word after each word: [1, words so far, vocabulary].
    const next = likeliest(logits.data, target.length).at(-1) ?? end
    if (next === end) break
    target.push(next)
  }
  return wordsOf(target.slice(1))
}
