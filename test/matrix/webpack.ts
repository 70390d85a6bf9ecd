import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { rspack } from '@rspack/core'
import { RspackDevServer } from '@rspack/dev-server'
import onnxRspack from 'unplugin-onnx/rspack'
import onnxWebpack from 'unplugin-onnx/webpack'
import webpack from 'webpack'
import WebpackDevServer from 'webpack-dev-server'
import { type App, pluginOptions } from '../apps'
import type { Bundler } from './cases'
import { eventQueue } from './events'
import { writePage } from './pages'

type Configuration = webpack.Configuration
export type Pack = (config: Configuration) => webpack.Compiler
type PackServer = new (
  options: object,
  compiler: webpack.Compiler,
) => {
  start(): Promise<void>
  stop(): Promise<void>
  server: { address(): unknown }
}

/** Runs a compiler once and closes it, which writes its persistent cache. */
export function runPack(compiler: webpack.Compiler): Promise<webpack.Stats> {
  return new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      compiler.close((closeError) => {
        const failure = error ?? closeError ?? problemIn(stats)
        if (failure || !stats) reject(failure)
        else resolve(stats)
      })
    })
  })
}

const problemIn = (stats: webpack.Stats | undefined) =>
  stats?.hasErrors() || stats?.hasWarnings()
    ? new Error(stats.toString({ all: false, errors: true, warnings: true, colors: false }))
    : undefined

/** A configuration without a plugin of ours. */
export const packConfig = (app: App, config: Configuration): Configuration => ({
  mode: 'production',
  context: app.dir,
  performance: { hints: false },
  stats: 'none',
  infrastructureLogging: { level: 'error' },
  ...config,
  output: { path: app.out, ...config.output },
})

const forNode = (app: App, base?: string): Configuration =>
  packConfig(app, {
    target: 'node20',
    entry: { server: './src/server.js' },
    experiments: { outputModule: true },
    output: {
      filename: '[name].mjs',
      library: { type: 'module' },
      chunkFormat: 'module',
      ...(base !== undefined && { publicPath: base }),
    },
  })

function packBundler(pack: Pack, plugin: (options: object) => unknown, Server: PackServer): Bundler {
  const create = (config: Configuration, targets?: readonly string[]) =>
    pack({ ...config, plugins: [plugin(pluginOptions(targets && { targets }))] as never })
  const pages = (app: App, output: Configuration['output'] = {}) =>
    packConfig(app, { entry: { main: './src/main.js', page: './src/page.js' }, output })
  return {
    build: (app, { base, targets } = {}) =>
      runPack(create(pages(app, base === undefined ? {} : { publicPath: base }), targets)),
    async server(app, { base } = {}) {
      await runPack(create(forNode(app, base)))
      return 'server.mjs'
    },
    async library(app) {
      const lib = (output: Configuration['output'], experiments = {}) =>
        runPack(
          create(
            packConfig(app, {
              entry: { main: './src/main.js' },
              experiments,
              output: { path: join(app.out, 'lib'), ...output },
            }),
          ),
        )
      await lib({ filename: 'es.js', library: { type: 'module' } }, { outputModule: true })
      await lib({ filename: 'iife.js', library: { type: 'window', name: 'library' } })
      return { module: 'es.js', classic: 'iife.js' }
    },
    async watch(app, kind) {
      const events = eventQueue<void>()
      const compiler = create(kind === 'page' ? pages(app) : forNode(app))
      const watching = compiler.watch({ aggregateTimeout: 20 }, (error, stats) => {
        const failure = error ?? problemIn(stats)
        if (failure) events.fail(failure)
        else events.push(undefined)
      })
      return {
        built: () => events.next(),
        close: () => new Promise((resolve) => watching?.close(() => compiler.close(resolve))),
      }
    },
    async dev(app) {
      const folder = join(app.dir, 'pages')
      mkdirSync(folder)
      writePage(folder, 'index.html', 'main.js')
      writePage(folder, 'worker.html', 'page.js')
      const compiler = create({ ...pages(app), mode: 'development' })
      const options = {
        host: '127.0.0.1',
        port: 'auto',
        static: { directory: folder },
        client: { logging: 'none' },
      }
      const server = new Server(options, compiler)
      await server.start()
      const { port } = server.server.address() as { port: number }
      const url = `http://127.0.0.1:${port}/`
      return { pages: [url, `${url}worker.html`], close: () => server.stop() }
    },
    not: { 'dev node': 'Its dev server runs no server code.' },
  }
}

export const packBundlers: Readonly<Record<string, Bundler>> = {
  'webpack 5': packBundler(webpack, onnxWebpack, WebpackDevServer as unknown as PackServer),
  'rspack 2': packBundler(rspack as unknown as Pack, onnxRspack, RspackDevServer as unknown as PackServer),
}
