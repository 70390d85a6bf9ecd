import { posix } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodeEngineFile } from '../module/engines'
import {
  type Bundler,
  barePackage,
  commonJsUrl,
  hiddenPackage,
  importOf,
  type Meanwhile,
  scriptUrl,
} from './bundler'
import type { Emitter, EmittingContext } from './rollup'
import type { ServedFiles } from './vite-files'

/** What the plugin needs to know of the environment that a module is loaded for. */
export interface ViteEnvironment {
  readonly command: 'serve' | 'build'
  readonly root: string
  /** A library build whose base is not a place of its own: its files lie beside it, wherever that will be. */
  readonly library: boolean
  /** What runs the code. Vitest is a server that resolves no bare import of a virtual module. */
  readonly host: 'browser' | 'server' | 'vitest'
  /** Lets the dev server serve files of a folder: caches and packages may lie outside of the workspace. */
  readonly allow: (folder: string) => void
  readonly note: Bundler['note']
  /** What a dev server hands out beside its modules. */
  readonly files?: ServedFiles
  readonly meanwhile?: Meanwhile
  readonly isolated?: boolean
  /** The framework bundles server code once more. */
  readonly again: boolean
}

const isModel = (file: string): boolean => /\.onnxv?$/.test(file)

/**
 * `__VITE_ASSET__` gives `/assets/…` in builds for servers, where no file system has that, and of libraries, which lie
 * anywhere: they get a placeholder of ours.
 */
const placeholder = /(["'`])__UNPLUGIN_ONNX_FILE_([\w$]+)__\1/g

export function viteBundler(context: EmittingContext, environment: ViteEnvironment, emit: Emitter): Bundler {
  const { command, root, library, host, allow, note, files, meanwhile, isolated, again } = environment
  const server = host !== 'browser'
  return {
    runs: server ? 'node' : 'browser',
    note,
    ...(command === 'serve' ? { inline: 'never' } : server && again && { inline: 'better' }),
    ...(meanwhile && host !== 'vitest' && { meanwhile }),
    ...(isolated !== undefined && host === 'browser' && { isolated }),
    get nodeEngine() {
      if (host === 'vitest') return JSON.stringify(pathToFileURL(nodeEngineFile(root)).href)
      return server ? barePackage : hiddenPackage
    },
    async take(file, name) {
      if (command === 'serve') {
        if (server) return { head: [], url: JSON.stringify(pathToFileURL(file).href) }
        if (files && isModel(file)) return { head: [], url: JSON.stringify(files.url(file, name)) }
        const path = file.replaceAll('\\', '/')
        allow(posix.dirname(path))
        return importOf(`${path}?url&no-inline`, file)
      }
      const reference = await emit(context, file, name)
      return {
        head: [],
        url: `"${server || library ? '__UNPLUGIN_ONNX_FILE_' : '__VITE_ASSET__'}${reference}__"`,
      }
    },
  }
}

/**
 * Writes the URLs of a chunk for servers or of a library, relative to the chunk itself.
 * @returns undefined when the chunk has none
 */
export function renderFileUrls(
  code: string,
  chunkFile: string,
  format: string,
  fileOf: (reference: string) => string,
): string | undefined {
  if (!code.includes('__UNPLUGIN_ONNX_FILE_')) return undefined
  const base =
    { cjs: commonJsUrl, iife: scriptUrl, umd: scriptUrl }[format as 'cjs' | 'iife' | 'umd'] ??
    'import.meta.url'
  return code.replace(placeholder, (_, _quote: string, reference: string) => {
    const path = posix.relative(posix.dirname(chunkFile), fileOf(reference))
    return `new URL(${JSON.stringify(encodeURI(path))}, ${base}).href`
  })
}
