/** Large models: weights stay on disk until they are converted, one at a time. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readModel } from '@unplugin-onnx/core'
import { afterAll, describe, expect, it } from 'vitest'
import { writeTransformer } from './synthetic-transformer.mjs'

const folder = mkdtempSync(join(tmpdir(), 'large-model-'))
afterAll(() => rmSync(folder, { recursive: true }))
const cli = join(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')

/** Runs the command line and gives its peak memory in MB, as the system counts it for the whole process. */
function peakOf(args: readonly string[]): number {
  const report = `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(join(folder, 'peak'))}, String(process.resourceUsage().maxRSS)))`
  const preload = join(folder, 'report.cjs')
  writeFileSync(preload, report)
  const { status, stderr } = spawnSync(process.execPath, ['--require', preload, cli, ...args], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return Number(readFileSync(join(folder, 'peak'), 'utf8')) / 1024
}

describe.each([
  ['with external data', true],
  ['in one file', false],
] as const)('a model of 300 MB %s', (_, external) => {
  const source = join(folder, `model-${external}.onnx`)
  const { files } = writeTransformer(source, { bytes: 3e8, external })
  const out = join(folder, 'out.onnx')
  afterAll(() => {
    for (const file of files) rmSync(file)
  })

  it.each([
    ['8 bits', 'quantize-weights', 0.26],
    ['4 bits', 'quantize-weights:{"bits":4,"granularity":"block"}', 0.17],
  ])('goes to %s in less than 200 MB beyond what the program itself takes', (_, pass, share) => {
    const baseline = peakOf(['transform', '--list'])
    const peak = peakOf(['transform', source, '--out', out, '--pass', pass])
    expect(peak - baseline).toBeLessThan(200)
    const size = files.reduce((sum, file) => sum + statSync(file).size, 0)
    expect(statSync(out).size / size).toBeLessThan(share)
    // It's whole: every weight can be read.
    for (const { initializer } of readModel(readFileSync(out)).initializers()) initializer?.bytes()
  })
})
