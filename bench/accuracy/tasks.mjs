/** The models with labelled data: where each graph and its calibration lie, what scores it, and inputs to time it with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { otherFiles, scoreFiles } from './filetype.mjs'
import { readNpz, rows } from './npz.mjs'
import { assets, crops, lines, pages, scoreLines, scorePages, scoreTurns } from './pictures.mjs'
import { otherTexts, scoreSentences } from './sentences.mjs'
import { scoreSpeech, silero } from './speech.mjs'
import { scoreTrained } from './trained.mjs'
import { modelOf } from './wheels.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const trained = join(here, '../../test/fixtures/models')

export const entries = JSON.parse(readFileSync(join(here, 'models.json'), 'utf8'))

const asset = (name) => () => join(assets, name)
const real = {
  'ocr-rec': { file: asset('ch_PP-OCRv4_rec_infer.onnx'), score: scoreLines, feeds: lines },
  'ocr-det': { file: asset('ch_PP-OCRv4_det_infer.onnx'), score: scorePages, feeds: pages },
  'ocr-cls': { file: asset('ch_ppocr_mobile_v2.0_cls_infer.onnx'), score: scoreTurns, feeds: crops },
  vad: { file: () => join(silero, 'silero_vad_v5.onnx'), score: scoreSpeech },
  filetype: { file: () => modelOf('filetype'), score: scoreFiles, feeds: otherFiles },
  embed: { file: () => modelOf('embed'), score: scoreSentences, feeds: otherTexts },
  vad16k: { file: () => modelOf('vad16k'), score: scoreSpeech },
}

/**
 * The graphs of an entry, each with its calibration data, what scores their sessions, and one input of a few milliseconds.
 * @throws ModelMissing where the model isn't in this repository and can't be had
 */
export function taskOf(entry) {
  const known = real[entry.name]
  if (known !== undefined) {
    return {
      graphs: [{ file: known.file(), calibration: join(here, `calibration/${entry.name}.mjs`) }],
      score: ([session]) => known.score(session),
      feed: () => known.feeds().next().value,
    }
  }
  const graphs = entry.files.filter((file) => file.endsWith('.onnx'))
  return {
    graphs: graphs.map((file) => ({
      file: join(trained, file),
      calibration: join(trained, file.replace('.onnx', '.npz')),
    })),
    score: (sessions) => scoreTrained(entry, sessions),
    feed: () =>
      Object.fromEntries(
        Object.entries(readNpz(join(trained, `${entry.name}.npz`))).map(([name, array]) => [
          name,
          rows(array, 0, 8),
        ]),
      ),
  }
}
