import type { Input } from './detect'
import { type Normalization, type Pixels, type Quad, sampleQuad } from './pixels'

const lineHeight = 48
const minWidth = 320
const maxWidth = 3200
/** Widths are rounded up, so that a GPU compiles its shaders for few shapes. */
const multiple = 64
const normalization: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

/** A line, straightened and 48 pixels high; what is left of the width stays 0, mid-grey. */
export function recognizerInput(image: Pixels, quad: Quad): Input {
  const width = Math.min(maxWidth, widthAt(lineHeight, quad))
  const stride = Math.max(minWidth, Math.ceil(width / multiple) * multiple)
  return lineInput(image, quad, width, stride)
}

/** The line's beginning for the classifier that tells upright lines from lines on their heads: 192 by 48. */
export function classifierInput(image: Pixels, quad: Quad): Input {
  return lineInput(image, quad, Math.min(192, widthAt(lineHeight, quad)), 192)
}

function lineInput(image: Pixels, quad: Quad, width: number, stride: number): Input {
  const planeSize = lineHeight * stride
  const data = new Float32Array(3 * planeSize)
  sampleQuad(image, quad, { width, height: lineHeight }, data, { stride, planeSize }, normalization)
  return { data, dims: [1, 3, lineHeight, stride] }
}

function widthAt(height: number, [a, b, , d]: Quad): number {
  const aspect = Math.hypot(b.x - a.x, b.y - a.y) / Math.max(1, Math.hypot(d.x - a.x, d.y - a.y))
  return Math.max(1, Math.round(height * aspect))
}

/** The same place read from the other side. */
export const turned = ([a, b, c, d]: Quad): Quad => [c, d, a, b]

/** The characters that the recognizer tells apart, by class: 0 is the blank between characters, the last is the space. */
export function alphabetOf(keys: string): string[] {
  return ['', ...keys.replace(/\r?\n$/, '').split(/\r?\n/), ' ']
}

export interface Reading {
  readonly text: string
  /** Mean probability of the characters, 0 to 1. */
  readonly confidence: number
}

/**
 * Greedy CTC: the likeliest class at each step, repeats merged, blanks dropped.
 * @param probabilities steps x classes
 */
export function decode(probabilities: Float32Array, classes: number, alphabet: readonly string[]): Reading {
  let text = ''
  let sum = 0
  let count = 0
  let previous = 0
  for (let at = 0; at + classes <= probabilities.length; at += classes) {
    let best = 0
    for (let index = 1; index < classes; index++)
      if ((probabilities[at + index] ?? 0) > (probabilities[at + best] ?? 0)) best = index
    if (best !== 0 && best !== previous) {
      text += alphabet[best] ?? ''
      sum += probabilities[at + best] ?? 0
      count++
    }
    previous = best
  }
  return { text: text.trim(), confidence: count === 0 ? 0 : sum / count }
}
