import { Tensor } from 'unplugin-onnx/runtime'
import { closest, embed, type Run } from './embed'
import encoder from './encoder.onnx'

const session = await encoder.open()

const run: Run = async (ids) => {
  const { memory } = await session.run({ src_ids: new Tensor('int64', ids, [1, ids.length]) })
  return memory.data
}

/** For each question the sentence that means the most alike. */
export async function search(questions: readonly string[], sentences: readonly string[]) {
  const found = closest(await embed(questions, run), await embed(sentences, run))
  return found.map((index) => sentences[index])
}
