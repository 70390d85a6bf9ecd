import type { Bundler } from '../emit/bundler'
import { type EngineName, webEngine } from './engines'

/**
 * The module of one engine, shared by all models that run on it.
 *
 * onnxruntime-web's files reach the browser as they are, and are imported by URL: bundled, its script would lose the
 * `import.meta.url` that its proxy worker starts from, webpack would write a path of this machine in its place, and
 * minifiers stumble over it (onnxruntime#22113).
 */
export async function engineModule(name: EngineName, root: string, bundler: Bundler): Promise<string> {
  if (name === 'node') return nodeModule(bundler)
  const files = webEngine(name, root)
  const script = await bundler.take(files.script)
  const mjs = await bundler.take(files.mjs)
  const wasm = await bundler.take(files.wasm)
  // A classic script knows its own URL only while it first runs: not in `load`.
  return `${[...script.head, ...mjs.head, ...wasm.head].join('\n')}
const script = ${script.url}
const mjs = ${mjs.url}
const wasm = ${wasm.url}
const absolute = (url) => new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href
export default {
  load: () => import(/* webpackIgnore: true */ /* @vite-ignore */ absolute(script)),
  get files() {
    return { wasm: absolute(wasm), mjs: absolute(mjs) }
  },
}
`
}

const nodeModule = ({ nodeEngine }: Bundler): string => `export default {
  load: () => import(/* webpackIgnore: true */ /* @vite-ignore */ ${nodeEngine}),
}
`
