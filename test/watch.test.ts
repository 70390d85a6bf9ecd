import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { watch } from 'rollup'
import onnxRollup from 'unplugin-onnx/rollup'
import { afterEach, beforeEach, expect, it } from 'vitest'
import webpack from 'webpack'
import { type App, createBasicApp, modelFile, webpackConfig } from './apps'

let app: App
beforeEach(() => {
  app = createBasicApp()
})
afterEach(() => app.remove())

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
  [...code.matchAll(/name: ?"digits_mlp",\s*inputs: ?\[\{[^\]]*\]/g)].map(String).join()

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

    cpSync(modelFile('diabetes_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) !== before)

    writeFileSync(model(), '<!doctype html><title>Not found</title>')
    await builds.until(/HTML/)

    cpSync(modelFile('digits_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) === before)
    expect(app.files()).toEqual(first)
  } finally {
    await new Promise((done) => watching?.close(done))
  }
})

it('webpack converts again when the configuration file changes', async () => {
  const builds = buildLog()
  writeFileSync(join(app.dir, 'onnx.config.mjs'), "export default { targets: ['wasm', 'webgpu'] }\n")
  const watching = webpack({ ...webpackConfig(app), mode: 'development', devtool: false }).watch(
    { aggregateTimeout: 20 },
    (error, stats) =>
      builds.push(error ? String(error) : (stats?.toString({ all: false, errors: true }) ?? '')),
  )
  try {
    await builds.until('')
    expect(app.read('main.js')).toContain('ort.webgpu.min')
    writeFileSync(join(app.dir, 'onnx.config.mjs'), "export default { targets: ['wasm'] }\n")
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
    plugins: [onnxRollup({ cache: { dir: join(app.dir, '.cache') }, logLevel: 'silent' })],
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

    cpSync(modelFile('diabetes_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) !== before)

    writeFileSync(model(), '<!doctype html><title>Not found</title>')
    await builds.until(/HTML/)

    cpSync(modelFile('digits_mlp.onnx'), model())
    await builds.until('', () => shapes(app.read('main.js')) === before)
  } finally {
    await watcher.close()
  }
})
