/** Every block of the docs is run, or says why not: commands as a reader types them, with the output that the page shows. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { transform } from '@unplugin-onnx/build'
import { encodeModel, readModel, recipes, type Step } from '@unplugin-onnx/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { snippetsOf, sources, unrunSnippets } from '../docs/site/snippets.mjs'
import { modelFile } from './apps'

const root = resolve(import.meta.dirname, '..')
const blocks = sources().flatMap(snippetsOf)
const written = (language: string) =>
  blocks.filter((block) => block.language === language && block.mark !== 'not run' && block.mark !== 'run by')
const named = (all: typeof blocks) => all.map((block) => [`${block.file}:${block.line}`, block] as const)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-docs-'))
  const bin = join(root, 'packages/unplugin/bin/unplugin-onnx.js')
  writeFileSync(join(folder, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${bin}' "$@"\n`, {
    mode: 0o755,
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a block of the docs', () => {
  it('is run by a test, or says why it is not', () => {
    expect(unrunSnippets()).toEqual([])
  })

  it('names a test that is there, where one of its own runs it', () => {
    const tests = blocks.filter(({ mark }) => mark === 'run by').map(({ reason }) => reason ?? '')
    for (const file of tests) expect(existsSync(join(root, file)), file).toBe(true)
  })

  it.each(named(written('yaml')))('is YAML as CI reads it: %s', (_, { body }) => {
    expect(parse(body)).toBeTypeOf('object')
  })

  it.each(named(written('json')))('is JSON: %s', (_, { body }) => {
    expect(JSON.parse(body.replace(/^\/\/.*\n/, ''))).toBeTypeOf('object')
  })

  it.each(named(written('html')))('is an import map that a page takes: %s', (_, { body }) => {
    const map = /<script type="importmap">([\s\S]*)<\/script>/.exec(body)?.[1]
    expect(JSON.parse(map ?? '')).toHaveProperty('imports')
  })
})

/** A session of a terminal: what was typed, and what came. */
const sessionsIn = (body: string) =>
  body
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [command = '', ...output] = text.trimEnd().split('\n')
      return { command, output: output.join('\n') }
    })

/** Numbers, and how wide columns are, differ from machine to machine, and nothing else. */
const masked = (text: string) =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '#')
    .replaceAll(/\d[\d,]*(?:\.\d+)?/g, '#')
    .replaceAll(/\s+/g, ' ')
    .trim()

const models = [
  'digits_mlp.onnx',
  'digits_mlp.npz',
  'digits_cnn.onnx',
  'digits_cnn.npz',
  'digits_ext.onnx',
  'digits_ext.onnx.data',
]

describe.skipIf(process.platform === 'win32')('a terminal of the docs', () => {
  /** The cache as the first block of a page leaves it, so that no model is converted for each block anew. */
  const caches = new Map<string, string>()

  it.each(named(written('console')))('shows what the commands print: %s', (name, { file, body }) => {
    const cwd = join(folder, name.replaceAll(/\W/g, '-'))
    mkdirSync(cwd)
    for (const model of models) cpSync(modelFile(model), join(cwd, model))
    const cache = join(cwd, 'node_modules/.cache')
    const known = caches.get(file)
    if (known === undefined) caches.set(file, cache)
    else if (existsSync(known)) cpSync(known, cache, { recursive: true })
    for (const { command, output } of sessionsIn(body)) {
      // Progress goes to stderr and is not shown; errors are.
      const shown = /^(?:error|warn) /m.test(output) ? '2>&1' : '2>/dev/null'
      const printed = execFileSync('sh', ['-c', `{ ${command}\n} ${shown} || true`], {
        cwd,
        encoding: 'utf8',
        env: {
          ...process.env,
          PATH: `${folder}${delimiter}${process.env.PATH}`,
          CI: 'true',
          NO_COLOR: '1',
          COLUMNS: '100',
        },
      })
      // A line with an ellipsis stands for any number of lines.
      const parts = output.split(/^…$/m).map(masked)
      if (parts.length === 1) expect(masked(printed), command).toBe(parts[0])
      else for (const part of parts) expect(masked(printed), command).toContain(part)
    }
  })
})

describe('docs/from-python.md', () => {
  const rows = [
    ...readFileSync(join(root, 'docs/from-python.md'), 'utf8').matchAll(/^\|.*?\| `(-[pr] .+?)` \|/gm),
  ]
  const commands = [...new Set(rows.map(([, command = '']) => command))]
  const source = modelFile('digits_mlp.onnx')

  it('has a command for most calls', () => {
    expect(commands.length).toBeGreaterThan(15)
  })

  it.each(commands)('has %s as transform takes it', async (command) => {
    const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
    const steps: Step[] = []
    let calibration: string | undefined
    for (let at = 0; at < words.length; at += 2) {
      const [flag, value = ''] = words.slice(at, at + 2)
      const [, pass = '', options] = /^([\w-]+)(?::(.*))?$/.exec(value) ?? []
      if (flag === '-c') calibration = modelFile('digits_mlp.npz')
      else if (flag === '-r') steps.push(...(recipes.get(value) ?? []))
      else steps.push({ pass, ...(options === undefined ? {} : { options: JSON.parse(options) }) })
    }
    expect(steps.length).toBeGreaterThan(0)
    const bytes = readFileSync(source)
    const model = readModel(bytes)
    const settings = { name: 'digits_mlp.onnx', root: import.meta.dirname, reference: readModel(bytes) }
    await transform(model, steps, calibration === undefined ? settings : { ...settings, calibration })
    expect(readModel(encodeModel(model)).graph.nodes.length).toBeGreaterThan(0)
  })
})
