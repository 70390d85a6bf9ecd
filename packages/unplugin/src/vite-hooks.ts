import { resolve } from 'node:path'
import type { DevEnvironment, Plugin, PluginOption, ResolvedConfig } from 'vite'
import type { Bundler } from './emit/bundler'
import { isIsolated, isolate } from './emit/isolation'
import type { Emitter, EmittingContext } from './emit/rollup'
import { renderFileUrls, type ViteEnvironment, viteBundler } from './emit/vite'
import { devServerOf, modelModules, openDevServer, viteMeanwhile } from './emit/vite-dev'
import { serveReports } from './emit/vite-report'
import { serveFiles } from './emit/vite-server'
import type { Options } from './options/schema'
import type { Project } from './project'
import type { Reports } from './reports'

interface ViteContext {
  readonly environment: { readonly config: ResolvedConfig & { readonly consumer?: 'client' | 'server' } }
}

export const isViteContext = (context: object): context is ViteContext =>
  'environment' in context && typeof context.environment === 'object'

/** For modules that nobody wrote: Vite's dev server maps all others onto themselves, which takes longer than serving them. */
export const noMap = { mappings: '' } as const

export const isServing = (context: object): boolean =>
  isViteContext(context) && context.environment.config.command === 'serve'

export function viteBundlerOf(
  { environment }: ViteContext,
  context: EmittingContext,
  emit: Emitter,
): Bundler {
  const { config } = environment
  const allow = (folder: string) => {
    if (!config.server.fs.allow.includes(folder)) config.server.fs.allow.push(folder)
  }
  const dev = config.command === 'serve' ? devServerOf(environment) : undefined
  return viteBundler(
    context,
    {
      ...(dev && {
        files: dev.files,
        meanwhile: viteMeanwhile(environment as unknown as DevEnvironment, dev),
      }),
      isolated: isIsolated(config.server.headers),
      again: config.plugins.some(({ name }) => bundlesAgain.test(name)),
      command: config.command,
      root: config.root,
      library: config.build.lib !== false && /^(?:\/|\.\/|)$/.test(config.base),
      host: hostOf(config),
      allow,
      note: (text) => config.logger.info(text),
    },
    emit,
  )
}

function hostOf(config: ViteContext['environment']['config']): ViteEnvironment['host'] {
  // Vitest runs the `client` environment in Node too, except in its browser mode.
  if (process.env.VITEST !== undefined && isVitest(config)) return 'vitest'
  return config.consumer === 'server' || config.build.ssr ? 'server' : 'browser'
}

/** Plugins of frameworks whose adapters bundle what Vite made for the server. They copy no files that lie beside it. */
const bundlesAgain = /^(vite-plugin-sveltekit|nitro|nuxt)\b/

const isVitest = ({ plugins }: ResolvedConfig): boolean =>
  plugins.some(({ name }) => name === 'vitest' || name === 'vitest:project') &&
  !plugins.some(({ name }) => name.startsWith('vitest:browser'))

export interface ViteParts {
  readonly open: (root: string) => Project
  readonly project: () => Project
  /** Of all conversions. */
  readonly reports: () => Reports
  /** Of the inline options. */
  readonly cacheDir: string | undefined
  /** Drops what was emitted for an environment, at the start of its build. */
  readonly forget: (environment: object) => void
  /** The same plugin once more, for the bundles of workers. */
  readonly again: () => PluginOption
}

/** What only Vite has: its configuration, its dev server, and URLs of server builds. */
export function viteHooks({ open, project, reports, cacheDir, forget, again }: ViteParts): Partial<Plugin> {
  return {
    config: ({ build, server, root }) => ({
      // Their files are addressed by URL, and a bundled copy of the runtime would be a second module.
      optimizeDeps: { exclude: ['onnxruntime-web', 'unplugin-onnx'] },
      // Workers are bundled without the plugins of the page (vite#5375).
      worker: { plugins: () => [again()] },
      // A conversion that is written is no change of the project.
      ...(cacheDir !== undefined &&
        server?.watch !== null && {
          server: { watch: { ignored: [`${resolve(root ?? '', cacheDir).replaceAll('\\', '/')}/**`] } },
        }),
      ...(build?.ssrEmitAssets === undefined && { build: { ssrEmitAssets: true } }),
    }),
    configEnvironment: (environment, config) =>
      (config.consumer ?? (environment === 'client' ? 'client' : 'server')) === 'server' &&
      config.build?.emitAssets === undefined
        ? { build: { emitAssets: true } }
        : undefined,
    async configResolved(config) {
      // A configuration that can't be read stops no server: the first model shows it.
      const { crossOriginIsolation } = await open(config.root)
        .options()
        .catch((): Options => ({}))
      if (crossOriginIsolation !== true) return
      isolate(config.server)
      isolate(config.preview)
    },
    configureServer(server) {
      openDevServer(server)
      serveFiles(server)
      serveReports(server, reports())
    },
    hotUpdate({ file, modules }) {
      const more = project()
        .modelsOf(file)
        .flatMap((model) => modelModules(this.environment, model))
      return more.length === 0 ? undefined : [...new Set([...modules, ...more])]
    },
    buildStart() {
      if (isViteContext(this)) forget(this.environment)
    },
    async buildEnd(error) {
      // The page of a worker is still being loaded, and a dev server never has loaded all.
      if (error !== undefined || !isViteContext(this)) return
      const { command, isWorker } = this.environment.config
      if (command !== 'build' || isWorker) return
      await project().checkGlobs()
      await project().checkSizes()
    },
    renderChunk(code, chunk, { format }) {
      const rendered = renderFileUrls(code, chunk.fileName, format, (reference) =>
        this.getFileName(reference),
      )
      return rendered === undefined ? null : { code: rendered, map: null }
    },
    async closeBundle() {
      project().summarize()
      // A dev server shows its report, and leaves no file; and nobody waits for what it is still converting.
      const serving = isViteContext(this) && this.environment.config.command === 'serve'
      if (!serving) await project().report()
      if (serving) await project().close(true)
      else if (!this.meta.watchMode) await project().close()
    },
    closeWatcher: () => project().close(),
  }
}
