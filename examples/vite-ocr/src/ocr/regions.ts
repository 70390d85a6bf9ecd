import type { Point } from './pixels'
import { contains, minAreaRectangle, type Rectangle, unclip } from './rectangle'

/** Probability of text for each pixel, row by row. */
export interface TextMap {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** PaddleOCR's own values for PP-OCRv4. */
const pixelThreshold = 0.3
const boxThreshold = 0.6
const unclipRatio = 1.5
const minSide = 3

/** A place that holds text, and how sure the network is, 0 to 1. */
export interface Region {
  readonly rectangle: Rectangle
  readonly confidence: number
}

/** Rectangles around the text in the detector's map (DB's post-processing), in the order in which they are read. */
export function findRegions(map: TextMap): Region[] {
  const regions: Region[] = []
  for (const outline of outlines(map)) {
    const rectangle = minAreaRectangle(outline)
    if (Math.min(rectangle.width, rectangle.height) < minSide) continue
    const confidence = meanInside(map, rectangle)
    if (confidence < boxThreshold) continue
    regions.push({ rectangle: unclip(rectangle, unclipRatio), confidence })
  }
  return readingOrder(regions)
}

/** For each connected group of text pixels the corners of its first and last pixel in each row: all its hull needs. */
function* outlines({ width, height, data }: TextMap): Generator<Point[]> {
  const seen = new Uint8Array(width * height)
  const isText = (index: number) => seen[index] === 0 && (data[index] ?? 0) > pixelThreshold
  for (let start = 0; start < width * height; start++) {
    if (!isText(start)) continue
    const rows = new Map<number, [number, number]>()
    const stack = [start]
    seen[start] = 1
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      const y = Math.floor(index / width)
      const x = index - y * width
      const [first, last] = rows.get(y) ?? [x, x]
      rows.set(y, [Math.min(first, x), Math.max(last, x)])
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column
          if (!isText(next)) continue
          seen[next] = 1
          stack.push(next)
        }
      }
    }
    yield [...rows].flatMap(([y, [first, last]]) => [
      { x: first, y },
      { x: last + 1, y },
      { x: first, y: y + 1 },
      { x: last + 1, y: y + 1 },
    ])
  }
}

function meanInside({ width, height, data }: TextMap, rectangle: Rectangle): number {
  const reach = Math.hypot(rectangle.width, rectangle.height) / 2
  const { x, y } = rectangle.center
  let sum = 0
  let count = 0
  for (let row = Math.max(0, Math.floor(y - reach)); row < Math.min(height, y + reach); row++) {
    for (let column = Math.max(0, Math.floor(x - reach)); column < Math.min(width, x + reach); column++) {
      if (!contains(rectangle, { x: column + 0.5, y: row + 0.5 })) continue
      sum += data[row * width + column] ?? 0
      count++
    }
  }
  return count === 0 ? 0 : sum / count
}

/** Row by row, left to right within a row; a row is what begins within half a line's height of its first. */
function readingOrder(regions: readonly Region[]): Region[] {
  const left = [...regions].sort((a, b) => a.rectangle.center.y - b.rectangle.center.y)
  const ordered: Region[] = []
  while (left.length > 0) {
    const [first] = left
    if (!first) break
    const bottom = first.rectangle.center.y + first.rectangle.height / 2
    const end = left.findIndex(({ rectangle }) => rectangle.center.y >= bottom)
    const row = left.splice(0, end < 0 ? left.length : end)
    ordered.push(...row.sort((a, b) => a.rectangle.center.x - b.rectangle.center.x))
  }
  return ordered
}
