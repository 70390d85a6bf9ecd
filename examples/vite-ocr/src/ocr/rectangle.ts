import type { Point, Quad } from './pixels'

/** A rectangle at any angle. */
export interface Rectangle {
  readonly center: Point
  /** Along `angle`, and across it. */
  readonly width: number
  readonly height: number
  /** Of the width's direction, in radians; 0 is to the right, positive turns clockwise on screen. */
  readonly angle: number
}

/** Convex hull of points, by Andrew's monotone chain. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  if (sorted.length < 3) return sorted
  const chain = (ordered: readonly Point[]) => {
    const hull: Point[] = []
    for (const point of ordered) {
      while (hull.length > 1 && turn(hull.at(-2), hull.at(-1), point) <= 0) hull.pop()
      hull.push(point)
    }
    hull.pop()
    return hull
  }
  return [...chain(sorted), ...chain(sorted.reverse())]
}

function turn(a: Point | undefined, b: Point | undefined, c: Point): number {
  return a && b ? (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) : 0
}

/** A tilted rectangle must be this much smaller than the upright one: a short word with one long letter is not tilted. */
const tiltGain = 0.88

/** The smallest rectangle around points. It shares a side's direction with their hull, so each side is tried. */
export function minAreaRectangle(points: readonly Point[]): Rectangle {
  const hull = convexHull(points)
  const straight = boundsAlong(hull, 0)
  let best = { ...straight, height: straight.height * tiltGain }
  for (const [index, from] of hull.entries()) {
    const to = hull[(index + 1) % hull.length] ?? from
    const rectangle = boundsAlong(hull, Math.atan2(to.y - from.y, to.x - from.x))
    if (rectangle.width * rectangle.height < best.width * best.height - 1e-6) best = rectangle
  }
  return best.angle === 0 ? straight : upright(best)
}

function boundsAlong(points: readonly Point[], angle: number): Rectangle {
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  let [minU, maxU, minV, maxV] = [Infinity, -Infinity, Infinity, -Infinity]
  for (const { x, y } of points) {
    const u = x * cos + y * sin
    const v = y * cos - x * sin
    minU = Math.min(minU, u)
    maxU = Math.max(maxU, u)
    minV = Math.min(minV, v)
    maxV = Math.max(maxV, v)
  }
  const u = (minU + maxU) / 2
  const v = (minV + maxV) / 2
  return {
    center: { x: u * cos - v * sin, y: u * sin + v * cos },
    width: maxU - minU,
    height: maxV - minV,
    angle,
  }
}

/** The same rectangle with an angle from -45 to 45 degrees: text leans, it rarely stands. */
function upright({ center, width, height, angle }: Rectangle): Rectangle {
  const quarters = Math.round(angle / (Math.PI / 2))
  const turned = quarters % 2 !== 0
  return {
    center,
    width: turned ? height : width,
    height: turned ? width : height,
    angle: angle - (quarters * Math.PI) / 2,
  }
}

/**
 * Grows a rectangle on all sides by area x ratio / perimeter: the network learns text shrunk by that much (DB, Liao et al.,
 * arXiv 1911.08947, section 3.5).
 */
export function unclip(rectangle: Rectangle, ratio: number): Rectangle {
  const { width, height } = rectangle
  const distance = (width * height * ratio) / (2 * (width + height))
  return { ...rectangle, width: width + 2 * distance, height: height + 2 * distance }
}

export function cornersOf({ center, width, height, angle }: Rectangle): Quad {
  const along = { x: (Math.cos(angle) * width) / 2, y: (Math.sin(angle) * width) / 2 }
  const across = { x: (-Math.sin(angle) * height) / 2, y: (Math.cos(angle) * height) / 2 }
  const corner = (u: number, v: number): Point => ({
    x: center.x + along.x * u + across.x * v,
    y: center.y + along.y * u + across.y * v,
  })
  return [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)]
}

export function contains({ center, width, height, angle }: Rectangle, { x, y }: Point): boolean {
  const dx = x - center.x
  const dy = y - center.y
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  return Math.abs(dx * cos + dy * sin) <= width / 2 && Math.abs(dy * cos - dx * sin) <= height / 2
}
