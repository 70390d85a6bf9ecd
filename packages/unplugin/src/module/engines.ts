import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Provider } from '@unplugin-onnx/runtime'
import { engineMissing } from '../errors'

export type EngineName = 'wasm' | 'webgpu' | 'node'

export const isEngineName = (name: string): name is EngineName => name === 'node' || name in webFiles

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
const webFiles = {
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
  Object.values(webFiles).flatMap(({ script, mjs }) => [script, mjs]),
)

/** The folder of onnxruntime-web's builds. */
export const webDist = (root: string): string =>
  dirname(resolvePackage('onnxruntime-web', '/ort-wasm-simd-threaded.wasm', root))

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
export function webEngine(name: Exclude<EngineName, 'node'>, root: string): WebEngine {
  const dist = webDist(root)
  const files = webFiles[name]
  for (const file of Object.values(files)) {
    if (existsSync(join(dist, file))) continue
    const { version } = JSON.parse(readFileSync(join(dist, '../package.json'), 'utf8')) as { version: string }
    throw engineMissing('onnxruntime-web', version, `dist/${file}`)
  }
  return { script: join(dist, files.script), mjs: join(dist, files.mjs), wasm: join(dist, files.wasm) }
}
