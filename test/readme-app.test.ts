/** A new app outside the repo that installs the four tarballs and follows the README to the letter. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packAll } from '../scripts/check-packages.mjs'

const root = resolve(import.meta.dirname, '..')
const app = mkdtempSync(join(tmpdir(), 'unplugin-onnx-app-'))
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The README's fenced blocks by the file name in their first line. */
function snippets(): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, body = ''] of readFileSync(join(root, 'README.md'), 'utf8').matchAll(
    /```\w+\n([\s\S]*?)```/g,
  )) {
    const name = /^\/\/ (\S+)\n/.exec(body)?.[1]
    if (name !== undefined) found.set(name, body.slice(body.indexOf('\n') + 1))
  }
  return found
}

function runInApp(command: string, ...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: app,
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production', VITEST: undefined },
  })
  return { code: status, output: `${stdout}${stderr}` }
}

const files = (folder: string): string[] =>
  existsSync(join(app, folder)) ? readdirSync(join(app, folder), { recursive: true, encoding: 'utf8' }) : []

beforeAll(() => {
  const tarballs = join(app, 'tarballs')
  mkdirSync(tarballs)
  const packed = packAll(tarballs)
  expect(packed).toHaveLength(4)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  const { code, output } = runInApp(
    'npm',
    'install',
    '--prefer-offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    ...packed,
    'onnxruntime-web@1.30.0',
    'vite@8',
    'webpack@5',
    'webpack-cli@6',
    'rollup@4',
    '@rollup/plugin-node-resolve@16',
    'rolldown@1',
    '@rspack/core@2',
    '@rspack/cli@2',
    'esbuild@0.28',
    '@farmfe/core@1',
    '@farmfe/cli@1',
    // Farm's polyfills, which all its templates install.
    'core-js@3',
    `typescript@${devDependencies.typescript}`,
  )
  expect(code, output).toBe(0)

  const written = snippets()
  for (const [name, body] of written) {
    if (name.startsWith('src/main')) continue
    mkdirSync(dirname(join(app, name)), { recursive: true })
    writeFileSync(join(app, name), body)
  }
  const main = written.get('src/main') ?? ''
  mkdirSync(join(app, 'src'), { recursive: true })
  writeFileSync(join(app, 'src/main.js'), main)
  writeFileSync(join(app, 'src/main.ts'), main)
  writeFileSync(join(app, 'index.html'), '<!doctype html><script type="module" src="/src/main.ts"></script>')
  cpSync(join(root, 'test/fixtures/models/digits_cnn.onnx'), join(app, 'src/digits.onnx'))
}, 300_000)

afterAll(() => rmSync(app, { recursive: true, force: true }))

describe("an app that follows the README's snippets", () => {
  it('finds every snippet it needs in the README', () => {
    expect([...snippets().keys()].sort()).toEqual([
      'build.mjs',
      'farm.config.ts',
      'rolldown.config.mjs',
      'rollup.config.mjs',
      'rspack.config.mjs',
      'src/main',
      'tsconfig.json',
      'vite.config.ts',
      'webpack.config.mjs',
    ])
  })

  it.each([
    ['Vite', ['vite', 'build', '--outDir', 'dist/vite'], 'dist/vite'],
    ['webpack', ['webpack', '--output-path', 'dist/webpack'], 'dist/webpack'],
    ['Rollup', ['rollup', '-c', '--dir', 'dist/rollup'], 'dist/rollup'],
    ['Rolldown', ['rolldown', '-c', '--dir', 'dist/rolldown'], 'dist/rolldown'],
    ['Rspack', ['rspack', 'build', '--output-path', 'dist/rspack'], 'dist/rspack'],
    ['esbuild', ['node', 'build.mjs'], 'build'],
    ['Farm', ['farm', 'build', '--outDir', 'dist/farm'], 'dist/farm'],
  ])('builds with %s and emits the variants and the onnxruntime files', (_, command, out) => {
    const [program = '', ...args] = command
    const { code, output } =
      program === 'node' ? runInApp(program, ...args) : runInApp('npx', '--no-install', ...command)
    expect(code, output).toBe(0)
    const emitted = files(out)
    expect(emitted.filter((file) => file.endsWith('.onnxv')).length, output).toBeGreaterThan(0)
    expect(emitted.filter((file) => /ort-wasm.*\.wasm$/.test(file))).toHaveLength(2)
    expect(emitted.filter((file) => file.endsWith('.onnx'))).toEqual([])
  })

  it('type-checks with strict, against the types written beside the model', () => {
    const config = JSON.parse(readFileSync(join(app, 'tsconfig.json'), 'utf8'))
    const strict = {
      strict: true,
      noEmit: true,
      target: 'ES2022',
      module: 'ESNext',
      moduleResolution: 'Bundler',
      lib: ['ES2023', 'DOM'],
    }
    writeFileSync(
      join(app, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...config.compilerOptions, ...strict },
        include: ['src/main.ts', 'src/wrong.ts', 'vite.config.ts'],
      }),
    )
    expect(existsSync(join(app, 'src/digits.d.onnx.ts'))).toBe(true)
    const right = runInApp('npx', '--no-install', 'tsc', '-p', '.')
    expect(right.code, right.output).toBe(0)

    const main = readFileSync(join(app, 'src/main.ts'), 'utf8')
    writeFileSync(join(app, 'src/wrong.ts'), main.replace('run({ x:', 'run({ picture:'))
    const wrong = runInApp('npx', '--no-install', 'tsc', '-p', '.')
    expect(wrong.code).not.toBe(0)
    expect(wrong.output).toContain('picture')
  })
})
