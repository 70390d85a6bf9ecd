/** What a log gets to read: of options that are of no use, and of work that takes long. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as vite8 from 'vite'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type App, builds, createBasicApp, modelFile, viteConfig } from './apps'

let app: App
beforeAll(() => {
  app = createBasicApp()
})
afterAll(() => app.remove())

const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')

/** What is written to stderr in the meantime. */
async function heard(action: () => Promise<unknown>): Promise<string> {
  const written: string[] = []
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  try {
    await action()
  } finally {
    spy.mockRestore()
  }
  return written.join('')
}

it.each(Object.entries(builds))('%s warns once of a glob that fits no model', async (_, build) => {
  const models = { '**/digits_mpl.onnx': { accuracy: 'high' }, '**/digits_mlp.onnx': {} } as const
  const log = await heard(() => build(app, { logLevel: 'warn', effort: 'fast', models }))
  expect(log.match(/fits no model/g)).toHaveLength(1)
  expect(log).toMatch(
    /models\['\*\*\/digits_mpl\.onnx'\] fits no model: there are \S*src\/\w+_mlp\.onnx, \S*src\/\w+_mlp\.onnx\. Did you mean digits_mlp\.onnx\?/,
  )
})

/** A score that takes longer than a log is left without a line. */
const slow =
  'export default async (model) => { await new Promise((done) => setTimeout(done, 17_000)); return 1 }\n'

it('says in the command line what takes long, and warns of a glob there as well', () => {
  const folder = join(app.dir, 'cli')
  mkdirSync(folder)
  cpSync(modelFile('digits_mlp.onnx'), join(folder, 'digits_mlp.onnx'))
  symlinkSync(join(app.dir, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'slow.mjs'), slow)
  writeFileSync(join(folder, 'onnx.config.mjs'), "export default { models: { 'digit_mlp.onnx': {} } }\n")
  const args = [
    'convert',
    'digits_mlp.onnx',
    '-o',
    'out',
    '-t',
    'wasm',
    '--effort',
    'fast',
    '-r',
    'float16',
    '-e',
    'slow.mjs',
    '--cache-dir',
    'cache',
  ]
  const { stderr, status } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true', NO_COLOR: '1' },
  })
  expect(status, stderr).toBe(0)
  expect(stderr).toMatch(
    /^digits_mlp\.onnx: converting\n(\S+ of digits_mlp\.onnx: scoring, for wasm, \d+ s so far\n)+/,
  )
  expect(stderr).toContain(
    "models['digit_mlp.onnx'] fits no model: there is digits_mlp.onnx. Did you mean digits_mlp.onnx?",
  )
}, 90_000)

it('says through the log of the bundler what takes long', async () => {
  writeFileSync(join(app.dir, 'slow.mjs'), slow)
  const lines: string[] = []
  const logger = { ...vite8.createLogger('silent'), info: (line: string) => void lines.push(line) }
  const accuracy = { evaluate: './slow.mjs' }
  const models = { '**/digits_mlp.onnx': { accuracy, recipes: ['float16'], targets: ['wasm'] } }
  const config = viteConfig(app, { logLevel: 'info', effort: 'fast', models, cache: { dir: '.cache/slow' } })
  await heard(() => vite8.build({ ...config, customLogger: logger }))
  expect(lines.filter((line) => line.endsWith('s so far'))[0]).toMatch(
    /^\S+ of digits_mlp\.onnx: scoring, for wasm, \d+ s so far$/,
  )
}, 90_000)
