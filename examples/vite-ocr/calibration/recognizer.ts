import { recognizerInput } from '../src/ocr/recognize'
import { samples } from './samples'

/** Real inputs of the recognizer: the lines of the sample pictures. */
export default function* feeds() {
  for (const { image, quads } of samples) for (const quad of quads) yield { x: recognizerInput(image, quad) }
}
