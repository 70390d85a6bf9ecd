/** Side of the picture that the model takes. */
export const side = 32
/** Side of the scans that it was trained on, before they were enlarged. */
const cells = 8

/** How much ink lies on each pixel, 0 to 255, row by row. */
export interface Ink {
  readonly width: number
  readonly height: number
  readonly data: ArrayLike<number>
}

/** How the picture is taken; what the model was trained with is light 0.35 to 0.9 and noise 0.22. */
export interface Camera {
  /** Brightness of full ink, 0 to 1. */
  readonly light: number
  /** Standard deviation of the sensor noise. */
  readonly noise: number
}

/**
 * A drawing as the model knows its digits: scanned to 8x8, enlarged to 32x32, in dim light, with noise, in steps of 1/255
 * (train/data.py does the same in Python).
 */
export function takePicture(ink: Ink, { light, noise }: Camera): Float32Array {
  const random = randomNormal(7)
  return enlarge(scan(ink)).map((value) => {
    const seen = value * light + 0.15 + random() * noise
    return Math.round(Math.min(1, Math.max(0, seen)) * 255) / 255
  })
}

/** The drawing, cut out and fitted into 8x8 cells: the share of ink in each, 0 to 1. */
export function scan(ink: Ink): Float32Array {
  const box = boundsOf(ink)
  const scanned = new Float32Array(cells * cells)
  if (!box) return scanned
  const size = Math.max(box.right - box.left, box.bottom - box.top)
  const left = (box.left + box.right - size) / 2
  const top = (box.top + box.bottom - size) / 2
  const taps = 16
  for (const index of scanned.keys()) {
    const [row, column] = [Math.floor(index / cells), index % cells]
    let sum = 0
    for (let tap = 0; tap < taps * taps; tap++) {
      const x = Math.floor(left + ((column + ((tap % taps) + 0.5) / taps) / cells) * size)
      const y = Math.floor(top + ((row + (Math.floor(tap / taps) + 0.5) / taps) / cells) * size)
      if (x >= 0 && y >= 0 && x < ink.width && y < ink.height) sum += ink.data[y * ink.width + x] ?? 0
    }
    scanned[index] = sum / (taps * taps * 255)
  }
  return scanned
}

function boundsOf({ width, height, data }: Ink) {
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[y * width + x] ?? 0) < 128) continue
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y + 1)
    }
  }
  return right > left ? { left, top, right, bottom } : undefined
}

/** Bilinear, corner on corner, as scipy.ndimage.zoom(order=1) enlarges. */
function enlarge(scanned: Float32Array): Float32Array {
  const picture = new Float32Array(side * side)
  const at = (row: number, column: number) =>
    scanned[Math.min(cells - 1, row) * cells + Math.min(cells - 1, column)] ?? 0
  for (const index of picture.keys()) {
    const y = (Math.floor(index / side) * (cells - 1)) / (side - 1)
    const x = ((index % side) * (cells - 1)) / (side - 1)
    const [row, column] = [Math.floor(y), Math.floor(x)]
    const [down, right] = [y - row, x - column]
    picture[index] =
      (at(row, column) * (1 - right) + at(row, column + 1) * right) * (1 - down) +
      (at(row + 1, column) * (1 - right) + at(row + 1, column + 1) * right) * down
  }
  return picture
}

/** Normally distributed numbers, the same for the same seed, so that the picture doesn't flicker while one draws. */
function randomNormal(seed: number): () => number {
  let state = seed
  // mulberry32
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  // Box-Muller
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}
