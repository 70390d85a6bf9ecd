import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { modelFile } from './apps'
import { filesLoadedBy, packageOf } from './loaded-files'

/**
 * What a command loads takes longer than a small model, and as long as a large share of a big one: each list here is of
 * what that command needs, and is to grow only with it.
 */
const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-start-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Names of the packages that a command loads, this one left out. */
function loadedBy(...args: string[]): string[] {
  const names = filesLoadedBy([bin, ...args], folder).map(packageOf)
  return [...new Set(names)].filter((name) => name !== 'unplugin').sort()
}

it('loads nothing but the parser of arguments to say the version', () => {
  expect(loadedBy('--version')).toEqual(['commander'])
})

it('loads no engine, no workers and no readers of calibration data to transform a model', () => {
  const made = join(folder, 'made.onnx')
  const args = ['transform', modelFile('digits_mlp.onnx'), '--out', made, '--pass', 'quantize-weights']
  expect(loadedBy(...args)).toEqual(['build', 'commander', 'core', 'leven', 'picocolors'])
})

it('loads what reads TypeScript only where there is a configuration', () => {
  expect(loadedBy('cache', 'dir')).toEqual(['build', 'commander', 'core', 'leven', 'picocolors'])
})
