import { describe, expect, it } from 'vitest'
import type { Pixels, Quad } from '../src/ocr/pixels'
import { alphabetOf, classifierInput, decode, recognizerInput, turned } from '../src/ocr/recognize'

const alphabet = alphabetOf('a\nb\nc\n')

/** One-hot steps with the given classes. */
function steps(...classes: readonly number[]): Float32Array {
  const data = new Float32Array(classes.length * alphabet.length)
  for (const [step, index] of classes.entries()) data[step * alphabet.length + index] = 0.9
  return data
}

const box = (left: number, top: number, right: number, bottom: number): Quad => [
  { x: left, y: top },
  { x: right, y: top },
  { x: right, y: bottom },
  { x: left, y: bottom },
]

/** Dark on the left, bright on the right. */
function ramp(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 4)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const value = Math.round(((pixel % width) / (width - 1)) * 255)
    data.set([value, value, value, 255], pixel * 4)
  }
  return { width, height, data }
}

describe('decoding what the recognizer says', () => {
  it('has the blank first and the space last', () => {
    expect(alphabet).toEqual(['', 'a', 'b', 'c', ' '])
  })

  it('merges repeats and drops blanks, so that a blank between two of a kind keeps both', () => {
    expect(decode(steps(0, 1, 1, 0, 1, 2, 0, 3), alphabet.length, alphabet).text).toBe('aabc')
  })

  it('keeps spaces inside and cuts them at the ends', () => {
    expect(decode(steps(4, 1, 4, 2, 4), alphabet.length, alphabet).text).toBe('a b')
  })

  it('is as sure as its characters are on average', () => {
    const data = steps(1, 0, 2)
    data[2 * alphabet.length + 2] = 0.5
    expect(decode(data, alphabet.length, alphabet).confidence).toBeCloseTo(0.7)
  })

  it('reads nothing, not sure at all, from blanks', () => {
    expect(decode(steps(0, 0, 0), alphabet.length, alphabet)).toEqual({ text: '', confidence: 0 })
  })
})

describe("the recognizer's input", () => {
  it('is 48 high and in proportion, filled up with mid-grey', () => {
    const { data, dims } = recognizerInput(ramp(200, 40), box(0, 0, 100, 20))
    expect(dims).toEqual([1, 3, 48, 320])
    expect(data[239]).toBeCloseTo(0, 1)
    expect(data[0]).toBeCloseTo(-1, 1)
    expect([...data.subarray(240, 320)]).toEqual(new Array(80).fill(0))
  })

  it('grows wider for long lines, in steps of 64', () => {
    expect(recognizerInput(ramp(200, 10), box(0, 0, 200, 10)).dims).toEqual([1, 3, 48, 960])
    expect(recognizerInput(ramp(200, 10), box(0, 0, 190, 10)).dims).toEqual([1, 3, 48, 960])
  })

  it('turns a line on its head by taking its corners from the other side', () => {
    const upright = recognizerInput(ramp(320, 48), box(0, 0, 320, 48)).data
    const upsideDown = recognizerInput(ramp(320, 48), turned(box(0, 0, 320, 48))).data
    expect(upright[0]).toBeCloseTo(-1, 1)
    expect(upsideDown[0]).toBeCloseTo(1, 1)
    for (let column = 0; column < 320; column++)
      expect(upsideDown[column]).toBeCloseTo(upright[319 - column] ?? Number.NaN)
  })

  it('straightens a tilted line', () => {
    const tilt = Math.PI / 6
    const along = { x: Math.cos(tilt) * 48, y: Math.sin(tilt) * 48 }
    const across = { x: -Math.sin(tilt) * 24, y: Math.cos(tilt) * 24 }
    const origin = { x: 60, y: 10 }
    const at = (u: number, v: number) => ({
      x: origin.x + along.x * u + across.x * v,
      y: origin.y + along.y * u + across.y * v,
    })
    // Bright where the tilted line's second half is.
    const image = ramp(128, 64)
    const data = new Uint8Array(image.data)
    for (let pixel = 0; pixel < 128 * 64; pixel++) {
      const dx = (pixel % 128) + 0.5 - origin.x
      const dy = Math.floor(pixel / 128) + 0.5 - origin.y
      const value = dx * Math.cos(tilt) + dy * Math.sin(tilt) > 24 ? 255 : 0
      data.set([value, value, value, 255], pixel * 4)
    }
    const input = recognizerInput({ width: 128, height: 64, data }, [at(0, 0), at(1, 0), at(1, 1), at(0, 1)])
    const row = input.data.subarray(24 * 320, 24 * 320 + 96)
    expect(Math.max(...row.subarray(0, 44))).toBeCloseTo(-1)
    expect(Math.min(...row.subarray(52))).toBeCloseTo(1)
  })

  it('gives the classifier the first 192 columns', () => {
    expect(classifierInput(ramp(900, 48), box(0, 0, 900, 48)).dims).toEqual([1, 3, 48, 192])
  })
})
