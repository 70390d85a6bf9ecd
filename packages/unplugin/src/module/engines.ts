import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Provider } from '@unplugin-onnx/runtime'
import { engineMissing } from '../errors'

export type WebEngineName = 'wasm' | 'webgpu'
export type EngineName = WebEngineName | 'node'

export const isEngineName = (name: string): name is EngineName => name === 'node' || name in webEngineFiles

/** The engine that runs each execution provider. onnxruntime-web's WebGPU build holds WebNN too. */
export const engineOfProvider: Readonly<Record<Provider, EngineName>> = {
  wasm: 'wasm',
  webgpu: 'webgpu',
  webnn: 'webgpu',
  cpu: 'node',
}

/**
 * The files of onnxruntime-web that an engine needs. The scripts are the builds that hold no URL of a .wasm file:
 * the `bundle` builds hold `new URL('….wasm', import.meta.url)`, of which bundlers emit a second copy.
 */
export const webEngineFiles = {
  wasm: {
    script: 'ort.wasm.min.mjs',
    mjs: 'ort-wasm-simd-threaded.mjs',
    wasm: 'ort-wasm-simd-threaded.wasm',
  },
  webgpu: {
    script: 'ort.webgpu.min.mjs',
    mjs: 'ort-wasm-simd-threaded.asyncify.mjs',
    wasm: 'ort-wasm-simd-threaded.asyncify.wasm',
  },
} as const

export interface WebEngine {
  /** Absolute paths: the module that is imported, the Emscripten glue that it imports, and the WebAssembly. */
  readonly script: string
  readonly mjs: string
  readonly wasm: string
}

/** File names of all scripts that must reach the browser as they are. */
export const engineScripts: ReadonlySet<string> = new Set(
  Object.values(webEngineFiles).flatMap(({ script, mjs }) => [script, mjs]),
)

/** The folder of onnxruntime-web's builds. */
export const webDist = (root: string): string =>
  dirname(resolvePackage('onnxruntime-web', '/ort-wasm-simd-threaded.wasm', root))

/** The version of onnxruntime-web that is installed. */
export const webVersion = (root: string): string =>
  (JSON.parse(readFileSync(join(webDist(root), '../package.json'), 'utf8')) as { version: string }).version

/** The entry of onnxruntime-node. */
export const nodeEngineFile = (root: string): string => resolvePackage('onnxruntime-node', '', root)

/** Resolves from the project, else from the plugin, beside which package managers put its peers. */
function resolvePackage(name: string, path: string, root: string): string {
  for (const from of [join(root, 'package.json'), import.meta.url]) {
    try {
      return createRequire(from).resolve(`${name}${path}`)
    } catch {
      // Not from here: the next place, or the error below.
    }
  }
  throw engineMissing(name, undefined, undefined)
}

/** @throws OnnxError ONNX_ENGINE_MISSING when onnxruntime-web isn't installed or too old */
export function webEngine(name: WebEngineName, root: string): WebEngine {
  const dist = webDist(root)
  const files = webEngineFiles[name]
  for (const file of Object.values(files)) {
    if (existsSync(join(dist, file))) continue
    throw engineMissing('onnxruntime-web', webVersion(root), `dist/${file}`)
  }
  return { script: join(dist, files.script), mjs: join(dist, files.mjs), wasm: join(dist, files.wasm) }
}
