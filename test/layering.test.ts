/** The arrows of the house: who may import whom, and what core must never know. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

/** Room -> rooms and packages that its files may import. A room may always import itself. */
const arrows: Record<string, readonly string[]> = {
  'core/wire': ['core/errors'],
  'core/onnx': ['core/wire', 'core/errors'],
  'core/graph': ['core/onnx', 'core/wire', 'core/errors'],
  'core/kernels': [],
  'core/passes': ['leven', 'core/graph', 'core/onnx', 'core/kernels', 'core/errors'],
  'core/errors': [],
  'core/index': ['core/*'],
  'core/catalog': ['core/graph', 'core/passes', 'core/errors'],
  runtime: ['onnxruntime-common'],
  build: [
    '@unplugin-onnx/core',
    '@unplugin-onnx/runtime (types)',
    'onnxruntime-web (types)',
    'onnxruntime-common (types)',
    'node:*',
    'workerpool',
    'modern-tar',
    'proper-lockfile',
    'fflate',
    'jiti',
    'picocolors',
    'sharp (types)',
    'yauzl',
  ],
  unplugin: [
    '@unplugin-onnx/core',
    '@unplugin-onnx/build',
    '@unplugin-onnx/runtime',
    'node:*',
    'unplugin',
    'commander',
    'jiti',
    'picocolors',
    'picomatch',
    'vite (types)',
    'rollup (types)',
    'rolldown (types)',
    'webpack (types)',
    '@rspack/core (types)',
    'esbuild (types)',
    '@farmfe/core (types)',
  ],
}

interface Import {
  readonly file: string
  readonly from: string
  readonly to: string
  /** As it is written. */
  readonly specifier: string
}

/** `core/wire` for packages/core/src/wire/reader.ts, `build` for any file of packages/build/src. */
function roomOf(file: string): string {
  const [, name = '', , ...rest] = relative(root, file).split(sep)
  if (name !== 'core') return name
  const first = (rest[0] ?? '').replace(/\.ts$/, '')
  return `core/${first}`
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, false)
  const found: Import[] = []
  const add = (specifier: ts.Expression | undefined, typeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return
    const { text } = specifier
    const target = text.startsWith('.') ? roomOf(resolve(dirname(file), text)) : text
    found.push({
      file: relative(root, file),
      from: roomOf(file),
      to: typeOnly ? `${target} (types)` : target,
      specifier: text,
    })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function allowed({ from, to }: Import): boolean {
  const bare = to.replace(/ \(types\)$/, '')
  if (bare === from) return true
  return (arrows[from] ?? []).some((rule) => {
    if (rule.endsWith('*')) return bare.startsWith(rule.slice(0, -1))
    // A package's name allows all of its entries.
    return rule === to || rule === bare || bare.startsWith(`${rule}/`)
  })
}

const files = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name, 'src'))
  .flatMap((src) => readdirSync(src, { recursive: true, encoding: 'utf8' }).map((file) => join(src, file)))
  .filter((file) => file.endsWith('.ts'))
const imports = files.flatMap(importsOf)

describe('layering', () => {
  it('finds the files and their imports', () => {
    expect(files.length).toBeGreaterThan(30)
    expect(imports.length).toBeGreaterThan(60)
  })

  it('lets imports follow the arrows of the house only', () => {
    const against = imports.filter((each) => !allowed(each)).map(({ file, to }) => `${file} imports ${to}`)
    expect(against).toEqual([])
  })

  it('keeps core free of Node, onnxruntime and the console', () => {
    const outside = files
      .filter((file) => relative(root, file).startsWith(join('packages', 'core')))
      .filter((file) => /\b(process|Buffer|console|require)\s*[.(]/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(root, file))
    expect(outside).toEqual([])
  })

  it('keeps Node out of all that a page takes of build', () => {
    const reached = new Set<string>()
    const outside: string[] = []
    const visit = (file: string) => {
      if (reached.has(file)) return
      reached.add(file)
      for (const { to, specifier } of importsOf(file)) {
        if (to.endsWith('(types)')) continue
        const at = resolve(dirname(file), specifier)
        if (specifier.startsWith('.')) visit(existsSync(`${at}.ts`) ? `${at}.ts` : join(at, 'index.ts'))
        else if (!/^(@unplugin-onnx\/core|fflate)(\/|$)/.test(specifier))
          outside.push(`${relative(root, file)} imports ${specifier}`)
      }
      if (/\b(process|Buffer|console|require)\s*[.(]/.test(readFileSync(file, 'utf8')))
        outside.push(`${relative(root, file)} uses what Node has`)
    }
    visit(join(root, 'packages/build/src/browser.ts'))
    expect(reached.size).toBeGreaterThan(40)
    expect(outside).toEqual([])
  })

  it('keeps every source file below 400 lines', () => {
    const long = files
      .filter((file) => readFileSync(file, 'utf8').split('\n').length > 400)
      .map((file) => relative(root, file))
    expect(long).toEqual([])
  })

  it('lets only packages that are declared be imported', () => {
    const undeclared = imports.flatMap(({ file, to }) => {
      const bare = to.replace(/ \(types\)$/, '')
      if (bare.startsWith('node:') || /^(core|build|runtime|unplugin)(\/|$)/.test(bare)) return []
      const pkg = JSON.parse(
        readFileSync(join(root, file.split(sep).slice(0, 2).join(sep), 'package.json'), 'utf8'),
      )
      const name = bare.startsWith('@') ? bare.split('/').slice(0, 2).join('/') : (bare.split('/')[0] ?? bare)
      const declared = {
        ...pkg.dependencies,
        ...pkg.peerDependencies,
        ...(to.endsWith('(types)') ? pkg.devDependencies : {}),
      }
      return name in declared ? [] : [`${file} imports ${name}`]
    })
    expect(undeclared).toEqual([])
  })
})
