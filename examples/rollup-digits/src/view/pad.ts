import type { Ink } from '../picture'
import { byId } from './dom'

/** Side of the drawing, in its own pixels. */
const side = 280
const stroke = 26

const canvas = byId('pad', HTMLCanvasElement)
canvas.width = side
canvas.height = side
const context = canvas.getContext('2d', { willReadFrequently: true })
if (!context) throw new Error('this browser has no 2D canvas')
const surface = context
surface.lineWidth = stroke
surface.lineCap = 'round'
surface.lineJoin = 'round'

export function clear(): void {
  surface.clearRect(0, 0, side, side)
}

/** Draws an SVG path given in a square of 100. */
export function drawPath(path: string): void {
  clear()
  const scaled = new Path2D()
  scaled.addPath(new Path2D(path), new DOMMatrix().scale(side / 100))
  surface.strokeStyle = inkColor()
  surface.stroke(scaled)
}

/** What was drawn: the opacity of each pixel. */
export function ink(): Ink {
  const { data } = surface.getImageData(0, 0, side, side)
  return { width: side, height: side, data: data.filter((_, index) => index % 4 === 3) }
}

const inkColor = () => getComputedStyle(canvas).getPropertyValue('--ink')

/** Lets people draw with mouse, finger or pen; hears of every stroke. */
export function onDraw(drawn: () => void): void {
  let last: { x: number; y: number } | undefined
  const at = ({ clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = canvas.getBoundingClientRect()
    return { x: ((clientX - left) * side) / width, y: ((clientY - top) * side) / height }
  }
  const lineTo = (next: { x: number; y: number }) => {
    surface.strokeStyle = inkColor()
    surface.beginPath()
    surface.moveTo(last?.x ?? next.x, last?.y ?? next.y)
    surface.lineTo(next.x, next.y)
    surface.stroke()
    last = next
    drawn()
  }
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId)
    lineTo(at(event))
  })
  canvas.addEventListener('pointermove', (event) => {
    if (last) lineTo(at(event))
  })
  for (const event of ['pointerup', 'pointercancel'] as const)
    canvas.addEventListener(event, () => {
      last = undefined
    })
}
