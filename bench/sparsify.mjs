/**
 * What sparse_initializer saves on disk and on the way, where nine of ten weights are zero: bytes as they lie and as
 * brotli (quality 9) carries them, of the dense and of the sparse file.
 *
 *   node bench/sparsify.mjs [amount]
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { ExternalFiles } from '@unplugin-onnx/build'
import { applyPasses, encodeModel, readModel } from '@unplugin-onnx/core'

const trained = fileURLToPath(new URL('../test/fixtures/models/', import.meta.url))
const amount = Number(process.argv[2] ?? 0.9)

const kilobytes = (bytes) => (bytes / 1000).toFixed(1)
const brotli = (bytes) =>
  brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 22 },
  }).length

const quantized = [{ pass: 'upgrade-opset', options: { to: 13 } }, { pass: 'quantize-weights' }]
console.log(`${amount * 100} % of the weights of layers are zero; kB, raw / brotli`)
console.log('| model | float32 dense | float32 sparse | int8 dense | int8 sparse |')
console.log('|---|---|---|---|---|')
for (const name of readdirSync(trained).filter((each) => each.endsWith('.onnx'))) {
  const file = join(trained, name)
  const files = new ExternalFiles(file, file)
  const cells = []
  for (const after of [[], quantized]) {
    for (const last of [[], [{ pass: 'sparsify-weights' }]]) {
      const model = readModel(readFileSync(file), { external: files.reader })
      await applyPasses(model, [{ pass: 'prune-weights', options: { amount } }, ...after, ...last])
      const bytes = encodeModel(model)
      cells.push(`${kilobytes(bytes.length)} / ${kilobytes(brotli(bytes))}`)
    }
  }
  files.close()
  console.log(`| ${name.replace('.onnx', '')} | ${cells.join(' | ')} |`)
}
