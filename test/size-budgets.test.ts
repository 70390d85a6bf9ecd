/** A build whose variants exceed a size budget fails, with a table of all budgets, under every bundler. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rspack } from '@rspack/core'
import * as esbuild from 'esbuild'
import * as rolldown from 'rolldown'
import type { Options } from 'unplugin-onnx'
import onnxEsbuild from 'unplugin-onnx/esbuild'
import onnxRolldown from 'unplugin-onnx/rolldown'
import onnxRspack from 'unplugin-onnx/rspack'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type webpack from 'webpack'
import { type App, builds, createApp, pluginOptions } from './apps'
import { runPack } from './matrix/webpack'

const all: Readonly<Record<string, (app: App, options: Options) => Promise<unknown>>> = {
  ...builds,
  'rolldown 1': async (app, options) => {
    const bundle = await rolldown.rolldown({
      input: join(app.dir, 'src/main.js'),
      plugins: [onnxRolldown(pluginOptions(options))],
    })
    await bundle.write({ dir: app.out })
    await bundle.close()
  },
  'rspack 2': (app, options) =>
    runPack(
      rspack({
        mode: 'production',
        context: app.dir,
        entry: './src/main.js',
        output: { path: app.out },
        performance: false,
        plugins: [onnxRspack(pluginOptions(options))],
      }) as unknown as webpack.Compiler,
    ),
  esbuild: (app, options) =>
    esbuild.build({
      absWorkingDir: app.dir,
      entryPoints: ['src/main.js'],
      bundle: true,
      format: 'esm',
      outdir: app.out,
      logLevel: 'silent',
      plugins: [onnxEsbuild(pluginOptions(options))],
    }),
  // Its compiler is native code that holds the process: a process of its own.
  'farm 1': async (app, options) => {
    const task = {
      action: 'build',
      root: app.dir,
      options: pluginOptions(options),
      compilation: {
        input: { index: './index.html' },
        presetEnv: false,
        persistentCache: false,
        output: { path: app.out },
      },
    }
    const script = join(import.meta.dirname, 'matrix/farm-process.mjs')
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, JSON.stringify(task)], {
      cwd: app.dir,
      encoding: 'utf8',
      env: { ...process.env, NODE_ENV: undefined },
    })
    if (status !== 0) throw new Error(`${stdout}${stderr}`)
  },
}

let app: App
beforeAll(() => {
  app = createApp('single', { 'model.onnx': 'digits_mlp.onnx' })
})
afterAll(() => app.remove())

const withBudgets = (budgets: NonNullable<Options['budgets']>): Options => ({
  targets: ['wasm'],
  models: { '**': { recipes: ['float16'] } },
  budgets,
})

it.each(Object.entries(all))(
  '%s fails for one byte too many, and passes with as many as there are',
  async (name, build) => {
    const tight = build(app, withBudgets({ '*.onnx': 1, '**/model.onnx': { wasm: '10 kB' }, total: '1 MB' }))
    const error = await tight.then(
      () => expect.unreachable(`${name} let it pass`),
      (reason: unknown) => String(reason instanceof Error ? reason.message : reason),
    )
    const [, shown = ''] = /src\/model\.onnx +wasm +([\d,]+) B +of +10,000 B +[\d,]+ B over/.exec(error) ?? []
    expect(error).toContain('ONNX_SIZE_BUDGET_EXCEEDED')
    expect(error).toMatch(/total +[\d,]+ B +of +1,000,000 B +within/)
    const bytes = Number(shown.replaceAll(',', ''))
    await expect(build(app, withBudgets({ '**/model.onnx': bytes - 1 }))).rejects.toThrow(
      new RegExp(`model\\.onnx +wasm +${shown} B +of +[\\d,]+ B +1 B over`),
    )
    await build(app, withBudgets({ '**/model.onnx': { wasm: bytes }, total: bytes }))
    expect(app.files().some((file) => file.endsWith('.onnxv'))).toBe(true)
  },
)

it('convert exits with 3 and the table, and writes what it made', () => {
  const folder = join(app.dir, 'cli')
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'onnx.config.mjs'),
    "export default { budgets: { '**/*.onnx': '9 kB', total: '1 GiB' } }\n",
  )
  const bin = join(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')
  const args = ['convert', '../src/model.onnx', '-o', 'out', '-t', 'wasm', '-r', 'float16', '--no-report']
  const { status, stderr, stdout } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true', NO_COLOR: '1' },
  })
  expect(status, stderr).toBe(3)
  expect(stderr).toMatch(
    /A size budget is exceeded\n\S*model\.onnx +wasm +[\d,]+ B +of +9,000 B +[\d,]+ B over/,
  )
  expect(stderr).toMatch(/total +[\d,]+ B +of +1,073,741,824 B +within/)
  expect(stdout).toContain('float16')
})
