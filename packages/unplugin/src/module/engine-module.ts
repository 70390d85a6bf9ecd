import type { Bundler } from '../emit/bundler'
import type { Options } from '../options/schema'
import { type EngineName, type WebEngineName, webEngine, webEngineFiles, webVersion } from './engines'

/** Where browsers get onnxruntime-web from. */
export type EngineOrigin = NonNullable<Options['onnxruntime']>

/** The module of one engine, shared by all models that run on it. */
export async function engineModule(
  name: EngineName,
  root: string,
  bundler: Bundler,
  origin: EngineOrigin = 'bundle',
): Promise<string> {
  if (name === 'node') return packageModule(bundler.nodeEngine)
  if (origin === 'external') return packageModule(pagePackage)
  return origin === 'bundle' ? bundledModule(name, root, bundler) : cdnModule(name, root, origin.cdn)
}

/**
 * onnxruntime-web's files reach the browser as they are, and are imported by URL: bundled, its script would lose the
 * `import.meta.url` that its proxy worker starts from, webpack would write a path of this machine in its place, and
 * minifiers stumble over it (onnxruntime#22113).
 */
async function bundledModule(name: WebEngineName, root: string, bundler: Bundler): Promise<string> {
  const files = webEngine(name, root)
  const script = await bundler.take(files.script)
  const mjs = await bundler.take(files.mjs)
  const wasm = await bundler.take(files.wasm)
  const heads = [...new Set([...script.head, ...mjs.head, ...wasm.head])]
  return [...heads, urlModule({ script: script.url, mjs: mjs.url, wasm: wasm.url })].join('\n')
}

/** The same files, of the version that is installed, which is the one that the variants were verified with. */
function cdnModule(name: WebEngineName, root: string, cdn: string): string {
  const { script, mjs, wasm } = webEngineFiles[name]
  const version = webVersion(root)
  const urlOf = (file: string) => JSON.stringify(cdnUrl(cdn, version, file))
  return urlModule({ script: urlOf(script), mjs: urlOf(mjs), wasm: urlOf(wasm) })
}

/** @param cdn a base, or an address with `{file}` and perhaps `{version}` in it */
export function cdnUrl(cdn: string, version: string, file: string): string {
  const template = cdn.includes('{file}')
    ? cdn
    : `${cdn.replace(/\/$/, '')}/${cdn.includes('{version}') ? '' : 'onnxruntime-web@{version}/dist/'}{file}`
  return template.replaceAll('{version}', version).replaceAll('{file}', file)
}

/** @param urls JavaScript expressions. A classic script knows its own URL only while it first runs: not in `load`. */
const urlModule = ({ script, mjs, wasm }: Record<'script' | 'mjs' | 'wasm', string>): string => `
const script = ${script}
const mjs = ${mjs}
const wasm = ${wasm}
const absolute = (url) => new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href
export default {
  load: () => import(/* webpackIgnore: true */ /* @vite-ignore */ absolute(script)),
  get files() {
    return { wasm: absolute(wasm), mjs: absolute(mjs) }
  },
}
`

/** The page's import map knows it, and no bundler is to look for it. It knows its own .wasm. */
const pagePackage = "['onnxruntime', 'web'].join('-')"

const packageModule = (specifier: string): string => `export default {
  load: () => import(/* webpackIgnore: true */ /* @vite-ignore */ ${specifier}),
}
`
