import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@unplugin-onnx/runtime'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeDeclaration } from '../src/declarations'

const manifest: Manifest = {
  version: 1,
  source: { file: 'det.onnx', bytes: 1, brotliBytes: 1, sha256: '', external: [] },
  inputs: [{ name: 'x', type: 'float32', dims: ['batch', 64] }],
  outputs: [{ name: 'y', type: 'int64', dims: [null] }],
  variants: [],
  candidates: [],
  verifiedOn: { source: 'synthesized', samples: 1 },
  engines: {},
  warnings: [],
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-dts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('types the inputs and outputs beside the model', async () => {
  await writeDeclaration(join(folder, 'det.onnx'), manifest)
  const text = readFileSync(join(folder, 'det.d.onnx.ts'), 'utf8')
  expect(text).toContain("from 'unplugin-onnx/runtime'")
  expect(text).toMatch(/x.*TypedTensor<'float32'>/)
  expect(text).toMatch(/y.*TypedTensor<'int64'>/)
  expect(readdirSync(folder)).toEqual(['det.d.onnx.ts'])
})

it('leaves a file that says the same already, and replaces one that says something else', async () => {
  const file = join(folder, 'det.d.onnx.ts')
  await writeDeclaration(join(folder, 'det.onnx'), manifest)
  const before = statSync(file)
  await writeDeclaration(join(folder, 'det.onnx'), manifest)
  expect(statSync(file).ino).toBe(before.ino)
  await writeDeclaration(join(folder, 'det.onnx'), { ...manifest, outputs: [] })
  expect(readFileSync(file, 'utf8')).not.toContain('int64')
})

it('writes nothing into packages', async () => {
  const inPackage = join(folder, 'node_modules/models')
  mkdirSync(inPackage, { recursive: true })
  await writeDeclaration(join(inPackage, 'det.onnx'), manifest)
  expect(readdirSync(inPackage)).toEqual([])
})

it('is no error where nothing can be written', async () => {
  mkdirSync(join(folder, 'det.d.onnx.ts'))
  await writeDeclaration(join(folder, 'det.onnx'), manifest)
  await writeDeclaration(join(folder, 'gone/det.onnx'), manifest)
  expect(readdirSync(folder)).toEqual(['det.d.onnx.ts'])
  expect(existsSync(join(folder, 'gone'))).toBe(false)
})
