import { sizeOf } from '../arrays'
import type { Random } from './random'

/** Grey values in [0, 1] of one pixel; `plane` tells colour channels apart. */
type Painter = (x: number, y: number, plane: number) => number

const painters: readonly ((width: number, height: number, random: Random) => Painter)[] = [
  page,
  (_width, _height, random) => () => random.uniform(),
  page,
  (_width, _height, random) => {
    const blocks = Array.from({ length: 64 }, () => random.uniform())
    return (x, y, plane) => blocks[(Math.floor(x / 16) * 7 + Math.floor(y / 12) * 13 + plane * 5) % 64] ?? 0
  },
  () => (x, y, plane) => 0.5 + 0.25 * Math.sin(x / 9 + plane) + 0.25 * Math.sin(y / 7),
]

/**
 * A made-up picture, planes first or last: a page of strokes like letters, noise, another page, coloured blocks, waves.
 * Detectors answer noise with nothing, and strokes with something. Values run from 0 to 1, or, in
 * every other sample, from -2 to 2, as normalized by mean and deviation.
 * @param bytes whether values run from 0 to 255 instead
 */
export function pictureOf(
  dims: readonly number[],
  sample: number,
  random: Random,
  bytes: boolean,
): Float64Array {
  const planesLast = (dims[3] ?? 0) <= 4 && (dims[1] ?? 0) > 4
  const [height = 1, width = 1, planes = 1] = planesLast ? dims.slice(1) : [dims[2], dims[3], dims[1]]
  const paint = (painters[sample % painters.length] ?? page)(width, height, random)
  const [low, high] = bytes ? [0, 255] : sample % 2 === 0 ? [0, 1] : [-2, 2]
  return Float64Array.from({ length: sizeOf(dims) }, (_, index) => {
    const plane = planesLast ? index % planes : Math.floor(index / (width * height)) % planes
    const pixel = planesLast ? Math.floor(index / planes) : index
    const value = paint(pixel % width, Math.floor(pixel / width) % height, plane)
    return bytes ? Math.round(value * high) : low + (high - low) * value
  })
}

/** Dark strokes on white in lines, as letters stand: each has some of seven-segment-like bars. */
function page(width: number, height: number, random: Random): Painter {
  const line = Math.min(32, height)
  const spacing = height < 2 * line ? line : Math.round(line * 1.5)
  const advance = Math.max(6, Math.round(line * 0.55))
  const stroke = Math.max(1, Math.round(line / 14))
  const columns = Math.ceil(width / advance)
  const letters = Array.from({ length: columns * Math.ceil(height / spacing) }, () =>
    random.uniform() < 0.15 ? 0 : 1 + Math.floor(random.uniform() * 31),
  )
  const [left, right] = [Math.round(advance * 0.1), Math.round(advance * 0.75)]
  const [top, bottom] = [Math.round(line * 0.15), Math.round(line * 0.85)]
  const middle = (top + bottom) >> 1
  return (x, y) => {
    const bars = letters[Math.floor(y / spacing) * columns + Math.floor(x / advance)] ?? 0
    const [across, down] = [x % advance, y % spacing]
    if (bars === 0 || across < left || across >= right || down < top || down >= bottom) return 1
    const drawn =
      ((bars & 1) !== 0 && across < left + stroke) ||
      ((bars & 2) !== 0 && across >= right - stroke) ||
      ((bars & 4) !== 0 && down < top + stroke) ||
      ((bars & 8) !== 0 && down >= middle && down < middle + stroke) ||
      ((bars & 16) !== 0 && down >= bottom - stroke)
    return drawn ? 0 : 1
  }
}
