import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { isAbsolute, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin as RollupPlugin } from 'rollup'
import { createUnplugin, type UnpluginBuildContext, type UnpluginInstance } from 'unplugin'
import type { Compiler, Stats } from 'webpack'
import type { Bundler } from './emit/bundler'
import { esbuildSetup } from './emit/esbuild'
import { farmHooks } from './emit/farm'
import { createEmitter, type Emitter, type EmittingContext, rollupBundler } from './emit/rollup'
import { addAssetRule, isNodeTarget, keepEngineScripts, webpackBundler } from './emit/webpack'
import { engineId, engineOf, modelPattern, modelRequest, runtimeId } from './module/ids'
import type { Options } from './options/schema'
import { createGlobs } from './options/unmatched'
import { validateOptions } from './options/validate'
import { createProject, type Project, type Shared } from './project'
import { createReports } from './reports'
import { createBuiltModels } from './size-budgets/built'
import { isServing, isViteContext, noMap, viteBundlerOf, viteHooks } from './vite-hooks'

export const name = 'unplugin-onnx'

/** The plugin's own copy of the runtime: generated code and the user's imports get the same module. */
const runtimeFile = fileURLToPath(new URL('./runtime.js', import.meta.url))

/** The plugin for every bundler: hooks only. How files are emitted is in emit/, what modules say in module/. */
export const unplugin: UnpluginInstance<Options | undefined, false> = createUnplugin(
  (inline = {}, { framework }) => {
    const options = validateOptions(inline, 'onnx()')
    let shared = sharedBy(inline, process.cwd())
    let project: Project = createProject(process.cwd(), options, shared)
    const open = (root: string) => {
      shared = sharedBy(inline, root)
      project = createProject(root, options, shared)
      return project
    }
    const emitters = new WeakMap<object, Emitter>()
    const emitterOf = (build: object): Emitter => {
      const emitter = emitters.get(build) ?? createEmitter()
      emitters.set(build, emitter)
      return emitter
    }

    /** Where the code of Rolldown's build runs, as far as it was told. */
    let runs: Bundler['runs'] = 'unknown'

    const bundlerOf = (context: UnpluginBuildContext): Bundler => {
      const native = context.getNativeBuildContext?.()
      if (native?.framework === 'webpack' || native?.framework === 'rspack') {
        // What was converted lies in a cache that may be cleared while webpack's own survives: ask again every time.
        native.loaderContext?.cacheable(false)
        const compiler = native.compiler as Compiler
        const logger = compiler.getInfrastructureLogger(name)
        return webpackBundler(isNodeTarget(compiler), (text) => logger.info(text))
      }
      const emitting = context as unknown as EmittingContext
      if (isViteContext(context)) return viteBundlerOf(context, emitting, emitterOf(context.environment))
      return rollupBundler(emitting, emitterOf(context), runs)
    }

    const rollup: Pick<RollupPlugin, 'buildEnd' | 'closeWatcher'> = {
      async buildEnd(error) {
        project.summarize()
        if (error === undefined) await project.checkGlobs()
        await project.report()
        if (!this.meta.watchMode) await project.close()
        if (error === undefined) await project.checkSizes()
      },
      closeWatcher: () => project.close(),
    }
    const webpack = (compiler: Compiler) => {
      open(compiler.context)
      addAssetRule(compiler)
      keepEngineScripts(compiler, name)
      checkWithCompiler(compiler, () => project)
      closeWithCompiler(compiler, () => project)
    }

    // Two that resolve and load by rules of their own, which the hooks below can't say.
    if (framework === 'farm') return { name, farm: { priority: 102, ...farmHooks({ runtimeFile, open }) } }
    if (framework === 'esbuild') return { name, esbuild: { setup: esbuildSetup({ runtimeFile, open }) } }

    return {
      name,
      enforce: 'pre',
      resolveId: {
        filter: { id: /^unplugin-onnx\/|^onnxruntime-node$|\.onnx(\?.*)?$/ },
        handler(id, importer) {
          if (id === runtimeId) return runtimeFile
          const engine = engineOf(id)
          if (engine !== undefined) return engineId(engine)
          if (id === 'onnxruntime-node') {
            return importer !== undefined && engineOf(importer) === 'node'
              ? { id, external: true }
              : undefined
          }
          return framework === 'rollup' || framework === 'rolldown' ? resolveModel(id, importer) : undefined
        },
      },
      load: {
        filter: {
          id: [
            /unplugin-onnx\/engine\/\w+$/,
            modelPattern,
            ...(framework === 'vite' ? [/[\\/]runtime\.js$/] : []),
          ],
        },
        async handler(id) {
          const map = isServing(this) ? noMap : null
          if (id.endsWith('.js')) {
            // Builds read it themselves.
            if (map === null || relative(runtimeFile, id) !== '') return undefined
            return { code: await readFile(id, 'utf8'), map }
          }
          const code = await project.load(id, bundlerOf(this), (file) => this.addWatchFile(file))
          return code === undefined ? undefined : { code, map, moduleSideEffects: false }
        },
      },
      rollup,
      rolldown: {
        ...(rollup as object),
        buildStart({ platform }) {
          // Its default is 'browser' for all that is no CommonJS: only Node is a word.
          runs = platform === 'node' ? 'node' : 'unknown'
        },
      },
      vite: viteHooks({
        open,
        project: () => project,
        reports: () => shared.reports,
        cacheDir: options.cache?.dir,
        forget: (build) => emitters.delete(build),
        again: () => unplugin.vite(inline),
      }),
      webpack,
      rspack: (compiler) => webpack(compiler as unknown as Compiler),
    }
  },
)

/** Vite bundles workers with plugins of their own, made of the same options: their models are in the same report. */
const sharedByOptions = new WeakMap<object, Map<string, Shared>>()

function sharedBy(inline: object, root: string): Shared {
  const byRoot = sharedByOptions.get(inline) ?? new Map<string, Shared>()
  sharedByOptions.set(inline, byRoot)
  const shared = byRoot.get(root) ?? {
    reports: createReports(),
    globs: createGlobs(),
    built: createBuiltModels(),
  }
  byRoot.set(root, shared)
  return shared
}

/** Rollup itself knows neither queries nor packages; a model is found as Node finds it, with or without plugins for that. */
function resolveModel(id: string, importer: string | undefined): string | undefined {
  const request = modelRequest(id)
  if (importer === undefined || request === undefined || isAbsolute(id)) return undefined
  try {
    return createRequire(importer).resolve(request.file) + id.slice(request.file.length)
  } catch {
    return undefined
  }
}

/** Before files are emitted: a build that fails leaves none. */
function checkWithCompiler(compiler: Compiler, project: () => Project): void {
  compiler.hooks.thisCompilation.tap(name, (compilation) => {
    compilation.hooks.afterSeal.tapPromise(name, async () => {
      if (compilation.errors.length > 0) return
      await project()
        .checkSizes()
        .catch((error) => compilation.errors.push(error))
    })
  })
}

function closeWithCompiler(compiler: Compiler, project: () => Project): void {
  const { done, failed, watchClose, shutdown } = compiler.hooks
  const settle = async (stats?: Stats) => {
    project().summarize()
    if (stats?.hasErrors() === false) await project().checkGlobs()
    await project().report()
    if (!compiler.watchMode) await project().close()
  }
  done.tapPromise(name, settle)
  failed.tap(name, () => void settle())
  watchClose.tap(name, () => void project().close())
  shutdown.tapPromise(name, () => project().close())
}
