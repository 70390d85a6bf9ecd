import type { Evaluate } from 'unplugin-onnx'
import { closest, embed } from './embed'
import pairs from './pairs.json'

const sentences = pairs.map((pair) => pair.sentence)
const questions = pairs.map((pair) => pair.question)

/** Share of questions whose nearest sentence is their own: the same number, written in another way. */
const evaluate: Evaluate = async (model) => {
  const run = async (ids: BigInt64Array) => {
    const src_ids = { type: 'int64', data: ids, dims: [1, ids.length] }
    return (await model.run({ src_ids })).memory?.data as Float32Array
  }
  const known = await embed(sentences, run)
  const found = closest(await embed(questions, run), known)
  return found.filter((each, index) => each === index).length / questions.length
}
export default evaluate
