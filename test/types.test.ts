/** The types of models, as TypeScript sees them in a project of a user's: what is right compiles, what is wrong doesn't. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { typesFor } from '@unplugin-onnx/build'
import type { Manifest } from '@unplugin-onnx/runtime'
import ts from 'typescript'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

const fixtures = resolve(import.meta.dirname, 'fixtures/types')
// Inside test/, so that packages resolve as they do for a user.
const folder = join(import.meta.dirname, 'node_modules/.types')
const clean = () => rmSync(folder, { recursive: true, force: true })
afterAll(clean)

const signature: Pick<Manifest, 'inputs' | 'outputs'> = {
  inputs: [
    { name: 'x', type: 'float32', dims: ['batch', 4] },
    { name: 'encoder.ids', type: 'int64', dims: [1, 'sequence*/'] },
    { name: 'mask', type: 'bool', dims: [null], optional: true },
    { name: 'half', type: 'float16' },
    { name: 'words', type: 'string', dims: [2] },
  ],
  outputs: [
    { name: 'scores', type: 'float32', dims: ['batch', 10] },
    { name: 'top-1', type: 'int64', dims: [] },
  ],
}
const generated = typesFor(
  { source: { file: 'src/det.onnx' }, ...signature } as unknown as Manifest,
  'unplugin-onnx/runtime',
)

const strict: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  // Our own declarations are looked into as well.
  skipLibCheck: false,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: [],
}
const resolutions: Readonly<Record<string, ts.CompilerOptions>> = {
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
}

beforeEach(() => {
  clean()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  for (const file of ['right', 'wrong', 'any-model', 'any-wrong'])
    cpSync(join(fixtures, `${file}.ts`), join(folder, `${file}.ts`))
})

/** Writes what the plugin writes beside a model. */
const generate = () => writeFileSync(join(folder, 'det.d.onnx.ts'), generated)

const libraries = new Map<string, ts.SourceFile | undefined>()

/** Parses what doesn't change between tests, TypeScript's own libraries above all, once. */
function hostFor(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (name, ...rest) => {
    if (name.startsWith(folder.replaceAll('\\', '/'))) return getSourceFile(name, ...rest)
    const key = `${options.module} ${name}`
    if (!libraries.has(key)) libraries.set(key, getSourceFile(name, ...rest))
    return libraries.get(key)
  }
  return host
}

/** What tsc says: file, line and code of each error. */
function compile(files: readonly string[], options: ts.CompilerOptions, client = true): string[] {
  const names = files.map((file) => join(folder, file))
  if (client) {
    writeFileSync(join(folder, 'client.d.ts'), "/// <reference types='unplugin-onnx/client' />\n")
    names.push(join(folder, 'client.d.ts'))
  }
  const program = ts.createProgram(names, { ...strict, ...options }, hostFor({ ...strict, ...options }))
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, code, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
    const where = file === undefined ? '' : basename(file.fileName)
    const known = files.includes(where)
    return `${where}:${line} ${code}${known ? '' : ` ${ts.flattenDiagnosticMessageText(messageText, ' ')}`}`
  })
}

/** The lines that a fixture marks with the code of an error. */
const marked = (file: string): string[] =>
  readFileSync(join(fixtures, file), 'utf8')
    .split('\n')
    .flatMap((text, index) => {
      const code = /\/\/ (\d{4})$/.exec(text)?.[1]
      return code === undefined ? [] : [`${file}:${index + 1} ${code}`]
    })

describe.each(Object.entries(resolutions))('with moduleResolution %s', (_, resolution) => {
  const typed = { ...resolution, allowArbitraryExtensions: true }

  it('right use of a typed model compiles', () => {
    generate()
    expect(compile(['right.ts'], typed)).toEqual([])
  })

  it('and without the types of other models, too', () => {
    generate()
    expect(compile(['right.ts'], typed, false)).toEqual([])
  })

  it('a wrong name, a wrong type and a missing feed do not', () => {
    generate()
    expect(marked('wrong.ts').length).toBeGreaterThan(15)
    expect(compile(['wrong.ts'], typed)).toEqual(marked('wrong.ts'))
  })

  it('a model without generated types takes any tensors by name', () => {
    expect(compile(['any-model.ts'], resolution)).toEqual([])
    expect(compile(['any-model.ts'], typed)).toEqual([])
  })

  it('what can be wrong with such a one does not compile', () => {
    expect(compile(['any-wrong.ts'], resolution)).toEqual(marked('any-wrong.ts'))
  })

  it('generated types are no trouble where arbitrary extensions are not allowed: they are not seen', () => {
    generate()
    writeFileSync(
      join(folder, 'plain.ts'),
      `import det from './det.onnx'
const session = await det.open()
export const out = await session.run({ anything: new Float32Array(1) })
`,
    )
    expect(compile(['plain.ts'], resolution)).toEqual([])
  })

  it('both kinds live in one project', () => {
    generate()
    expect(compile(['right.ts', 'any-model.ts'], typed)).toEqual([])
  })
})

it('names dimensions in comments, which no name can end', () => {
  expect(generated).toContain('/** float32 [batch, 4] */')
  expect(generated).toContain('/** int64 [1, sequence*\\/] */')
  expect(generated).toContain('/** bool [?] */')
  expect(generated).toContain('/** float16 any shape */')
  expect(generated).toContain('/** int64 [] */')
})

it('compiles for code of CommonJS as well', () => {
  generate()
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
  writeFileSync(
    join(folder, 'common.ts'),
    `import type { Inputs } from './det.onnx'
export const names: (keyof Inputs)[] = ['x', 'encoder.ids']
`,
  )
  const common = { ...resolutions.nodenext, allowArbitraryExtensions: true, verbatimModuleSyntax: false }
  expect(compile(['common.ts'], common, false)).toEqual([])
})
