/** An image as canvas, ImageData and PNG decoders give it: RGBA, one byte each, row by row. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray | Uint8Array
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** Corners of a text line: top left, top right, bottom right, bottom left, as the text reads. */
export type Quad = readonly [Point, Point, Point, Point]

/**
 * Writes the part of an image under a quad, straightened, as planar floats in the order blue, green, red (the models were
 * trained on images read by OpenCV).
 * @param into where to write: the plane of a channel begins at channel * planeSize, its rows are `stride` floats apart
 * @param scale value = (byte / 255 - mean[channel]) / std[channel]
 */
export function sampleQuad(
  image: Pixels,
  quad: Quad,
  { width, height }: { readonly width: number; readonly height: number },
  into: Float32Array,
  { stride, planeSize }: { readonly stride: number; readonly planeSize: number },
  { mean, std }: Normalization,
): void {
  const [origin, right, , down] = quad
  const stepX = { x: (right.x - origin.x) / width, y: (right.y - origin.y) / width }
  const stepY = { x: (down.x - origin.x) / height, y: (down.y - origin.y) / height }
  // Several samples a pixel where the image shrinks, or thin strokes would flicker in and out.
  const taps = Math.max(1, Math.min(4, Math.round(Math.hypot(stepY.x, stepY.y))))
  const color = new Float32Array(3)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      color.fill(0)
      for (let tap = 0; tap < taps * taps; tap++) {
        const u = column + ((tap % taps) + 0.5) / taps
        const v = row + (Math.floor(tap / taps) + 0.5) / taps
        addBilinear(image, origin.x + stepX.x * u + stepY.x * v, origin.y + stepX.y * u + stepY.y * v, color)
      }
      for (let channel = 0; channel < 3; channel++) {
        const value = (color[2 - channel] ?? 0) / (taps * taps * 255)
        into[channel * planeSize + row * stride + column] =
          (value - (mean[channel] ?? 0)) / (std[channel] ?? 1)
      }
    }
  }
}

/** Per channel, in the order blue, green, red. */
export interface Normalization {
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
}

/** Adds the red, green and blue at a place between pixels. Pixel centers lie at halves; outside, the border goes on. */
function addBilinear({ width, height, data }: Pixels, x: number, y: number, sum: Float32Array): void {
  const left = Math.min(width - 1, Math.max(0, x - 0.5))
  const top = Math.min(height - 1, Math.max(0, y - 0.5))
  const x0 = Math.floor(left)
  const y0 = Math.floor(top)
  const x1 = Math.min(width - 1, x0 + 1)
  const y1 = Math.min(height - 1, y0 + 1)
  const fx = left - x0
  const fy = top - y0
  const at00 = (y0 * width + x0) * 4
  const at01 = (y0 * width + x1) * 4
  const at10 = (y1 * width + x0) * 4
  const at11 = (y1 * width + x1) * 4
  for (let channel = 0; channel < 3; channel++) {
    const above = (data[at00 + channel] ?? 0) * (1 - fx) + (data[at01 + channel] ?? 0) * fx
    const below = (data[at10 + channel] ?? 0) * (1 - fx) + (data[at11 + channel] ?? 0) * fx
    sum[channel] = (sum[channel] ?? 0) + above * (1 - fy) + below * fy
  }
}

/** The whole image as a quad. */
export const frameOf = ({ width, height }: Pixels): Quad => [
  { x: 0, y: 0 },
  { x: width, y: 0 },
  { x: width, y: height },
  { x: 0, y: height },
]
