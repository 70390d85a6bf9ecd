import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import type { BuildOptions, OnLoadResult, PluginBuild } from 'esbuild'
import { engineOf, engineSpecifier, modelPattern, runtimeId } from '../module/ids'
import type { Project } from '../project'
import {
  type Bundler,
  barePackage,
  commonJsUrl,
  hiddenPackage,
  importOf,
  scriptUrl,
  shortHash,
} from './bundler'

/** Of the modules of engines, and of the files that come into the output. */
const namespace = 'unplugin-onnx'
const filePrefix = 'unplugin-onnx/file/'

/**
 * What esbuild reads itself, and names by its name on disk. Contents that a plugin hands over may be named freely, but
 * the time for them grows with the square of their size: 27 MB take 7 s.
 */
const isLarge = (file: string): boolean => statSync(file).size > 4_000_000

/**
 * esbuild: an import of the file, with its loader `file`. What that gives is relative to the chunk, or begins with
 * `publicPath`.
 */
export function esbuildBundler(options: BuildOptions): Bundler {
  const { platform = 'browser' } = options
  const base = baseUrl(options)
  return {
    runs: platform === 'neutral' ? 'unknown' : platform,
    note(text) {
      if (/^(info|debug|verbose)$/.test(options.logLevel ?? '')) console.error(text)
    },
    nodeEngine: platform === 'browser' ? hiddenPackage : barePackage,
    async take(file, name = basename(file)) {
      const { head, url } = importOf(`${filePrefix}${name}?${encodeURIComponent(file)}`, `${file} ${name}`)
      return { head, url: `new URL(${url}, ${base}).href` }
    },
  }
}

/** What a chunk's own URL is. Only ES modules have `import.meta`. */
function baseUrl({ platform, format }: BuildOptions): string {
  if (format === 'esm' || (format === undefined && platform === 'neutral')) return 'import.meta.url'
  return platform === 'node' ? commonJsUrl : scriptUrl
}

/** Marks the import of a file that is to come into the output. */
const asItIs = Symbol('a file, not a module')

export interface EsbuildParts {
  readonly runtimeFile: string
  readonly open: (root: string) => Project
}

/** esbuild's hooks: how it finds the modules that the plugin knows, and how it loads them. */
export const esbuildSetup =
  ({ runtimeFile, open }: EsbuildParts) =>
  (build: PluginBuild): void => {
    const { initialOptions: options } = build
    const root = options.absWorkingDir ?? process.cwd()
    const project = open(root)
    const bundler = esbuildBundler(options)
    // Without a loader, an import of such a file is an error: no user's is lost.
    options.loader = { '.onnx': 'file', '.onnxv': 'file', '.wasm': 'file', ...options.loader }
    const isRead = (file: string) => isLarge(file) && options.loader?.[extname(file)] === 'file'

    const load = async (id: string): Promise<OnLoadResult | undefined> => {
      const watchFiles: string[] = []
      try {
        const code = await project.load(id, bundler, (file) => watchFiles.push(file))
        return code === undefined ? undefined : { contents: code, loader: 'js', resolveDir: root, watchFiles }
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        return { errors: [{ text, detail: error }], watchFiles }
      }
    }

    build.onResolve({ filter: new RegExp(`^${runtimeId}$`) }, () => ({
      path: runtimeFile,
      sideEffects: false,
    }))
    build.onResolve({ filter: /^unplugin-onnx\/engine\/\w+$/ }, ({ path }) => ({ path, namespace }))
    build.onResolve({ filter: /^unplugin-onnx\/file\// }, ({ path }) => {
      const at = path.indexOf('?')
      const file = decodeURIComponent(path.slice(at + 1))
      if (isRead(file)) return { path: file, pluginData: asItIs }
      // Output that isn't minified shows the path: none of this machine.
      return {
        path: `${shortHash(file)}/${path.slice(filePrefix.length, at)}`,
        namespace,
        pluginData: file,
      }
    })
    // It holds native code, and its place is where Node finds it.
    build.onResolve({ filter: /^onnxruntime-node$/ }, ({ path, namespace: from }) =>
      from === namespace ? { path, external: true } : undefined,
    )
    build.onLoad({ filter: /./, namespace }, async ({ path, pluginData }) => {
      const engine = engineOf(path)
      if (engine !== undefined) return load(engineSpecifier(engine))
      return {
        contents: await readFile(String(pluginData)),
        loader: 'file',
        watchFiles: [String(pluginData)],
      }
    })
    build.onLoad({ filter: modelPattern }, ({ path, suffix, pluginData }) =>
      pluginData === asItIs ? undefined : load(`${path}${suffix}`),
    )
    build.onEnd(async ({ errors }) => {
      project.summarize()
      if (errors.length === 0) await project.checkGlobs()
      await project.report()
      // A rebuild starts a converter again if it needs one.
      await project.close()
      if (errors.length > 0) return undefined
      return project.checkSizes().then(
        () => undefined,
        (detail: Error) => ({ errors: [{ text: detail.message, detail }] }),
      )
    })
  }
