import type { Pixels, Quad } from '../ocr/pixels'
import type { Line } from '../ocr/read'
import { byId } from './dom'

/** Larger pictures are scaled down before anything else: more pixels than this help nobody read. */
const maxSide = 2000

const canvas = byId('canvas', HTMLCanvasElement)
const overlay = byId('overlay', SVGSVGElement)
const context = canvas.getContext('2d', { willReadFrequently: true })
if (!context) throw new Error('this browser has no 2D canvas')
const surface = context

/** Shows a picture, without text over it, and gives its pixels. */
export function show(picture: ImageBitmap): Pixels {
  const scale = Math.min(1, maxSide / Math.max(picture.width, picture.height))
  resize(Math.round(picture.width * scale), Math.round(picture.height * scale))
  surface.drawImage(picture, 0, 0, canvas.width, canvas.height)
  return pixels()
}

/** What the canvas shows now. */
export const pixels = (): Pixels => surface.getImageData(0, 0, canvas.width, canvas.height)

/** An empty sheet to write on. */
export function sheet(width: number, height: number): void {
  resize(width, height)
  surface.fillStyle = '#ffffff'
  surface.fillRect(0, 0, width, height)
}

function resize(width: number, height: number): void {
  canvas.width = width
  canvas.height = height
  overlay.setAttribute('viewBox', `0 0 ${width} ${height}`)
  overlay.replaceChildren()
}

/** Draws the text over the picture, each line where it was read. */
export function drawLines(lines: readonly Line[]): void {
  overlay.replaceChildren(...lines.flatMap(({ quad, text }) => [box(quad), label(quad, text)]))
}

/** Points at one line; undefined points at none. */
export function highlight(index: number | undefined): void {
  for (const [at, each] of overlay.querySelectorAll('.line-box').entries())
    each.classList.toggle('current', at === index)
}

function box(quad: Quad): SVGElement {
  const polygon = document.createElementNS('http://www.w3.org/2000/svg', 'polygon')
  polygon.setAttribute('class', 'line-box')
  polygon.setAttribute('points', quad.map(({ x, y }) => `${x},${y}`).join(' '))
  return polygon
}

function label([a, b, , d]: Quad, content: string): SVGElement {
  const width = Math.hypot(b.x - a.x, b.y - a.y)
  const height = Math.hypot(d.x - a.x, d.y - a.y)
  const angle = (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI
  const { size, length } = fit(content, width * 0.97, height * 0.9)
  const text = document.createElementNS('http://www.w3.org/2000/svg', 'text')
  text.setAttribute('class', 'line-text')
  text.setAttribute('transform', `translate(${a.x} ${a.y}) rotate(${angle})`)
  text.setAttribute('x', String((width - length) / 2))
  text.setAttribute('y', String(height / 2 + size * 0.35))
  text.setAttribute('font-size', String(size))
  text.setAttribute('textLength', String(length))
  text.textContent = content
  return text
}

/** The largest type that fits, and a little air between its letters where there is room left. */
function fit(content: string, width: number, height: number): { size: number; length: number } {
  surface.save()
  surface.font = '550 100px system-ui, sans-serif'
  const natural = surface.measureText(content).width / 100
  surface.restore()
  const size = Math.min(height, width / natural)
  return { size, length: Math.min(width, natural * size * 1.35) }
}

/** Lets people write on the canvas with mouse, finger or pen. */
export function writeOn(active: () => boolean): void {
  let last: { x: number; y: number } | undefined
  const at = ({ clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = canvas.getBoundingClientRect()
    return {
      x: ((clientX - left) * canvas.width) / width,
      y: ((clientY - top) * canvas.height) / height,
    }
  }
  canvas.addEventListener('pointerdown', (event) => {
    if (!active()) return
    canvas.setPointerCapture(event.pointerId)
    last = at(event)
    event.preventDefault()
  })
  canvas.addEventListener('pointermove', (event) => {
    if (!last) return
    const next = at(event)
    surface.strokeStyle = '#17242b'
    surface.lineWidth = 7
    surface.lineCap = 'round'
    surface.beginPath()
    surface.moveTo(last.x, last.y)
    surface.lineTo(next.x, next.y)
    surface.stroke()
    last = next
  })
  const lift = () => {
    last = undefined
  }
  canvas.addEventListener('pointerup', lift)
  canvas.addEventListener('pointercancel', lift)
}
