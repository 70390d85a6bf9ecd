import { frameOf, type Normalization, type Pixels, type Quad, sampleQuad } from './pixels'
import { cornersOf } from './rectangle'
import { findRegions, type TextMap } from './regions'

/** Values for a model and their shape. */
export interface Input {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

/** ImageNet's, in the order in which PaddleOCR applies them to blue, green and red. */
const normalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

/** The network halves its input five times. */
const multiple = 32
const maxSide = 960

/** The image at a size that the detector takes: sides in multiples of 32, the longer one 960 at most. */
export function detectorInput(image: Pixels): Input {
  const { width, height } = detectorSize(image)
  const data = new Float32Array(3 * width * height)
  const layout = { stride: width, planeSize: width * height }
  sampleQuad(image, frameOf(image), { width, height }, data, layout, normalization)
  return { data, dims: [1, 3, height, width] }
}

export function detectorSize(image: Pick<Pixels, 'width' | 'height'>): { width: number; height: number } {
  const scale = Math.min(1, maxSide / Math.max(image.width, image.height))
  const side = (length: number) => Math.max(multiple, Math.round((length * scale) / multiple) * multiple)
  return { width: side(image.width), height: side(image.height) }
}

/** A text line's place in the image, and how sure the detector is, 0 to 1. */
export interface Place {
  readonly quad: Quad
  readonly confidence: number
}

/** Text lines in the image, from the detector's map of it, in reading order. */
export function placesOf(map: TextMap, image: Pick<Pixels, 'width' | 'height'>): Place[] {
  const x = image.width / map.width
  const y = image.height / map.height
  return findRegions(map).map(({ rectangle, confidence }) => {
    const [a, b, c, d] = cornersOf(rectangle)
    const scaled = (point: { x: number; y: number }) => ({ x: point.x * x, y: point.y * y })
    return { quad: [scaled(a), scaled(b), scaled(c), scaled(d)], confidence }
  })
}
