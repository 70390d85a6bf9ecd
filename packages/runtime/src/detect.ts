/// <reference lib="dom" />

import type { Provider } from './manifest'
import type { EngineName } from './types'

interface NodeProcess {
  readonly type?: string
  getBuiltinModule?(name: 'node:fs/promises'): typeof import('node:fs/promises')
}

/** Node's `fs`, without an import that a browser's bundler would stumble over. Undefined in browsers and renderers. */
export function nodeFiles(): typeof import('node:fs/promises') | undefined {
  const { process } = globalThis as { process?: NodeProcess }
  return process?.type === 'renderer' ? undefined : process?.getBuiltinModule?.('node:fs/promises')
}

/** The engine that runs each execution provider. */
export const engineOf: Readonly<Partial<Record<Provider, EngineName>>> = {
  webgpu: 'webgpu',
  wasm: 'wasm',
  cpu: 'node',
}

/** Why an execution provider can't be used here, or undefined if it can. */
export async function missing(provider: Provider): Promise<string | undefined> {
  const inNode = nodeFiles() !== undefined
  if (provider === 'cpu') return inNode ? undefined : 'it runs in Node only'
  if (provider === 'wasm') return typeof WebAssembly === 'object' ? undefined : 'WebAssembly is missing here'
  if (inNode) return 'it runs in browsers only'
  if (provider !== 'webgpu') return `this browser has no ${provider}`
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } }
  if (!gpu) return 'this browser has no WebGPU, or the page is not served over https'
  const adapter = await gpu.requestAdapter().catch(() => null)
  return adapter ? undefined : 'WebGPU found no graphics adapter'
}
