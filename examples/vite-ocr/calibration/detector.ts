import { detectorInput } from '../src/ocr/detect'
import { samples } from './samples'

/** Real inputs of the detector: the sample pictures. */
export default function* feeds() {
  for (const { image } of samples) yield { x: detectorInput(image) }
}
