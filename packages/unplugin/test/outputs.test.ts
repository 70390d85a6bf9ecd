/** Where output goes: to the path that was named, and through no link that somebody laid there (CVE-2025-51480). */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Conversion } from '@unplugin-onnx/build'
import { Model, Tensor } from '@unplugin-onnx/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { write } from '../src/cli/convert/write'
import { saveModel, saveText } from '../src/cli/model-file'
import { writeDeclaration } from '../src/declarations'
import { createReports } from '../src/reports'

let folder: string
let victim: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-out-'))
  victim = join(folder, 'victim')
  writeFileSync(victim, 'untouched')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A link to the victim in the place of an output. */
function linkAt(...path: string[]): string {
  const link = join(folder, ...path)
  mkdirSync(join(link, '..'), { recursive: true })
  symlinkSync(victim, link)
  return link
}

const expectReplaced = (link: string) => {
  expect(readFileSync(victim, 'utf8')).toBe('untouched')
  expect(lstatSync(link).isSymbolicLink()).toBe(false)
  expect(readdirSync(join(link, '..')).filter((name) => name.endsWith('.tmp'))).toEqual([])
}

const manifest = {
  version: 1,
  source: { file: 'det.onnx', bytes: 1, brotliBytes: 1, sha256: '', external: [] },
  inputs: [],
  outputs: [],
  variants: [
    {
      target: 'wasm',
      provider: 'wasm',
      file: 'int8.onnxv',
      bytes: 3,
      brotliBytes: 3,
      sha256: '',
      recipe: 'int8',
      accuracy: { sqnr: 40, cosine: 1, maxError: 0 },
      shards: [{ path: 'abcd.data', file: 'abcd.onnxv', bytes: 1, sha256: '' }],
    },
  ],
  candidates: [],
  verifiedOn: { source: 'synthesized', samples: 1 },
  engines: {},
  warnings: [],
} as const
const conversion = (dir: string): Conversion => ({
  manifest,
  dir,
  key: 'k',
  cached: false,
  dependencies: [],
  seconds: 1,
})

it('of transform replaces a link and what it leads to stays', async () => {
  const link = linkAt('out', 'model.onnx')
  const model = Model.create({ opsetImports: { '': 17 } })
  model.graph.addOutput(model.graph.addInitializer('y', Tensor.of('float32', [1], [1])))
  await saveModel(model, link)
  expectReplaced(link)
  const text = linkAt('out', 'manifest.json')
  await saveText('{}', text)
  expectReplaced(text)
})

it('of convert replaces links: variants, shards and the manifest', async () => {
  const dir = join(folder, 'cache')
  mkdirSync(dir)
  for (const file of ['int8.onnxv', 'abcd.onnxv']) writeFileSync(join(dir, file), file)
  const links = ['det.int8.onnx', 'abcd.data', 'manifest.json'].map((name) => linkAt('out', name))
  await write('det.onnx', conversion(dir), join(folder, 'out'), '')
  for (const link of links) expectReplaced(link)
  expect(readFileSync(links[0] ?? '', 'utf8')).toBe('int8.onnxv')
})

it('of a build replaces links: types and reports', async () => {
  const types = linkAt('src', 'det.d.onnx.ts')
  await writeDeclaration(join(folder, 'src', 'det.onnx'), manifest)
  expectReplaced(types)
  const pages = ['onnx-report.html', 'onnx-report.json'].map((name) => linkAt(name))
  const reports = createReports()
  reports.add(conversion(folder))
  await reports.write(folder, true)
  for (const page of pages) expectReplaced(page)
})
