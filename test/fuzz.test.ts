/** What fuzzing found stays mended, and a short run finds nothing new. `node bench/fuzz.mjs` is the long one. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { targets } from '../bench/fuzz/targets'

const findings = join(import.meta.dirname, 'fixtures/findings')

describe.each(readdirSync(findings))('what was found in the target %s', (name) => {
  it.each(readdirSync(join(findings, name)))('is mended: %s', async (file) => {
    await targets[name]!.fuzz(Uint8Array.from(readFileSync(join(findings, name, file))))
  })
})

it('finds nothing in a short run of each target, and gets into the code of all', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-fuzz-'))
  try {
    const script = resolve(import.meta.dirname, '../bench/fuzz.mjs')
    const args = [script, '--runs', '10000', '--no-corpus', '--folder', folder]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(stderr).toBe('')
    const rows = [...stdout.matchAll(/^(\w+) +[\d,]+ executions +\S+ +([\d,]+) branches.*nothing found$/gm)]
    expect(rows.map(([, name]) => name)).toEqual(Object.keys(targets))
    // What a reader does before it refuses.
    for (const [row, , branches = ''] of rows)
      expect(Number(branches.replace(',', '')), row).toBeGreaterThan(40)
    expect(stdout).toMatch(/^10,0\d\d executions in \d+ s: nothing found$/m)
    expect(status).toBe(0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
