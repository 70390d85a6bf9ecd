import { describe, expect, it } from 'vitest'
import { scan, takePicture } from '../src/picture'
import { softmax } from '../src/softmax'

/** A drawing with one filled block. */
function inkOf(
  width: number,
  height: number,
  [left, top, right, bottom]: readonly [number, number, number, number],
) {
  const data = new Uint8Array(width * height)
  for (let y = top; y < bottom; y++) data.fill(255, y * width + left, y * width + right)
  return { width, height, data }
}

const bright = { light: 0.8, noise: 0 }

describe('a drawing as the model sees it', () => {
  it('is cut out, so that neither place nor size matters', () => {
    const small = scan(inkOf(280, 280, [20, 40, 60, 120]))
    expect(scan(inkOf(280, 280, [100, 50, 200, 250]))).toEqual(small)
  })

  it('keeps its proportions: a tall stroke stays in the middle', () => {
    const scanned = scan(inkOf(280, 280, [130, 20, 180, 220]))
    const row = [...scanned.subarray(24, 32)]
    expect(row).toEqual([0, 0, 0, expect.closeTo(1), expect.closeTo(1), 0, 0, 0])
  })

  it('is dim ink on a background of 0.15, in steps of 1/255', () => {
    const picture = takePicture(inkOf(280, 280, [130, 20, 180, 220]), bright)
    expect(picture).toHaveLength(1024)
    expect(picture[16 * 32]).toBeCloseTo(Math.round(0.15 * 255) / 255)
    expect(Math.max(...picture)).toBeCloseTo(Math.round(0.95 * 255) / 255)
    for (const value of picture) expect((value * 255) % 1).toBeCloseTo(0, 3)
  })

  it('is noisy as asked for, and the same each time', () => {
    const empty = { width: 10, height: 10, data: new Uint8Array(100) }
    const noisy = takePicture(empty, { light: 0.8, noise: 0.1 })
    expect(takePicture(empty, { light: 0.8, noise: 0.1 })).toEqual(noisy)
    const mean = noisy.reduce((sum, value) => sum + value, 0) / noisy.length
    expect(mean).toBeCloseTo(0.15, 1)
    expect(new Set(noisy).size).toBeGreaterThan(50)
  })

  it('shows nothing of an empty drawing', () => {
    expect(scan({ width: 10, height: 10, data: new Uint8Array(100) })).toEqual(new Float32Array(64))
  })
})

describe('probabilities', () => {
  it('sum to 1, also of scores that overflow an exponential', () => {
    const probabilities = softmax(Float32Array.of(1000, 999, -1000))
    expect(probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1)
    expect(probabilities[0]).toBeCloseTo(1 / (1 + Math.exp(-1)))
  })
})
