import { frameLength, sampleRate } from '../vad/detector'
import type { Segment } from '../vad/segments'

/** What there is to see; it grows while the model listens. */
export interface Scene {
  readonly samples: Float32Array
  /** Of the frames heard so far. */
  readonly probabilities: ArrayLike<number>
  readonly segments: readonly Segment[]
  /** The source model's, to compare. */
  readonly source?: ArrayLike<number>
  /** Where it plays, in seconds. */
  readonly playhead?: number
}

const frameSeconds = frameLength / sampleRate

/** Draws the waveform, speech shaded, with the probability of speech as a curve over it. */
export function drawChart(canvas: HTMLCanvasElement, scene: Scene): void {
  const context = canvas.getContext('2d')
  if (!context) return
  const ratio = devicePixelRatio
  const { clientWidth: width, clientHeight: height } = canvas
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  const style = getComputedStyle(canvas)
  const color = (name: string) => style.getPropertyValue(name)
  const plot = { top: 12, bottom: height - 26 }
  const duration = scene.samples.length / sampleRate
  const x = (seconds: number) => (seconds / duration) * width
  const y = (probability: number) => plot.bottom - probability * (plot.bottom - plot.top)

  context.fillStyle = color('--accent-soft')
  for (const { start, end } of scene.segments)
    context.fillRect(x(start), plot.top, x(end) - x(start), plot.bottom - plot.top)
  drawAxes(context, { width, y, x, duration, line: color('--line'), text: color('--quiet') })
  drawWave(context, scene, { width, middle: (plot.top + plot.bottom) / 2, x, color })
  if (scene.source) drawCurve(context, scene.source, x, y, color('--warm'), 5)
  drawCurve(context, scene.probabilities, x, y, color('--accent'), 2.5)
  if (scene.playhead !== undefined) {
    context.fillStyle = color('--ink')
    context.fillRect(x(scene.playhead) - 1, plot.top, 2, plot.bottom - plot.top)
  }
}

interface Axes {
  readonly width: number
  readonly duration: number
  readonly line: string
  readonly text: string
  x(seconds: number): number
  y(probability: number): number
}

function drawAxes(context: CanvasRenderingContext2D, { width, duration, line, text, x, y }: Axes): void {
  context.font = '12px system-ui, sans-serif'
  context.textBaseline = 'top'
  context.fillStyle = text
  context.strokeStyle = line
  context.lineWidth = 1
  const step = [1, 2, 5, 10, 30, 60, 300].find((seconds) => duration / seconds <= 12) ?? 600
  for (let second = 0; second <= duration; second += step) {
    const label = `${second} s`
    const left = Math.min(Math.max(0, x(second) - context.measureText(label).width / 2), width - 24)
    context.fillText(label, left, y(0) + 8)
  }
  context.setLineDash([4, 4])
  context.beginPath()
  context.moveTo(0, y(0.5))
  context.lineTo(width, y(0.5))
  context.stroke()
  context.setLineDash([])
}

interface Wave {
  readonly width: number
  readonly middle: number
  x(seconds: number): number
  color(name: string): string
}

/** Bars of the loudest sample in each; those of speech stand out. */
function drawWave(context: CanvasRenderingContext2D, scene: Scene, { width, middle, x, color }: Wave): void {
  const bar = 3
  const perBar = (scene.samples.length / width) * bar
  let loudest = 0.05
  for (const sample of scene.samples) loudest = Math.max(loudest, Math.abs(sample))
  for (let left = 0; left < width; left += bar) {
    const from = Math.floor((left / bar) * perBar)
    let peak = 0
    for (let at = from; at < from + perBar; at++) peak = Math.max(peak, Math.abs(scene.samples[at] ?? 0))
    const inside = scene.segments.some(({ start, end }) => left >= x(start) && left <= x(end))
    context.fillStyle = inside ? color('--wave-speech') : color('--wave')
    const size = Math.max(1, (peak / loudest) * (middle - 24))
    context.fillRect(left, middle - size, bar - 1, size * 2)
  }
}

function drawCurve(
  context: CanvasRenderingContext2D,
  probabilities: ArrayLike<number>,
  x: (seconds: number) => number,
  y: (probability: number) => number,
  color: string,
  width: number,
): void {
  context.strokeStyle = color
  context.lineWidth = width
  context.lineJoin = 'round'
  context.beginPath()
  for (let index = 0; index < probabilities.length; index++)
    context.lineTo(x((index + 0.5) * frameSeconds), y(probabilities[index] ?? 0))
  context.stroke()
}
