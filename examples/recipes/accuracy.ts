import { readFileSync } from 'node:fs'
import { type Evaluate, readNpz } from 'unplugin-onnx'
import { likeliest } from './likeliest'

/**
 * Scores a classifier: the share of rows whose likeliest class is the labelled one.
 * @param file an .npz with arrays named as the model's inputs, and `labels`, the number of each row's class
 */
export function accuracyOn(file: URL): Evaluate {
  const { labels, ...feeds } = Object.fromEntries(readNpz(readFileSync(file)))
  const truth = Array.from(labels?.data ?? [], Number)
  return async (model) => {
    const [scores] = Object.values(await model.run(feeds))
    const classes = likeliest(scores?.data as Float32Array, truth.length)
    return classes.filter((each, row) => each === truth[row]).length / truth.length
  }
}
