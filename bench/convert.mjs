/**
 * Whole conversions, from file to file in a fresh process, against the same scheme in the Python tools: time and peak
 * memory. Targets: int8, dynamic and 4-bit at least 5 times faster at no more than half the memory, static at least twice
 * as fast. Without an argument a synthetic transformer of 1 GB is made and deleted again; else the arguments are a model
 * and, for static, its calibration .npz. The Python tools are set up in bench/python/.venv.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { passes } from '@unplugin-onnx/core'
import { writeTransformer } from '../test/synthetic-transformer.mjs'
import { cli, measured } from './child.mjs'
import { setUpPython } from './python/setup.mjs'

/**
 * The same scheme on both sides. quantize_dynamic takes embeddings too, as quantize-weights does; int8 weight-only has no equal among the Python tools: the nearest is 8 bits
 * in blocks.
 */
const schemes = [
  {
    name: 'int8 weight-only',
    steps: ['quantize-weights'],
    peer: '8-bit',
    faster: 5,
    memory: 0.5,
  },
  {
    name: 'dynamic int8',
    steps: ['quantize-dynamic', 'quantize-weights'],
    peer: 'dynamic',
    faster: 5,
    memory: 0.5,
  },
  {
    name: '4-bit rtn block 32',
    steps: ['quantize-weights:{"bits":4,"granularity":"block"}'],
    peer: '4-bit',
    faster: 5,
    memory: 0.5,
  },
  { name: 'static int8', steps: ['quantize-static'], peer: 'static', faster: 2, calibrated: true },
  { name: 'float16', steps: ['float16'], peer: 'float16' },
]

const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-convert-'))
let [source, calibration] = process.argv.slice(2)
const made = source === undefined
if (made) {
  source = join(folder, 'model.onnx')
  writeTransformer(source, { bytes: Number(process.env.SYNTHETIC_BYTES ?? 1e9) })
}

/** The faster of two runs: the first brings files and programs into the system's cache. */
async function best(command, args, out) {
  let fastest
  for (let run = 0; run < 2; run++) {
    rmSync(out, { force: true })
    const result = await measured(command, args)
    if (result.code !== 0) return result
    if (fastest === undefined || result.seconds < fastest.seconds) fastest = result
  }
  return { ...fastest, size: statSync(out).size }
}

const shown = ({ code, seconds, peak, size, output }) =>
  code === 0
    ? `${seconds.toFixed(2).padStart(7)} s ${peak.toFixed(0).padStart(6)} MB  file ${(size / 1e6).toFixed(1)} MB`
    : `failed: ${output.trim().split('\n').at(-1)?.slice(0, 160)}`

const python = setUpPython()
if (made && python !== undefined) {
  calibration = join(folder, 'x.npz')
  const script =
    'import numpy, sys; g = numpy.random.default_rng(1); numpy.savez(sys.argv[1], x=g.standard_normal((8, 1, 8, 1024), "float32"))'
  spawnSync(python, ['-c', script, calibration], { stdio: 'inherit' })
}
try {
  console.log(`${made ? 'synthetic transformer' : source}, ${(statSync(source).size / 1e6).toFixed(0)} MB`)
  for (const { name, steps, peer, faster, memory, calibrated } of schemes) {
    const missing = steps.map((step) => step.split(':')[0]).filter((pass) => !passes.has(pass))
    if (missing.length > 0) {
      console.log(`${name}: there is no pass ${missing}`)
      continue
    }
    if (calibrated && calibration === undefined) {
      console.log(`${name}: needs a calibration file`)
      continue
    }
    const out = join(folder, 'out.onnx')
    const given = calibrated ? ['--calibration', calibration, '--engine', 'node'] : []
    const ours = await best(
      process.execPath,
      [cli, 'transform', source, '--out', out, ...steps.flatMap((step) => ['--pass', step]), ...given],
      out,
    )
    console.log(`${name.padEnd(20)} ours    ${shown(ours)}`)
    if (python === undefined) continue
    const script = join(import.meta.dirname, 'python/convert.py')
    const theirs = await best(python, [script, peer, source, out, ...(calibrated ? [calibration] : [])], out)
    console.log(`${' '.repeat(20)} Python  ${shown(theirs)}`)
    if (ours.code !== 0 || theirs.code !== 0) continue
    const speed = theirs.seconds / ours.seconds
    const share = ours.peak / theirs.peak
    const met = speed >= (faster ?? 0) && share <= (memory ?? Number.POSITIVE_INFINITY)
    const target = faster && ` (${met ? 'met' : 'MISSED'}: ${faster} times${memory ? `, ${memory}` : ''})`
    console.log(
      `${' '.repeat(20)} ${speed.toFixed(1)} times faster, ${share.toFixed(2)} of the memory${target ?? ''}`,
    )
    if (faster && !met) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
