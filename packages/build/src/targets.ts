import { recipes as coreRecipes } from '@unplugin-onnx/core/catalog'
import type { DeviceFeature, Provider } from '@unplugin-onnx/runtime'
import { errors } from './errors'
import { cpu } from './operators/cpu'
import type { OperatorTable } from './operators/table'
import { wasm } from './operators/wasm'
import { webgpu } from './operators/webgpu'
import { webnn } from './operators/webnn'
import { mixes } from './special-recipes'

/** Engines that can verify a variant in Node: onnxruntime-web's WebAssembly build and onnxruntime-node. */
export type EngineName = 'wasm' | 'node'

/** Where a variant will run. Plain data: all of it is part of the key of every conversion for it. */
export interface Target {
  readonly name: string
  /** Execution provider that the runtime asks onnxruntime for. */
  readonly provider: Provider
  /** Engine that runs source and candidates during the build: the target's own, or the one nearest to it. */
  readonly engine: EngineName
  /** What the provider can and can't run: no variant holds an operator that it can't and the source doesn't hold. */
  readonly operators: OperatorTable
  /** Names of candidate recipes. */
  readonly recipes: readonly string[]
  /** Variants of their own for devices that can more, tried before the one that all devices run. */
  readonly variants?: readonly TargetVariant[]
  /** Opened by programs that know of no manifest: verified and timed without the session options of a variant. */
  readonly standalone?: true
}

/** What is made for one kind of device of a target. */
export interface TargetVariant {
  /** What the device must have beyond the provider. */
  readonly requires: readonly DeviceFeature[]
  /** Names of candidate recipes. */
  readonly recipes: readonly string[]
}

/** What is made for a target, in the order in which devices try it; the last is for all of them. */
export const variantsOf = ({ variants = [], recipes }: Target): readonly TargetVariant[] => [
  ...variants,
  { requires: [], recipes },
]

const registry = new Map<string, Target>()

/** All known targets by name, in order of definition. */
export const targets: ReadonlyMap<string, Target> = registry

/**
 * Adds a target, or replaces the one of that name. It becomes part of the cache key of every conversion that names it.
 * @throws OnnxError ONNX_OPTION_INVALID, ONNX_OPTION_UNKNOWN
 */
export function defineTarget(target: Target): Target {
  registry.set(target.name, checkTarget(target, 'defineTarget'))
  return target
}

const providers: readonly Provider[] = ['webgpu', 'wasm', 'webnn', 'cpu']
const engines: readonly EngineName[] = ['wasm', 'node']

/**
 * Checks a target that someone wrote.
 * @param model whose options it came with
 * @throws OnnxError ONNX_OPTION_INVALID, ONNX_OPTION_UNKNOWN
 */
export function checkTarget(target: Target, model: string): Target {
  const { name, provider, engine, operators } = target
  if (typeof name !== 'string' || name === '')
    throw errors.invalidOption(model, 'targets', 'holds a target without a name', "Give it one: name: 'tv'.")
  if (!providers.includes(provider))
    throw errors.unknownOption(model, `provider of target ${name}`, String(provider), providers)
  if (!engines.includes(engine))
    throw errors.unknownOption(model, `engine of target ${name}`, String(engine), engines)
  if (!Array.isArray(operators?.rules))
    throw errors.invalidOption(
      model,
      `target ${name}`,
      'has no table of operators',
      'Take one: operators: wasmOperators.',
    )
  const known = [...coreRecipes.keys(), ...mixes.keys()]
  for (const recipe of variantsOf(target).flatMap(({ recipes }) => recipes ?? [''])) {
    if (!known.includes(recipe)) throw errors.unknownOption(model, `recipe of target ${name}`, recipe, known)
  }
  return target
}

// DequantizeLinear on int8 weights and Cast on float16 ones run on every provider, so all targets share the candidates.
const recipes = ['int4-folded', 'int4-mixed', 'int8', 'int8-spared', 'int8-mixed', 'float16', 'float32']
/** What computes with integers is for where speed is asked for, and where it can be measured. */
const withIntegers = [...recipes, 'int8-dynamic', 'int8-static', 'int4']

// A GPU is nothing that a build machine can count on: what runs in WebAssembly is the closest that always runs.
defineTarget({
  name: 'webgpu',
  provider: 'webgpu',
  engine: 'wasm',
  operators: webgpu,
  recipes,
  variants: [{ requires: ['shader-f16'], recipes: ['float16-compute'] }],
})
defineTarget({ name: 'wasm', provider: 'wasm', engine: 'wasm', operators: wasm, recipes: withIntegers })
defineTarget({ name: 'webnn', provider: 'webnn', engine: 'wasm', operators: webnn, recipes })
defineTarget({ name: 'node', provider: 'cpu', engine: 'node', operators: cpu, recipes: withIntegers })
// For ONNX Runtime in any language, which opens a file and nothing else. Integers of 4 bits need version 1.19; these run from
// 1.17 on, where the source does.
defineTarget({
  name: 'portable',
  provider: 'cpu',
  engine: 'node',
  operators: cpu,
  recipes: recipes.filter((recipe) => !recipe.startsWith('int4')),
  standalone: true,
})
