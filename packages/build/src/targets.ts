import type { Provider } from '@unplugin-onnx/runtime'

/** Engines that can verify a variant in Node: onnxruntime-web's WebAssembly build and onnxruntime-node. */
export type EngineName = 'wasm' | 'node'

/** Where a variant will run. */
export interface Target {
  readonly name: string
  /** Execution provider that the runtime asks onnxruntime for. */
  readonly provider: Provider
  /** Engine that runs source and candidates during the build: the target's own, or the one nearest to it. */
  readonly engine: EngineName
  /** Names of candidate recipes. */
  readonly recipes: readonly string[]
}

const registry = new Map<string, Target>()

/** All known targets by name, in order of definition. */
export const targets: ReadonlyMap<string, Target> = registry

/** Adds a target, or replaces the one of that name. It becomes part of the cache key of every conversion that names it. */
export function defineTarget(target: Target): Target {
  registry.set(target.name, target)
  return target
}

// DequantizeLinear on int8 weights and Cast on float16 ones run on every provider, so all targets share the candidates.
const recipes = ['int8', 'int8-spared', 'int8-mixed', 'float16', 'float32']

// A GPU is nothing that a build machine can count on: what runs in WebAssembly is the closest that always runs.
defineTarget({ name: 'webgpu', provider: 'webgpu', engine: 'wasm', recipes })
defineTarget({ name: 'wasm', provider: 'wasm', engine: 'wasm', recipes })
defineTarget({ name: 'node', provider: 'cpu', engine: 'node', recipes })
