import { basename, parse, posix } from 'node:path'
import type { Compiler, Configuration } from 'webpack'
import { engineScripts } from '../module/engines'
import { enginePrefix } from '../module/ids'
import { type Bundler, barePackage, hiddenPackage, importOf } from './bundler'

/** Keeps the user's loaders (Babel, say) off. `!!` would do so too, but switches off the rule's type as well. */
const noLoaders = '-!'

/**
 * webpack (and Rspack): an import of the file under a rule `asset/resource`. Never `emitFile`: what it emits vanishes
 * from builds with a warm persistent cache and from rebuilds in watch mode.
 */
export function webpackBundler(server: boolean, note: Bundler['note']): Bundler {
  return {
    runs: server ? 'node' : 'browser',
    note,
    nodeEngine: server ? barePackage : hiddenPackage,
    async take(file, name = basename(file)) {
      const specifier = `${noLoaders}${file}${name === basename(file) ? '' : `?name=${encodeURIComponent(name)}`}`
      const taken = importOf(specifier, `${file} ${name}`)
      // Not `new URL(…, import.meta.url)`, of which a project may make something else (`parser.url`, as Next.js does).
      return server ? { ...taken, url: `new URL(${taken.url}, __webpack_base_uri__).href` } : taken
    },
  }
}

/** Does the compiled code run in Node? */
export const isNodeTarget = (compiler: Compiler): boolean => compiler.options.externalsPresets.node === true

/**
 * The rule that makes assets of what generated modules import. It knows a file by its path alone, and not by what
 * was converted in this run: with a warm cache, nothing is.
 */
export function addAssetRule(compiler: Compiler): void {
  const { options } = compiler
  const generator: { filename: AssetName; publicPath?: string } = {
    filename: assetName(patternOf(options)),
  }
  options.module.rules.push({
    resource: isTaken,
    issuer: (issuer: string) => issuer.endsWith('.onnx') || issuer.includes(encodeURIComponent(enginePrefix)),
    type: 'asset/resource',
    generator,
  })
  // A public path is of no use where files are read: their URLs are relative to the output. The target is known by then.
  compiler.hooks.environment.tap('unplugin-onnx', () => {
    if (isNodeTarget(compiler)) generator.publicPath = ''
  })
}

type AssetName = Exclude<Configuration['output'], undefined>['assetModuleFilename']

/** A pattern for assets may lie in either of two places; Next.js has it in the second, and serves what it names alone. */
const patternOf = ({ output, module }: Compiler['options']): AssetName =>
  module.generator?.['asset/resource']?.filename ??
  module.generator?.asset?.filename ??
  output.assetModuleFilename

/** The user's own pattern where there is one (webpack's default is the bare hash), with the name that was asked for. */
const assetName =
  (pattern: AssetName = '[name]-[hash][ext]'): Exclude<AssetName, string | undefined> =>
  (data, info) => {
    const wanted = /\?name=([^&]+)$/.exec(data.filename ?? '')?.[1]
    const shown = typeof pattern === 'function' ? pattern(data, info) : pattern
    if (wanted === undefined) return shown
    const name = parse(decodeURIComponent(wanted)).name
    return shown.replaceAll('[name]', name).replaceAll('[base]', `${name}[ext]`).replaceAll('[query]', '')
  }

/**
 * Keeps minifiers off onnxruntime's scripts: webpack hands every asset that ends in .mjs to them, and what Terser makes
 * of Emscripten's glue does not always run (onnxruntime#22113).
 */
export function keepEngineScripts(compiler: Compiler, plugin: string): void {
  compiler.hooks.compilation.tap(plugin, (compilation) => {
    const stage = compiler.webpack.Compilation.PROCESS_ASSETS_STAGE_PRE_PROCESS
    compilation.hooks.processAssets.tap({ name: plugin, stage }, () => {
      for (const { name, info } of compilation.getAssets()) {
        const source = info.sourceFilename
        if (source === undefined || !engineScripts.has(posix.basename(source))) continue
        compilation.updateAsset(name, (asset) => asset, { ...info, minimized: true })
      }
    })
  })
}

function isTaken(file: string): boolean {
  return (
    file.endsWith('.onnxv') ||
    file.endsWith('.onnx') ||
    file.endsWith('.wasm') ||
    engineScripts.has(basename(file))
  )
}
