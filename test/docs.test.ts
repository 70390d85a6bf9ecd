/** Docs that lag behind the code are wrong: what they list is held against the registries, and their snippets compile. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { budgets, targets } from '@unplugin-onnx/build'
import { passes, recipes } from '@unplugin-onnx/core'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const docs = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'))

/** A file that is shown whole. It compiles where it lies, by the example's own `typecheck`. */
const quoted = /\x3c!-- file: (\S+) -->\n```\w+\n(?:\/\/|\x3c!--) (\S+)(?: -->)?\n([\s\S]*?)```/g

const sourceFolders = [
  ...readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'src')),
  join(root, 'playground/src'),
]
const sources = sourceFolders.flatMap((src) =>
  readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(src, file), 'utf8')),
)

describe('docs/errors.md', () => {
  const codesIn = (text: string) => [...new Set(text.match(/\bONNX_[A-Z0-9_]+\b/g))].sort()

  it('explains every error code that the code has, and no other', () => {
    expect(codesIn(read('docs/errors.md'))).toEqual(codesIn(sources.join('\n')))
  })
})

describe('docs/passes.md', () => {
  const sections = new Map(
    read('docs/passes.md')
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n')[0]?.trim(), section]),
  )
  /** As the tables write it: JSON, with single quotes around strings. */
  const written = (value: unknown): string =>
    typeof value === 'string'
      ? `'${value}'`
      : Array.isArray(value)
        ? `[${value.map(written).join(', ')}]`
        : JSON.stringify(value)

  it.each([...passes])('has a section for %s, with its options and their defaults', (name, pass) => {
    expect([...sections.keys()]).toContain(name)
    const table = /^\| option \| default \| what \|\n\|[-|]+\|\n((?:\|.*\n)*)/m.exec(sections.get(name) ?? '')
    const rows = [...(table?.[1] ?? '').matchAll(/^\| `(\w+)` \| `(.+?)` \| .+ \|$/gm)].map(
      ([, ...cells]) => cells,
    )
    const expected = Object.entries(pass.options).map(([option, value]) => [option, written(value)])
    expect(rows).toEqual(expected)
  })

  it('has no section for a pass that there is not', () => {
    const others = ['Recipes', 'How the planner chooses']
    expect(
      [...sections.keys()].filter((name) => !passes.has(name ?? '') && !others.includes(name ?? '')),
    ).toEqual([])
  })

  it('names every recipe', () => {
    for (const name of recipes.keys()) expect(read('docs/passes.md')).toContain(`\`${name}\``)
  })
})

describe('docs/guide.md', () => {
  it('gives the sizes of the engine files that builds emit, as they are in the installed version', () => {
    const dist = dirname(
      createRequire(join(root, 'test/package.json')).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'),
    )
    const { version } = JSON.parse(readFileSync(join(dist, '../package.json'), 'utf8')) as { version: string }
    const guide = read('docs/guide.md')
    expect(guide).toContain(`onnxruntime-web ${version} `)
    const size = (bytes: number) =>
      bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
    const files = [
      ...read('packages/unplugin/src/module/engines.ts').matchAll(/'(ort[\w.-]+\.(?:mjs|wasm))'/g),
    ]
    expect(files).toHaveLength(6)
    for (const [, file = ''] of files) {
      const bytes = readFileSync(join(dist, file))
      const row = `\`${file}\` | ${size(bytes.length)} | `
      expect(guide).toContain(
        bytes.length < 1e6 ? `${row}${size(gzipSync(bytes, { level: 9 }).length)}` : row,
      )
    }
  })
})

describe('docs/options.md', () => {
  it('names every target', () => {
    for (const name of targets.keys()) expect(read('docs/options.md')).toContain(`| \`${name}\` |`)
  })

  it('gives the numbers of the presets', () => {
    for (const [name, { sqnr, cosine, top1 }] of Object.entries(budgets)) {
      expect(read('docs/options.md')).toContain(`| \`'${name}'\` | ${sqnr} dB | ${cosine} | ${top1} |`)
    }
  })
})

describe('links', () => {
  it.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...docs.map((file) => `docs/${file}`)])(
    'of %s lead somewhere',
    (file) => {
      const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => link)
      for (const link of links)
        expect(() => readdirSync(dirname(join(root, dirname(file), link)))).not.toThrow()
      const missing = links.filter((link) => {
        const target = join(root, dirname(file), link)
        return !readdirSync(dirname(target)).includes(
          target.slice(dirname(target).length + 1).replace(/\/$/, ''),
        )
      })
      expect(missing).toEqual([])
    },
  )
})

describe('quoted files', () => {
  const quotes = docs.flatMap((doc) =>
    [...read(`docs/${doc}`).matchAll(quoted)].map(([, file = '', name = '', body = '']) => ({
      doc,
      file: join('docs', file),
      name,
      body,
    })),
  )

  it.each(quotes)('$file reads as $doc has it', ({ file, name, body }) => {
    expect(file.split(/[\\/]/).at(-1)).toBe(name)
    expect(body).toBe(read(file))
  })

  it('are those of the recipes', () => {
    expect(quotes.filter(({ doc }) => doc === 'recipes.md').length).toBeGreaterThan(10)
  })
})

describe('snippets', () => {
  // Inside test/, so that packages resolve as they do for a user.
  const folder = join(import.meta.dirname, 'node_modules/.snippets')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(docs)('of %s compile', (file) => {
    rmSync(folder, { recursive: true, force: true })
    const names: string[] = []
    for (const [, body = ''] of read(`docs/${file}`)
      .replace(quoted, '')
      .matchAll(/```ts\n([\s\S]*?)```/g)) {
      const named = /^\/\/ (\S+\.ts)\n/.exec(body)?.[1] ?? 'snippet.ts'
      const path = join(folder, String(names.length), named)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `${body}\nexport {}\n`)
      names.push(path)
    }
    if (names.length === 0) return
    const client = join(folder, 'client.d.ts')
    // What a project of Vite's has, and ours.
    writeFileSync(
      client,
      "/// <reference types='vite/client' />\n/// <reference types='unplugin-onnx/client' />\n",
    )
    const program = ts.createProgram([...names, client], {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowArbitraryExtensions: true,
      skipLibCheck: true,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
      types: [],
    })
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(
        ({ messageText, file: at }) =>
          `${at?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      )
    expect(problems).toEqual([])
  })
})
