import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createGlobs } from '../src/options/unmatched'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'unplugin-onnx-globs-'))
  for (const file of ['src/det.onnx', 'src/rec.onnx', 'other/cls.onnx', 'node_modules/a/hidden.onnx']) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), '')
  }
})
afterEach(() => rmSync(root, { recursive: true }))

const globsAfter = (...models: string[]) => {
  const globs = createGlobs()
  for (const model of models) globs.add(join(root, model))
  return (...patterns: string[]) =>
    globs.warnings({ models: Object.fromEntries(patterns.map((pattern) => [pattern, {}])) }, root)
}

it('warns of a glob that fits no model, with those that there are and the nearest name', async () => {
  const warnings = globsAfter('src/det.onnx', 'src/rec.onnx')
  expect(await warnings('**/dett.onnx', '**/det.onnx', 'src/*.onnx', 'models/zzz.onnx')).toEqual([
    "models['**/dett.onnx'] fits no model: there are src/det.onnx, src/rec.onnx. Did you mean det.onnx?",
    "models['models/zzz.onnx'] fits no model: there are src/det.onnx, src/rec.onnx.",
  ])
})

it('warns once of each', async () => {
  const warnings = globsAfter('src/det.onnx')
  expect(await warnings('dett.onnx')).toEqual([
    "models['dett.onnx'] fits no model: there is src/det.onnx. Did you mean det.onnx?",
  ])
  expect(await warnings('dett.onnx', 'qqqqqq')).toEqual([
    "models['qqqqqq'] fits no model: there is src/det.onnx.",
  ])
})

it('takes a model that another build imports for no mistake, a package is none of them', async () => {
  const warnings = globsAfter('src/det.onnx')
  expect(await warnings('**/cls.onnx', 'other/*.onnx', './src/rec.onnx')).toEqual([])
  expect(await warnings('node_modules/a/*.onnx', 'node_modules/a/hidden.onnx')).toEqual([])
  expect(await warnings('**/hidden.onnx')).toHaveLength(1)
})

it('knows models that were not imported where it has no other', async () => {
  expect(await globsAfter()('**/clss.onnx')).toEqual([
    "models['**/clss.onnx'] fits no model: none was imported. Did you mean cls.onnx?",
  ])
})
