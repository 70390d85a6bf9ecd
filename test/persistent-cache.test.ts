/** webpack's and Rspack's own caches on disk, beside ours: whichever is warm, the same files come out. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { rspack } from '@rspack/core'
import onnxRspack from 'unplugin-onnx/rspack'
import onnxWebpack from 'unplugin-onnx/webpack'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import { type App, createApp, modelFile, pluginOptions, replaceFile } from './apps'
import { eventQueue } from './matrix/events'
import { type Pack, packConfig, runPack } from './matrix/webpack'

const cases: Readonly<
  Record<string, { pack: Pack; plugin: (options: object) => unknown; cache(folder: string): object }>
> = {
  'webpack 5': {
    pack: webpack,
    plugin: onnxWebpack,
    cache: (cacheDirectory) => ({ type: 'filesystem', cacheDirectory }),
  },
  'rspack 2': {
    pack: rspack as unknown as Pack,
    plugin: onnxRspack,
    cache: (directory) => ({ type: 'persistent', storage: { type: 'filesystem', directory } }),
  },
}

describe.each(Object.entries(cases))('%s with a persistent cache', (_, { pack, plugin, cache }) => {
  let app: App
  let ours: string
  let theirs: string
  beforeEach(() => {
    app = createApp('matrix', { 'model.onnx': 'digits_mlp.onnx' })
    ours = join(app.dir, '.cache/onnx')
    theirs = join(app.dir, '.cache/bundler')
  })
  afterEach(() => app.remove())

  const create = () =>
    pack(
      packConfig(app, {
        entry: { main: './src/main.js' },
        cache: cache(theirs) as never,
        plugins: [plugin(pluginOptions({ cache: { dir: ours }, targets: ['wasm'] }))] as never,
      }),
    )
  const build = async () => {
    rmSync(app.out, { recursive: true, force: true })
    await runPack(create())
    return app.files()
  }

  it('emits the same files cold, warm, and with either cache removed', async () => {
    const cold = await build()
    expect(cold.filter((file) => /\.onnxv$|\.wasm$/.test(file))).toHaveLength(2)
    expect(await build()).toEqual(cold)
    rmSync(ours, { recursive: true })
    expect(await build()).toEqual(cold)
    rmSync(theirs, { recursive: true, force: true })
    expect(await build()).toEqual(cold)
  })

  it('emits what a changed model gives in a rebuild of a warm watch', async () => {
    const cold = await build()
    rmSync(app.out, { recursive: true })
    const events = eventQueue<void>()
    const compiler = create()
    const watching = compiler.watch({ aggregateTimeout: 20 }, (error, stats) => {
      if (error || stats?.hasErrors()) events.fail(error ?? new Error(stats?.toString()))
      else events.push(undefined)
    })
    try {
      await events.next()
      expect(app.files()).toEqual(cold)
      replaceFile(modelFile('diabetes_mlp.onnx'), join(app.dir, 'src/model.onnx'))
      await events.next()
      expect(app.files().filter((file) => file.endsWith('.onnxv') && !cold.includes(file))).toHaveLength(1)
    } finally {
      await new Promise((resolve) => watching?.close(() => compiler.close(resolve)))
    }
  })
})
