import { type Budget, budgets } from './budget'
import { errors } from './errors'
import { targets } from './targets'

/** Shape, and optionally value range, of one input that is synthesized; a bare array is its shape. */
export type InputOverride =
  | readonly number[]
  | { readonly dims?: readonly number[]; readonly range?: readonly [low: number, high: number] }

/** How one model is converted. */
export interface ModelOptions {
  /** Names of registered targets, in order of preference. Default: `['webgpu', 'wasm']`. */
  readonly targets?: readonly string[]
  /** The least agreement with the source that a variant must reach: a preset or numbers. Default: `'balanced'`. */
  readonly accuracy?: 'high' | 'balanced' | 'small' | Partial<Budget>
  /** Inputs to verify on: `.npz`, `.npy` or a module that yields feeds; absolute, or relative to the root. */
  readonly calibration?: string
  /** Limits the candidates to these recipes of each target. */
  readonly recipes?: readonly string[]
  /** Shapes and ranges for synthesized inputs, by input name; of use where axes are dynamic. */
  readonly inputs?: Readonly<Record<string, InputOverride>>
}

export interface NormalizedOptions {
  readonly targets: readonly string[]
  readonly budget: Partial<Budget>
  /** Whether the budget is one of the presets, and not the user's own numbers. */
  readonly preset: boolean
  readonly calibration?: string
  readonly recipes?: readonly string[]
  readonly inputs: Readonly<
    Record<string, { readonly dims?: readonly number[]; readonly range?: readonly [number, number] }>
  >
}

const modelOptionNames = ['targets', 'accuracy', 'calibration', 'recipes', 'inputs'] as const

/**
 * Checks options and fills in defaults; equal meaning gives equal results, so that they can be part of a cache key.
 * @throws OnnxError ONNX_OPTION_UNKNOWN or ONNX_OPTION_INVALID, naming the nearest valid name.
 */
export function normalizeOptions(options: ModelOptions, model: string): NormalizedOptions {
  for (const key of Object.keys(options)) {
    if (!modelOptionNames.some((name) => name === key))
      throw errors.unknownOption(model, 'option', key, modelOptionNames)
  }
  const wanted = options.targets ?? ['webgpu', 'wasm']
  if (wanted.length === 0)
    throw errors.invalidOption(
      model,
      'targets',
      'is empty',
      `Name at least one of ${[...targets.keys()].join(', ')}.`,
    )
  for (const name of wanted) {
    if (!targets.has(name)) throw errors.unknownOption(model, 'target', String(name), [...targets.keys()])
  }
  const known = new Set(wanted.flatMap((name) => targets.get(name)?.recipes ?? []))
  for (const name of options.recipes ?? []) {
    if (!known.has(name)) throw errors.unknownOption(model, 'recipe', String(name), [...known])
  }
  return {
    targets: [...new Set(wanted)],
    budget: budgetOf(options.accuracy ?? 'balanced', model),
    preset: typeof (options.accuracy ?? 'balanced') === 'string',
    ...(options.calibration === undefined ? {} : { calibration: options.calibration }),
    ...(options.recipes === undefined ? {} : { recipes: [...new Set(options.recipes)].sort() }),
    inputs: overridesOf(options.inputs ?? {}, model),
  }
}

function budgetOf(accuracy: NonNullable<ModelOptions['accuracy']>, model: string): Partial<Budget> {
  if (typeof accuracy === 'string') {
    const preset = Object.entries(budgets).find(([name]) => name === accuracy)?.[1]
    if (preset === undefined) throw errors.unknownOption(model, 'accuracy', accuracy, Object.keys(budgets))
    return preset
  }
  for (const [key, value] of Object.entries(accuracy)) {
    if (!['sqnr', 'cosine', 'top1'].includes(key))
      throw errors.unknownOption(model, 'accuracy key', key, ['sqnr', 'cosine', 'top1'])
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw errors.invalidOption(
        model,
        `accuracy.${key}`,
        'is not a number',
        'sqnr is in dB; cosine and top1 are at most 1.',
      )
    }
  }
  const { sqnr, cosine, top1 } = accuracy
  return {
    ...(sqnr === undefined ? {} : { sqnr }),
    ...(cosine === undefined ? {} : { cosine }),
    ...(top1 === undefined ? {} : { top1 }),
  }
}

function overridesOf(
  inputs: NonNullable<ModelOptions['inputs']>,
  model: string,
): NormalizedOptions['inputs'] {
  const result: Record<string, { dims?: readonly number[]; range?: readonly [number, number] }> = {}
  for (const name of Object.keys(inputs).sort()) {
    const override = inputs[name]
    if (override === undefined) continue
    const { dims, range } = isDims(override) ? { dims: override, range: undefined } : override
    if (dims?.some((dim) => !Number.isSafeInteger(dim) || dim < 0)) {
      throw errors.invalidOption(
        model,
        `inputs.${name}`,
        'has a dimension that is no whole number',
        'Write a shape such as [1, 3, 64, 64].',
      )
    }
    if (range !== undefined && (range.length !== 2 || !range.every(Number.isFinite))) {
      throw errors.invalidOption(
        model,
        `inputs.${name}.range`,
        'is not a pair of numbers',
        'Write a range such as [0, 1].',
      )
    }
    result[name] = { ...(dims ? { dims: [...dims] } : {}), ...(range ? { range: [range[0], range[1]] } : {}) }
  }
  return result
}

const isDims = (override: InputOverride): override is readonly number[] => Array.isArray(override)
