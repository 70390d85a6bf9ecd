import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as api from 'esbuild'
import onnx from 'unplugin-onnx/esbuild'
import { type App, pluginOptions } from '../apps'
import type { Bundler } from './cases'
import { eventQueue } from './events'
import { writePage } from './pages'

const options = (app: App, targets?: readonly string[]) =>
  ({
    absWorkingDir: app.dir,
    bundle: true,
    outdir: app.out,
    format: 'esm',
    logLevel: 'silent',
    logOverride: { 'empty-import-meta': 'error' },
    plugins: [onnx(pluginOptions(targets && { targets }))],
  }) satisfies api.BuildOptions

const pages: api.BuildOptions = {
  entryPoints: ['src/main.js', 'src/page.js', 'src/worker.js'],
  splitting: true,
}
const forNode: api.BuildOptions = {
  entryPoints: ['src/server.js'],
  platform: 'node',
  outExtension: { '.js': '.mjs' },
}

export const esbuild: Bundler = {
  build: (app, { base, targets } = {}) =>
    api.build({ ...options(app, targets), ...pages, ...(base !== undefined && { publicPath: base }) }),
  async server(app) {
    await api.build({ ...options(app), ...forNode })
    return 'server.mjs'
  },
  async library(app) {
    for (const format of ['esm', 'iife'] as const)
      await api.build({
        ...options(app),
        entryPoints: { [format]: 'src/main.js' },
        outdir: join(app.out, 'lib'),
        format,
      })
    return { module: 'esm.js', classic: 'iife.js' }
  },
  async watch(app, kind) {
    const events = eventQueue<void>()
    const { plugins, ...rest } = options(app)
    const context = await api.context({
      ...rest,
      ...(kind === 'page' ? pages : forNode),
      plugins: [
        ...plugins,
        {
          name: 'events',
          setup: (build) =>
            build.onEnd(({ errors }) => {
              if (errors.length > 0) events.fail(new Error(errors.map(({ text }) => text).join('\n')))
              else events.push(undefined)
            }),
        },
      ],
    })
    await context.watch()
    return { built: () => events.next(), close: () => context.dispose() }
  },
  async dev(app) {
    mkdirSync(app.out)
    writePage(app.out, 'index.html', 'main.js')
    writePage(app.out, 'worker.html', 'page.js')
    const context = await api.context({ ...options(app), ...pages })
    const { port } = await context.serve({ servedir: app.out, host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${port}/`
    return { pages: [url, `${url}worker.html`], close: () => context.dispose() }
  },
  not: {
    'dev node': 'Its dev server runs no server code.',
    'path node': 'It puts publicPath before the URLs of server code too: leave it out there.',
    'relative node': 'It puts publicPath before the URLs of server code too: leave it out there.',
    'cdn node': 'It puts publicPath before the URLs of server code too: leave it out there.',
  },
}
