import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { watch } from 'rollup'
import onnxRollup from 'unplugin-onnx/rollup'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import {
  type App,
  createApp,
  createBasicApp,
  modelFile,
  type PluginOptions,
  replaceFile,
  viteConfig,
  viteVersions,
  webpackConfig,
} from './apps'

let app: App
beforeEach(() => {
  app = createBasicApp()
})
afterEach(() => app.remove())

const longAgo = new Date(2020, 0)

const model = () => join(app.dir, 'src/digits_mlp.onnx')

/** Results of builds as they come. Watchers may build once more than there were changes. */
function buildLog() {
  const waiting = new Set<() => void>()
  let last: string | undefined
  return {
    push(result: string) {
      last = result
      for (const check of waiting) check()
    },
    /** Waits for a build whose errors are these, after which the condition holds. */
    until: (errors: RegExp | '', holds: () => boolean = () => true) =>
      new Promise<void>((done) => {
        const check = () => {
          if (last === undefined || !(errors === '' ? last === '' : errors.test(last)) || !holds()) return
          waiting.delete(check)
          last = undefined
          done()
        }
        waiting.add(check)
        check()
      }),
  }
}

const shapes = (code: string) =>
  [...code.matchAll(/name: ?"digits_mlp",\s*id: ?"[^"]+",\s*inputs: ?\[\{[^\]]*\]/g)].map(String).join()

it('webpack keeps the variants over a rebuild, and converts a changed model again', async () => {
  const builds = buildLog()
  const compiler = webpack({ ...webpackConfig(app), mode: 'development', devtool: false })
  const watching = compiler.watch({ aggregateTimeout: 20 }, (error, stats) => {
    builds.push(error ? String(error) : (stats?.toString({ all: false, errors: true, colors: false }) ?? ''))
  })
  try {
    await builds.until('')
    const first = app.files()
    const before = shapes(app.read('main.js'))

    writeFileSync(
      join(app.dir, 'src/main.js'),
      `${app.read('../src/main.js')}\nglobalThis.__changed = true\n`,
    )
    await builds.until('')
    expect(app.files()).toEqual(first)

    replaceFile(modelFile('diabetes_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) !== before)

    writeFileSync(model(), '<!doctype html><title>Not found</title>')
    await builds.until(/HTML/)

    replaceFile(modelFile('digits_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) === before)
    expect(app.files()).toEqual(first)
  } finally {
    await new Promise((done) => watching?.close(done))
  }
})

it('webpack converts again when the configuration file changes', async () => {
  const builds = buildLog()
  const config = join(app.dir, 'onnx.config.mjs')
  writeFileSync(config, "export default { targets: ['wasm', 'webgpu'] }\n")
  utimesSync(config, longAgo, longAgo)
  const watching = webpack({ ...webpackConfig(app), mode: 'development', devtool: false }).watch(
    { aggregateTimeout: 20 },
    (error, stats) =>
      builds.push(error ? String(error) : (stats?.toString({ all: false, errors: true }) ?? '')),
  )
  try {
    await builds.until('')
    expect(app.read('main.js')).toContain('ort.webgpu.min')
    writeFileSync(config, "export default { targets: ['wasm'] }\n")
    await builds.until('', () => !app.read('main.js').includes('ort.webgpu.min'))
    expect(app.read('main.js')).toContain('ort.wasm.min')
  } finally {
    await new Promise((done) => watching?.close(done))
  }
})

it('rollup converts a changed model again, and goes on after a broken one', async () => {
  const builds = buildLog()
  const watcher = watch({
    input: join(app.dir, 'src/main.js'),
    output: { dir: app.out, format: 'es' },
    plugins: [onnxRollup({ cache: { dir: join(app.dir, '.cache') }, effort: 'fast', logLevel: 'silent' })],
    watch: { buildDelay: 20 },
  })
  watcher.on('event', async (event) => {
    if (event.code === 'ERROR') builds.push(event.error.message)
    if (event.code === 'BUNDLE_END') {
      await event.result.close()
      builds.push('')
    }
  })
  try {
    await builds.until('')
    const before = shapes(app.read('main.js'))

    replaceFile(modelFile('diabetes_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) !== before)

    writeFileSync(model(), '<!doctype html><title>Not found</title>')
    await builds.until(/HTML/)

    replaceFile(modelFile('digits_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) === before)
  } finally {
    await watcher.close()
  }
})

/** Each bundler, watching: `again` waits until the model was converted once more. */
const watchers: Record<string, (app: App, options: PluginOptions) => Promise<() => Promise<void>>> = {
  'webpack 5': async (watched, options) => {
    const builds = buildLog()
    const watching = webpack({
      ...webpackConfig(watched, options),
      mode: 'development',
      devtool: false,
    }).watch({ aggregateTimeout: 20 }, (error, stats) =>
      builds.push(error ? String(error) : (stats?.toString({ all: false, errors: true }) ?? '')),
    )
    await builds.until('')
    return () => new Promise((done) => watching?.close(() => done()))
  },
  'rollup 4': async (watched, options) => {
    const builds = buildLog()
    const watcher = watch({
      input: join(watched.dir, 'src/main.js'),
      output: { dir: watched.out, format: 'es' },
      plugins: [onnxRollup({ ...options, logLevel: 'silent' })],
      watch: { buildDelay: 20 },
    })
    watcher.on('event', (event) => {
      if (event.code === 'ERROR') builds.push(event.error.message)
      if (event.code === 'BUNDLE_END') void event.result.close().then(() => builds.push(''))
    })
    await builds.until('')
    return () => watcher.close()
  },
  ...Object.fromEntries(
    Object.entries(viteVersions).map(([name, vite]) => [
      name,
      async (watched: App, options: PluginOptions) => {
        const server = await vite.createServer({
          ...viteConfig(watched, options),
          server: { port: 0, host: '127.0.0.1' },
        })
        await server.listen()
        const { port } = server.httpServer!.address() as { port: number }
        const load = () => fetch(`http://127.0.0.1:${port}/src/model.onnx?import`)
        // As a page does: first the importing module, then the model.
        await fetch(`http://127.0.0.1:${port}/src/main.js`)
        expect((await load()).status).toBe(200)
        // And again when it is told to reload.
        const { hot } = server.environments.client
        const { send } = hot
        hot.send = (...args: unknown[]) => {
          if ((args[0] as { type?: string }).type === 'full-reload') void load().catch(() => {})
          return (send as (...all: unknown[]) => void).apply(hot, args)
        }
        return () => server.close()
      },
    ]),
  ),
}

describe.each(Object.entries(watchers))('%s converts again', (_, start) => {
  it.each([
    ['external data', 'src/digits_ext.onnx.data'],
    ['calibration', 'calibration.npz'],
  ])('when the %s changes', async (_what, file) => {
    const watched = createApp('single', {
      'model.onnx': 'digits_ext.onnx',
      'digits_ext.onnx.data': 'digits_ext.onnx.data',
      '../calibration.npz': 'digits_ext.npz',
    })
    const cache = join(watched.dir, '.cache')
    const folder = join(cache, 'v2/entries')
    const entries = () => (existsSync(folder) ? readdirSync(folder).length : 0)
    const options: PluginOptions = {
      targets: ['node'],
      cache: { dir: cache },
      models: { '**/*.onnx': { calibration: join(watched.dir, 'calibration.npz'), recipes: ['float16'] } },
    }
    const stop = await start(watched, options)
    try {
      await expect.poll(entries, { timeout: 60_000 }).toBe(1)
      const path = join(watched.dir, file)
      const bytes = readFileSync(path)
      if (file.endsWith('.npz')) replaceFile(modelFile('digits_mobile.npz'), path)
      else {
        bytes[40]! ^= 1
        writeFileSync(path, bytes)
      }
      await expect.poll(entries, { timeout: 60_000 }).toBe(2)
    } finally {
      await stop()
      watched.remove()
    }
  })
})
