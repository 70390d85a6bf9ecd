import { detectorInput, type Input, placesOf } from './detect'
import type { Pixels, Quad } from './pixels'
import { classifierInput, decode, recognizerInput, turned } from './recognize'

/** One output of a model. */
export interface Output {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

/** A model with one input and one output. */
export type Run = (input: Input) => Promise<Output>

export interface Models {
  readonly detect: Run
  readonly recognize: Run
  readonly classify: Run
}

export interface Line {
  readonly text: string
  /** 0 to 1. */
  readonly confidence: number
  /** Where it stands in the image. */
  readonly quad: Quad
}

export interface Page {
  readonly lines: readonly Line[]
  /** Milliseconds: finding the lines, and reading them. */
  readonly detect: number
  readonly recognize: number
}

/** PaddleOCR turns a line only where the classifier is this sure that it stands on its head. */
const sure = 0.9
/** Lines with a lower mean probability are no text: leaves, bricks, textures. */
const minConfidence = 0.5

/** Reads all text in an image. */
export async function read(image: Pixels, models: Models, alphabet: readonly string[]): Promise<Page> {
  const start = performance.now()
  const map = await models.detect(detectorInput(image))
  const [height = 0, width = 0] = map.dims.slice(-2)
  const places = placesOf({ width, height, data: map.data }, image)
  const found = performance.now()
  const lines: Line[] = []
  for (const place of places) {
    const [, upsideDown = 0] = (await models.classify(classifierInput(image, place.quad))).data
    const quad = upsideDown > sure ? turned(place.quad) : place.quad
    const { data, dims } = await models.recognize(recognizerInput(image, quad))
    const reading = decode(data, dims.at(-1) ?? 1, alphabet)
    if (reading.text !== '' && reading.confidence >= minConfidence) lines.push({ ...reading, quad })
  }
  return { lines, detect: found - start, recognize: performance.now() - found }
}
