import { describe, expect, it } from 'vitest'
import { float16Fit, fromFloat16, toFloat16 } from '../src/index'

const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
const values = fromFloat16(halves)

/** Every finite float16 from 0 up, in order: the table that rounding is judged by. */
const table = values.slice(0, 0x7c00)

/** Round to nearest, ties to even, by looking for the neighbours. */
function referenceBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  let low = 0
  let high = table.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((table[middle] ?? 0) <= magnitude) low = middle
    else high = middle
  }
  const below = table[low] ?? 0
  const above = table[low + 1] ?? 65536
  const up =
    magnitude - below > above - magnitude || (magnitude - below === above - magnitude && low % 2 === 1)
  return sign | (up ? low + 1 : low)
}

const scratch = new Float32Array(1)
const bitsOf = new Uint32Array(scratch.buffer)
const nextUp = (value: number, steps: number): number => {
  scratch[0] = value
  bitsOf[0] = (bitsOf[0] ?? 0) + steps
  return scratch[0] ?? 0
}

describe('float32 to float16', () => {
  it('knows the constants of the format', () => {
    expect([...fromFloat16(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xfc00))]).toEqual([
      1,
      -2,
      65504,
      2 ** -14,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ])
  })

  it('gives back every one of the 65,536 float16 bit patterns, NaN as quiet NaN', () => {
    const back = toFloat16(values)
    for (const bits of halves) {
      const nan = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0
      if (back[bits] !== (nan ? bits | 0x200 : bits)) expect(back[bits]).toBe(bits)
    }
  })

  it('rounds to nearest and ties to even at, below and above every tie', () => {
    const inputs: number[] = []
    for (let index = 0; index < table.length; index++) {
      const tie = ((table[index] ?? 0) + (table[index + 1] ?? 65536)) / 2
      for (const steps of [-1, 0, 1]) inputs.push(nextUp(tie, steps), -nextUp(tie, steps))
    }
    const source = Float32Array.from(inputs)
    const converted = toFloat16(source)
    const wrong = [...source].filter((value, index) => converted[index] !== referenceBits(value))
    expect(wrong).toEqual([])
  })

  it('converts odd lengths and views that begin anywhere', () => {
    const source = Float32Array.of(9, 1, 2, 3, 1e-7, -5).subarray(1)
    expect([...fromFloat16(toFloat16(source))]).toEqual([1, 2, 3, Math.fround(2 * 2 ** -24), -5])
    expect(toFloat16(new Float32Array(0))).toHaveLength(0)
  })

  it('counts what does not fit', () => {
    const fit = float16Fit(
      Float32Array.of(0, 1, -65519, 65520, -1e9, 2 ** -25, 2 ** -24, Number.NaN, Number.NEGATIVE_INFINITY),
    )
    expect(fit).toEqual({ overflows: 2, underflows: 1, nonFinite: 2, largest: 1e9 })
  })
})
