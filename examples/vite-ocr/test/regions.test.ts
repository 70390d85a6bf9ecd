import { describe, expect, it } from 'vitest'
import { detectorInput, detectorSize, placesOf } from '../src/ocr/detect'
import { findRegions, type TextMap } from '../src/ocr/regions'

/** A map with blocks of text: left, top, right, bottom, probability. */
function mapOf(width: number, height: number, blocks: readonly (readonly number[])[]): TextMap {
  const data = new Float32Array(width * height)
  for (const [left = 0, top = 0, right = 0, bottom = 0, probability = 0] of blocks)
    for (let y = top; y < bottom; y++) data.fill(probability, y * width + left, y * width + right)
  return { width, height, data }
}

describe('text in the map of a detector', () => {
  it('reads rows from top to bottom, and each from left to right', () => {
    const blocks = [
      [60, 12, 90, 20, 0.9],
      [5, 40, 50, 48, 0.9],
      [5, 10, 40, 18, 0.9],
    ]
    const centers = findRegions(mapOf(100, 60, blocks)).map(({ rectangle }) => rectangle.center)
    expect(centers).toEqual([
      { x: 22.5, y: 14 },
      { x: 75, y: 16 },
      { x: 27.5, y: 44 },
    ])
  })

  it('grows each box back by what the network shrinks it', () => {
    const [region] = findRegions(mapOf(100, 60, [[10, 20, 50, 30, 0.8]]))
    expect(region?.confidence).toBeCloseTo(0.8)
    expect(region?.rectangle.width).toBeCloseTo(40 + 2 * 6)
    expect(region?.rectangle.height).toBeCloseTo(10 + 2 * 6)
  })

  it('drops specks, and what the network is not sure of', () => {
    const specks = [
      [10, 10, 60, 12, 0.95],
      [10, 30, 60, 40, 0.5],
    ]
    expect(findRegions(mapOf(100, 60, specks))).toEqual([])
  })

  it('counts pixels that touch at a corner as one text', () => {
    const steps = [
      [10, 10, 40, 20, 1],
      [40, 20, 44, 24, 1],
    ]
    expect(findRegions(mapOf(64, 64, steps))).toHaveLength(1)
  })

  it('follows a text upwards too', () => {
    const cup = [
      [10, 10, 30, 30, 1],
      [30, 20, 40, 30, 1],
      [40, 10, 60, 30, 1],
    ]
    expect(findRegions(mapOf(80, 64, cup))).toHaveLength(1)
  })

  it('finds nothing on an empty page', () => {
    expect(findRegions(mapOf(32, 32, []))).toEqual([])
  })

  it('gives places in the pixels of the image, not of the map', () => {
    const [place] = placesOf(mapOf(100, 50, [[10, 20, 50, 30, 0.9]]), { width: 200, height: 200 })
    expect(place?.quad[0]).toEqual({ x: expect.closeTo(8), y: expect.closeTo(56) })
    expect(place?.quad[2]).toEqual({ x: expect.closeTo(112), y: expect.closeTo(144) })
  })
})

describe("the detector's input", () => {
  it('has sides in multiples of 32, and at most 960', () => {
    expect(detectorSize({ width: 900, height: 1180 })).toEqual({ width: 736, height: 960 })
    expect(detectorSize({ width: 4000, height: 1000 })).toEqual({ width: 960, height: 256 })
    expect(detectorSize({ width: 20, height: 300 })).toEqual({ width: 32, height: 288 })
  })

  it('holds blue, green and red in this order, each normalized', () => {
    const data = new Uint8Array(32 * 32 * 4)
    for (let pixel = 0; pixel < 32 * 32; pixel++) data.set([255, 128, 0, 255], pixel * 4)
    const input = detectorInput({ width: 32, height: 32, data })
    expect(input.dims).toEqual([1, 3, 32, 32])
    expect(input.data[0]).toBeCloseTo((0 - 0.485) / 0.229)
    expect(input.data[1024]).toBeCloseTo((128 / 255 - 0.456) / 0.224)
    expect(input.data[2048]).toBeCloseTo((1 - 0.406) / 0.225)
  })
})
