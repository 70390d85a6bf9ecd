import { describe, expect, it } from 'vitest'
import { contains, convexHull, cornersOf, minAreaRectangle, unclip } from '../src/ocr/rectangle'

const degrees = (radians: number) => (radians * 180) / Math.PI
const tilted = { center: { x: 50, y: 40 }, width: 60, height: 10, angle: Math.PI / 9 }

describe('rectangles around points', () => {
  it('takes only the corners of a cloud into its hull', () => {
    const square = [
      { x: 0, y: 0 },
      { x: 4, y: 0 },
      { x: 4, y: 4 },
      { x: 0, y: 4 },
    ]
    const hull = convexHull([...square, { x: 2, y: 2 }, { x: 1, y: 3 }, { x: 2, y: 0 }])
    expect(hull).toHaveLength(4)
    expect(hull).toEqual(expect.arrayContaining(square))
  })

  it('finds a tilted line of text again from points on its edge', () => {
    const [a, b, c, d] = cornersOf(tilted)
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
    const found = minAreaRectangle([a, b, c, d, middle, tilted.center])
    expect(found.center.x).toBeCloseTo(50)
    expect(found.center.y).toBeCloseTo(40)
    expect(found.width).toBeCloseTo(60)
    expect(found.height).toBeCloseTo(10)
    expect(degrees(found.angle)).toBeCloseTo(20)
  })

  it('leaves a short word upright, though one long letter makes a tilted box a little smaller', () => {
    const word = [
      { x: 0, y: 0 },
      { x: 60, y: 2 },
      { x: 60, y: 20 },
      { x: 0, y: 18 },
    ]
    expect(minAreaRectangle(word)).toEqual({ center: { x: 30, y: 10 }, width: 60, height: 20, angle: 0 })
  })

  it('calls the long side of a steep line its height, so that no text lies on its side', () => {
    const steep = { center: { x: 0, y: 0 }, width: 80, height: 10, angle: (70 * Math.PI) / 180 }
    const found = minAreaRectangle(cornersOf(steep))
    expect(degrees(found.angle)).toBeCloseTo(-20)
    expect(found.height).toBeCloseTo(80)
  })

  it('holds one point, and none, in an empty rectangle', () => {
    expect(minAreaRectangle([{ x: 3, y: 5 }])).toMatchObject({ width: 0, height: 0 })
  })

  it('grows by area times ratio over perimeter on every side', () => {
    const grown = unclip({ center: { x: 0, y: 0 }, width: 30, height: 10, angle: 0 }, 1.5)
    expect(grown.width).toBeCloseTo(30 + 2 * 5.625)
    expect(grown.height).toBeCloseTo(10 + 2 * 5.625)
  })

  it('knows what lies inside it, tilt and all', () => {
    expect(
      contains(tilted, { x: 50 + 28 * Math.cos(tilted.angle), y: 40 + 28 * Math.sin(tilted.angle) }),
    ).toBe(true)
    expect(contains(tilted, { x: 78, y: 40 })).toBe(false)
  })
})
