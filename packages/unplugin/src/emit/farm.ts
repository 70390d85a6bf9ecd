import type { CompilationContext, JsPlugin, ResolvedUserConfig } from '@farmfe/core'
import { engineOf, modelRequest, runtimeId } from '../module/ids'
import type { Project } from '../project'
import { type Bundler, hiddenPackage, importOf } from './bundler'

/** Farm: an import of the file with `?url`. A second key tells it from what users write, which is a module of ours. */
const asItIs = '?url&file'

/** Farm writes URLs as paths from the site's root in browsers, or as it is told by `publicPath`, and as paths on disk in Node. */
export function farmBundler(targetEnv: string | undefined, note: Bundler['note']): Bundler {
  const server = isServer(targetEnv)
  return {
    runs: server ? 'node' : targetEnv === 'library' ? 'unknown' : 'browser',
    note,
    nodeEngine: hiddenPackage,
    async take(file, name) {
      const { head, url } = importOf(`${file.replaceAll('\\', '/')}${asItIs}`, `${file} ${name}`)
      if (!server) return { head, url }
      return {
        head: [...head, "import { pathToFileURL } from 'node:url'"],
        url: `pathToFileURL(${url}).href`,
      }
    },
  }
}

const isServer = (targetEnv = 'browser'): boolean => /^(?:library-)?node/.test(targetEnv)

export interface FarmParts {
  readonly runtimeFile: string
  readonly open: (root: string) => Project
}

/** Farm's hooks: how it finds the modules that the plugin knows, and how it loads them. */
export function farmHooks({ runtimeFile, open }: FarmParts): Partial<JsPlugin> {
  let project = open(process.cwd())
  let bundler = farmBundler(undefined, () => {})
  let watched = false

  const load = (
    path: string,
    query: readonly (readonly [string, string])[],
    context?: CompilationContext,
  ) => {
    const keys = query.map(([key, value]) => (value === '' ? key : `${key}=${value}`)).join('&')
    return project.load(keys === '' ? path : `${path}?${keys}`, bundler, (file) => {
      if (file !== path) context?.addWatchFile(path, file)
    })
  }
  const settle = async () => {
    project.summarize()
    await project.report()
    if (!watched) await project.close()
  }

  return {
    configResolved({ root, compilation, server }: ResolvedUserConfig & { root?: string }) {
      project = open(root ?? compilation?.root ?? process.cwd())
      bundler = farmBundler(compilation?.output?.targetEnv, (text) => console.error(text))
      watched = compilation?.watch === true || server !== undefined
    },
    resolve: {
      filters: { sources: ['^unplugin-onnx/'], importers: ['.*'] },
      executor({ source }) {
        const resolvedPath = source === runtimeId ? runtimeFile : engineOf(source) && source
        if (resolvedPath === undefined) return null
        return { resolvedPath, external: false, sideEffects: false, query: [], meta: {} }
      },
    },
    load: {
      filters: { resolvedPaths: ['\\.onnx(?:\\?.*)?$', 'unplugin-onnx/engine/\\w+$'] },
      async executor({ resolvedPath, query }, context) {
        if (engineOf(resolvedPath) === undefined && modelRequest(resolvedPath) === undefined) return null
        const content = await load(resolvedPath, query, context)
        return content === undefined ? null : { content, moduleType: 'js' }
      },
    },
    finish: {
      async executor() {
        await project.checkGlobs()
        await settle()
        await project.checkSizes()
      },
    },
    updateFinished: { executor: settle },
  }
}
