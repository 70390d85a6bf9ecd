/** Vite's dev server over a fixture app, and what it sends to its pages. */
import type { InlineConfig, ViteDevServer } from 'vite'
import { type App, type PluginOptions, viteConfig, viteVersions } from './apps'

export interface Running {
  readonly server: ViteDevServer
  readonly origin: string
  /** Messages of the overlay so far. */
  readonly overlays: string[]
  /** What the terminal was told. */
  readonly printed: string[]
  readonly reloads: () => number
  get(path: string, init?: RequestInit): Promise<Answer>
  stop(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly text: string
}

export async function startDev(
  app: App,
  options: PluginOptions = {},
  config: InlineConfig = {},
  vite: typeof vite8 = vite8,
): Promise<Running> {
  const printed: string[] = []
  const logger = vite.createLogger('silent')
  logger.info = (text) => void printed.push(text)
  logger.error = (text) => void printed.push(text)
  const server = await vite.createServer({
    ...viteConfig(app, options),
    logLevel: 'info',
    customLogger: logger,
    ...config,
    server: { port: 0, host: '127.0.0.1', ...config.server },
  })
  await server.listen()
  const { port } = server.httpServer!.address() as { port: number }
  const origin = `http://127.0.0.1:${port}`
  const overlays: string[] = []
  let reloads = 0
  const { hot } = server.environments.client
  const { send } = hot
  hot.send = (...args: unknown[]) => {
    const payload = args[0] as { type?: string; err?: { message: string } }
    if (payload.type === 'full-reload') reloads++
    if (payload.type === 'error') overlays.push(payload.err!.message)
    return (send as (...all: unknown[]) => void).apply(hot, args)
  }
  return {
    server,
    origin,
    overlays,
    printed,
    reloads: () => reloads,
    async get(path, init) {
      const response = await fetch(new URL(path, origin), init)
      const bytes = Buffer.from(await response.arrayBuffer())
      return { status: response.status, headers: response.headers, bytes, text: bytes.toString() }
    },
    stop: () => server.close(),
  }
}

export const vite8 = viteVersions['vite 8']!

/** Recipes of the variants that a model's module names. */
export const recipesIn = (module: string): string[] =>
  [...module.matchAll(/"recipe":"([\w-]+)"/g)].map(([, recipe]) => recipe!)

/** URLs of the variants that a model's module names. */
export const urlsIn = (module: string): string[] =>
  [...module.matchAll(/"url":"([^"]+)"/g)].map(([, url]) => url!)
