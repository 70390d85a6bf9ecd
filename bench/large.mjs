/**
 * Converts a synthetic 3 GB model with external data, made here and deleted afterwards, and says how much memory that
 * takes at most. The first argument is another size in GB; --keep leaves the model.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTransformer } from '../test/synthetic-transformer.mjs'
import { cli, measured } from './child.mjs'

const limit = 600
const sizeOf = (file) =>
  [file, `${file}.data`].reduce(
    (sum, part) => sum + (statSync(part, { throwIfNoEntry: false })?.size ?? 0),
    0,
  )
const gigabytes = Number(process.argv[2] ?? 3)
const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-large-'))
try {
  const source = join(folder, 'model.onnx')
  const { bytes } = writeTransformer(source, { bytes: gigabytes * 1e9, external: true })
  console.log(`source ${(bytes / 1e9).toFixed(2)} GB`)
  for (const [name, pass] of [
    ['8 bits per channel', 'quantize-weights:{"bits":8}'],
    ['4 bits, block 32', 'quantize-weights:{"bits":4,"granularity":"block"}'],
    ['float16', 'float16'],
    // Stays beyond 2 GiB, so its weights go to a file beside it.
    ['float32, cleaned', 'remove-unused'],
  ]) {
    const out = join(folder, 'out.onnx')
    const { seconds, peak, code, output } = await measured(process.execPath, [
      cli,
      'transform',
      source,
      '--out',
      out,
      '--pass',
      pass,
    ])
    if (code !== 0) console.log(`${name}: failed\n${output}`)
    else {
      const verdict = peak <= limit ? 'met' : 'MISSED'
      console.log(
        `${name.padEnd(20)} ${seconds.toFixed(1).padStart(6)} s  peak ${peak.toFixed(0).padStart(5)} MB (${verdict}: ${limit} MB)  file ${(sizeOf(out) / 1e6).toFixed(0)} MB`,
      )
    }
    if (code !== 0 || peak > limit) process.exitCode = 1
    for (const file of [out, `${out}.data`]) rmSync(file, { force: true })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
