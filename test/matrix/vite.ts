import { join } from 'node:path'
import type { InlineConfig, Rollup } from 'vite'
import * as vite8 from 'vite'
import * as vite7 from 'vite7'
import { type App, viteConfig } from '../apps'
import type { Bundler } from './cases'
import { eventQueue } from './events'

type Vite = typeof vite8

const pages = (app: App) => ({
  rollupOptions: { input: { index: join(app.dir, 'index.html'), worker: join(app.dir, 'worker.html') } },
})

const viteBundler = (vite: Vite): Bundler => {
  const build = (app: App, config: InlineConfig, targets?: readonly string[]) =>
    vite.build({ ...viteConfig(app, targets && { targets }), ...config })
  return {
    build: (app, { base, targets } = {}) =>
      build(
        app,
        { build: pages(app), worker: { format: 'es' }, ...(base !== undefined && { base }) },
        targets,
      ),
    async server(app, { base } = {}) {
      await build(app, { build: { ssr: 'src/server.js' }, ...(base !== undefined && { base }) })
      return 'server.js'
    },
    async library(app) {
      const lib = {
        entry: 'src/main.js',
        name: 'library',
        formats: ['es' as const, 'iife' as const],
        fileName: (format: string) => `${format}.js`,
      }
      await build(app, { build: { lib, outDir: 'dist/lib' } })
      return { module: 'es.js', classic: 'iife.js' }
    },
    async watch(app, kind) {
      const how = kind === 'page' ? pages(app) : { ssr: 'src/server.js' }
      const watcher = (await build(app, { build: { ...how, watch: {} } })) as unknown as Rollup.RollupWatcher
      const events = eventQueue<void>()
      watcher.on('event', (event) => {
        if (event.code === 'END') events.push(undefined)
        if (event.code === 'ERROR') events.fail(event.error)
      })
      return { built: () => events.next(), close: () => watcher.close() }
    },
    async dev(app) {
      const server = await vite.createServer({
        ...viteConfig(app),
        worker: { format: 'es' },
        server: { port: 0, host: '127.0.0.1' },
      })
      await server.listen()
      const { port } = server.httpServer!.address() as { port: number }
      const url = `http://127.0.0.1:${port}/`
      return {
        pages: [url, `${url}worker.html`],
        async runServer() {
          const { run } = (await server.ssrLoadModule('/src/server.js')) as { run(): Promise<unknown> }
          return run()
        },
        close: () => server.close(),
      }
    },
  }
}

export const viteBundlers: Readonly<Record<string, Bundler>> = {
  'vite 8': viteBundler(vite8),
  'vite 7': viteBundler(vite7 as unknown as Vite),
}
