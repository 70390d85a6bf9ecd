import { classifierInput, turned } from '../src/ocr/recognize'
import { samples } from './samples'

/** Real inputs of the classifier: the lines of the sample pictures, upright and on their heads. */
export default function* feeds() {
  for (const { image, quads } of samples) {
    for (const quad of quads) {
      yield { x: classifierInput(image, quad) }
      yield { x: classifierInput(image, turned(quad)) }
    }
  }
}
