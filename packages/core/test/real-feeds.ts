/** Real inputs for the real models: a page, a line of text, speech, and the calibration data of the trained models. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Feed, type Feeds, float, int64 } from './engine'
import { type NpyArray, readNpz } from './npz'

const inputs = readNpz(readFileSync(join(import.meta.dirname, 'fixtures/real-inputs.npz')))
export const trainedFolder = join(import.meta.dirname, '../../../test/fixtures/models')

/** Grey values as three equal colour channels, each with its mean and deviation. */
function picture(
  { dims, data }: NpyArray,
  width: number,
  mean: readonly number[],
  deviation: readonly number[],
): Feed {
  const [rows = 0, columns = 0] = dims
  const pixels = new Float32Array(3 * rows * width)
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < Math.min(columns, width); column++) {
        const grey = Number(data[row * columns + column]) / 255
        pixels[(channel * rows + row) * width + column] =
          (grey - (mean[channel] ?? 0)) / (deviation[channel] ?? 1)
      }
    }
  }
  return float([1, 3, rows, width], pixels)
}

export const page = (): Feeds[] => [
  { x: picture(inputs.page!, 640, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) },
]
export const line = (width: number): Feeds[] => [
  { x: picture(inputs.line!, width, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]) },
]

/** 8-bit mu-law to -1..1. */
function speech(): Float32Array {
  return Float32Array.from(inputs.speech!.data as Uint8Array, (code) => {
    const level = code / 127.5 - 1
    return (Math.sign(level) * (256 ** Math.abs(level) - 1)) / 255
  })
}

/** Frames of 512 samples with 64 of the frame before, as silero VAD v5 and later take them. */
export function frames(count: number): Feeds[] {
  const samples = speech()
  return Array.from({ length: count }, (_, index) => {
    const frame = new Float32Array(576)
    frame.set(samples.subarray(Math.max(0, index * 512 - 64), index * 512 + 512), index === 0 ? 64 : 0)
    const state = index === 0 ? { state: float([2, 1, 128], new Float32Array(256)) } : {}
    return { input: float([1, 576], frame), sr: int64([], [16000]), ...state }
  })
}

/** Frames of 1536 samples, as the older silero VAD takes them. */
export function longFrames(count: number): Feeds[] {
  const samples = speech()
  const zeros = () => float([2, 1, 64], new Float32Array(128))
  return Array.from({ length: count }, (_, index) => ({
    input: float([1, 1536], samples.subarray(index * 1536, index * 1536 + 1536)),
    sr: int64([1], [16000]),
    ...(index === 0 ? { h: zeros(), c: zeros() } : {}),
  }))
}

/** The first rows of a trained model's calibration data, in batches. */
export function calibration(name: string, batch: number, batches: number): Feeds[] {
  const arrays = Object.entries(readNpz(readFileSync(join(trainedFolder, `${name}.npz`))))
  return Array.from({ length: batches }, (_, index) =>
    Object.fromEntries(
      arrays.map(([key, { dims, data }]) => {
        const row = data.length / (dims[0] ?? 1)
        const part = data.slice(index * batch * row, (index + 1) * batch * row)
        const shape = [batch, ...dims.slice(1)]
        const feed: Feed =
          part instanceof BigInt64Array
            ? { type: 'int64', dims: shape, data: part }
            : float(shape, part as Float32Array)
        return [key, feed]
      }),
    ),
  )
}
