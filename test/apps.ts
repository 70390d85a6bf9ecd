/** Fixture apps in folders of their own, built by real bundlers. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { rollup } from 'rollup'
import onnxRollup from 'unplugin-onnx/rollup'
import onnxVite from 'unplugin-onnx/vite'
import onnxWebpack from 'unplugin-onnx/webpack'
import * as vite8 from 'vite'
import * as vite7 from 'vite7'
import webpack from 'webpack'

export type PluginOptions = NonNullable<Parameters<typeof onnxVite>[0]>

const fixtures = resolve(import.meta.dirname, 'fixtures')

export const modelFile = (name: string): string => join(fixtures, 'models', name)

export interface App {
  readonly dir: string
  readonly out: string
  /** Files of the output, sorted, relative to it. */
  files(): string[]
  read(file: string): string
  remove(): void
}

/**
 * A copy of a fixture app in a new folder.
 * @param models files of fixtures/models, by the name they get in the app's src/
 */
export function createApp(name: string, models: Readonly<Record<string, string>> = {}): App {
  const dir = mkdtempSync(join(tmpdir(), `unplugin-onnx-${name}-`))
  const out = join(dir, 'dist')
  // Files that are as old as the fixtures: watchers take new ones for changes.
  cpSync(join(fixtures, 'apps', name), dir, { recursive: true, preserveTimestamps: true })
  mkdirSync(join(dir, 'src'), { recursive: true })
  for (const [as, model] of Object.entries(models)) {
    cpSync(modelFile(model), join(dir, 'src', as), { preserveTimestamps: true })
  }
  symlinkSync(join(import.meta.dirname, 'node_modules'), join(dir, 'node_modules'))
  return {
    dir,
    out,
    files: () => filesIn(out),
    read: (file) => readFileSync(join(out, file), 'utf8'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/**
 * Gives a file another's bytes in one step, as editors and downloads do: a watcher that looks in between finds
 * either file whole. (`cpSync` takes the old file away first.)
 */
export function replaceFile(from: string, to: string): void {
  const whole = `${mkdtempSync(join(tmpdir(), 'unplugin-onnx-file-'))}/file`
  cpSync(from, whole)
  renameSync(whole, to)
  rmSync(dirname(whole), { recursive: true })
}

/** The app most tests build: two small models, and the untouched file of one. */
export const createBasicApp = (): App =>
  createApp('basic', { 'digits_mlp.onnx': 'digits_mlp.onnx', 'diabetes_mlp.onnx': 'diabetes_mlp.onnx' })

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(folder, file)).isFile())
    .sort()
}

/** Apps hold the same models: one conversion serves all apps of a test file, but for those that bring a folder. */
const conversions = mkdtempSync(join(tmpdir(), 'unplugin-onnx-conversions-'))
process.once('exit', () => rmSync(conversions, { recursive: true, force: true }))

/** Silent, with conversions that are shared. */
export const pluginOptions = (options: PluginOptions = {}): PluginOptions => ({
  logLevel: 'silent',
  effort: 'fast',
  cache: { dir: conversions },
  ...options,
})

export const viteConfig = (app: App, options: PluginOptions = {}): vite8.InlineConfig => ({
  root: app.dir,
  configFile: false,
  logLevel: 'silent',
  cacheDir: join(app.dir, '.cache/vite'),
  plugins: [onnxVite(pluginOptions(options))],
})

export function webpackConfig(app: App, options: PluginOptions = {}): webpack.Configuration {
  return {
    mode: 'production',
    context: app.dir,
    entry: './src/main.js',
    output: { path: app.out, clean: true },
    performance: { hints: false },
    plugins: [onnxWebpack(pluginOptions(options))],
  }
}

/** Runs webpack once and closes the compiler, which writes its persistent cache. */
export function runWebpack(config: webpack.Configuration): Promise<webpack.Stats> {
  return new Promise((done, fail) => {
    webpack(config, (error, stats) => {
      if (error || !stats) return fail(error)
      stats.compilation.compiler.close((closeError) => {
        if (closeError) fail(closeError)
        else if (stats.hasErrors())
          fail(new Error(stats.toString({ all: false, errors: true, colors: false })))
        else done(stats)
      })
    })
  })
}

type Build = (app: App, options?: PluginOptions) => Promise<void>

const viteBuild =
  (vite: Pick<typeof vite8, 'build'>): Build =>
  async (app, options) => {
    await vite.build(viteConfig(app, options))
  }

/** Every bundler builds the same app: `src/main.js` into `dist/`. */
export const builds: Readonly<Record<string, Build>> = {
  'vite 8': viteBuild(vite8),
  'vite 7': viteBuild(vite7 as unknown as typeof vite8),
  'webpack 5': async (app, options) => {
    await runWebpack(webpackConfig(app, options))
  },
  'rollup 4': async (app, options) => {
    const bundle = await rollup({
      input: join(app.dir, 'src/main.js'),
      plugins: [onnxRollup(pluginOptions(options))],
      onwarn: (warning) => {
        throw new Error(warning.message)
      },
    })
    await bundle.write({ dir: app.out, format: 'es' })
    await bundle.close()
  },
}

export const viteVersions: Readonly<Record<string, typeof vite8>> = {
  'vite 8': vite8,
  'vite 7': vite7 as unknown as typeof vite8,
}
