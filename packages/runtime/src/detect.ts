/// <reference lib="dom" />

import { messageOf } from './errors'
import type { Provider } from './manifest'
import type { AssetVariant, EngineName } from './types'

interface NodeProcess {
  readonly type?: string
  getBuiltinModule?(name: 'node:fs/promises'): typeof import('node:fs/promises')
}

/** Node's `fs`, without an import that a browser's bundler would stumble over. Undefined in browsers and renderers. */
export function nodeFiles(): typeof import('node:fs/promises') | undefined {
  const { process } = globalThis as { process?: NodeProcess }
  return process?.type === 'renderer' ? undefined : process?.getBuiltinModule?.('node:fs/promises')
}

/** The engine that runs each execution provider. onnxruntime-web's WebGPU build holds WebNN too. */
export const engineOf: Readonly<Record<Provider, EngineName>> = {
  webgpu: 'webgpu',
  webnn: 'webgpu',
  wasm: 'wasm',
  cpu: 'node',
}

interface Adapter {
  readonly features: { has(feature: string): boolean }
  readonly info?: { readonly isFallbackAdapter?: boolean }
  /** Where browsers had it first. */
  readonly isFallbackAdapter?: boolean
}

interface Graphics {
  readonly gpu?: { requestAdapter(): Promise<Adapter | null> }
  readonly ml?: { createContext(): Promise<unknown> }
}

const devices = (): Graphics => globalThis.navigator as Graphics

const adapterOf = ({ gpu }: Graphics) => gpu?.requestAdapter().catch(() => null)

/** Whether WebGPU is there, but computes on the CPU: slower than WebAssembly, and of use for tests. */
export async function inSoftware(): Promise<boolean> {
  const adapter = nodeFiles() ? null : await adapterOf(devices())
  return (adapter?.info?.isFallbackAdapter ?? adapter?.isFallbackAdapter) === true
}

/** A module with one function that gives `i8x16.popcnt(i8x16.splat(0))`: all builds of onnxruntime-web need 128-bit SIMD. */
const simd = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]

/** Why an execution provider can't be used here, or undefined if it can. */
export async function missing({ provider, requires = [] }: AssetVariant): Promise<string | undefined> {
  const inNode = nodeFiles() !== undefined
  if (provider === 'cpu') return inNode ? undefined : 'it runs in Node only'
  if (!globalThis.WebAssembly?.validate(new Uint8Array(simd)))
    return 'WebAssembly or its SIMD is missing here'
  if (provider === 'wasm') return undefined
  if (inNode) return 'it runs in browsers only'
  const own = devices()
  if (provider === 'webnn') {
    if (!own.ml) return 'this browser has no WebNN'
    return own.ml.createContext().then(
      () => undefined,
      (cause) => `WebNN gives no context: ${messageOf(cause)}`,
    )
  }
  if (!own.gpu) return 'this browser has no WebGPU, or the page is not served over https'
  const adapter = await adapterOf(own)
  if (!adapter) return 'WebGPU found no graphics adapter'
  const lacking = requires.find((feature) => !adapter.features.has(feature))
  return lacking && `the graphics adapter has no ${lacking}`
}
