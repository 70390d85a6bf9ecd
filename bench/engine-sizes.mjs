/**
 * What onnxruntime-web's own files cost that a build emits, as they travel: prints the table of docs/guide.md.
 *
 *   node bench/engine-sizes.mjs
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))
const { version } = JSON.parse(readFileSync(join(dist, '../package.json'), 'utf8'))

/** As packages/unplugin/src/module/engines.ts has them; a test compares. */
const engines = {
  '`wasm`': ['ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.mjs', 'ort.wasm.min.mjs'],
  '`webgpu`, `webnn`': [
    'ort-wasm-simd-threaded.asyncify.wasm',
    'ort-wasm-simd-threaded.asyncify.mjs',
    'ort.webgpu.min.mjs',
  ],
}
const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

console.log(`| for | of onnxruntime-web ${version} | raw | gzip | brotli |\n|---|---|---|---|---|`)
for (const [targets, files] of Object.entries(engines)) {
  for (const [index, file] of files.entries()) {
    const bytes = readFileSync(join(dist, file))
    const sizes = [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes, best).length]
    console.log(`| ${index === 0 ? targets : ''} | \`${file}\` | ${sizes.map(size).join(' | ')} |`)
  }
}
