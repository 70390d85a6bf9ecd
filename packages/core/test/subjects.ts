/** Every real model at hand, with inputs of its own kind. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sqnr } from '../src/index'
import { type Feeds, float, type Outputs, runModel } from './engine'
import { packageModels } from './models'
import { calibration, frames, line, longFrames, page, trainedFolder } from './real-feeds'

export interface Subject {
  readonly file: string
  readonly feeds: readonly Feeds[]
  /** Outputs that go into inputs of the next run. */
  readonly feedback?: Readonly<Record<string, string>>
  /** Inputs of the states, for runs that stand alone. */
  readonly states?: Feeds
}

const packaged = (name: string): string => packageModels.find((file) => file.includes(name)) ?? name
const zeros = (...dims: number[]) => float(dims, new Float32Array(dims.reduce((size, dim) => size * dim, 1)))
const state = { feedback: { state: 'stateN' }, states: { state: zeros(2, 1, 128) } }

const trained = (name: string, batch = 8): Subject => ({
  file: join(trainedFolder, `${name}.onnx`),
  feeds: calibration(name, batch, 2),
})

export const subjects: Readonly<Record<string, Subject>> = {
  'PP-OCR det': { file: packaged('det_infer'), feeds: page() },
  'PP-OCR rec': { file: packaged('rec_infer'), feeds: line(320) },
  'PP-OCR cls': { file: packaged('cls_infer'), feeds: line(192) },
  'silero legacy': {
    file: packaged('vad_legacy'),
    feeds: longFrames(12),
    feedback: { h: 'hn', c: 'cn' },
    states: { h: zeros(2, 1, 64), c: zeros(2, 1, 64) },
  },
  'silero v5': { file: packaged('vad_v5'), feeds: frames(24), ...state },
  'silero v6': { file: packaged('vad_v6'), feeds: frames(24), ...state },
  diabetes_mlp: trained('diabetes_mlp'),
  digits_mlp: trained('digits_mlp'),
  digits_cnn: trained('digits_cnn'),
  digits_mobile: trained('digits_mobile'),
  code_lang: trained('code_lang'),
  raw16_tf: trained('raw16_tf'),
  kws_gru: trained('kws_gru'),
  kws_conformer: trained('kws_conformer'),
  tied_lm_py: trained('tied_lm_py'),
  num_en_fr_encoder: trained('num_en_fr_encoder'),
  num_en_fr_decoder: trained('num_en_fr_decoder'),
  digits_script: trained('digits_script', 1),
  digits_ext: trained('digits_ext'),
}

const sources = new Map<string, Promise<Outputs[]>>()

/** What the source gives, computed once a file. */
export function expectedOf({ file, feeds, feedback }: Subject, bytes: Uint8Array, engine: 'wasm' | 'node') {
  const key = `${engine} ${file}`
  const outputs = sources.get(key) ?? runModel(bytes, feeds, { name: engine }, feedback)
  sources.set(key, outputs)
  return outputs
}

/** The lowest signal-to-noise ratio of all samples and outputs, in dB. */
export const worst = (expected: readonly Outputs[], actual: readonly Outputs[]): number =>
  Math.min(
    ...expected.flatMap((outputs, index) =>
      Object.entries(outputs).map(([key, { data }]) => sqnr(data, actual[index]?.[key]?.data ?? [])),
    ),
  )

export const bytesOf = ({ file }: Subject): Uint8Array => new Uint8Array(readFileSync(file))
