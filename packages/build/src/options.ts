import { type Budget, budgets } from './budget'
import {
  type CalibrationOptions,
  type NormalizedCalibration,
  normalizeCalibration,
} from './calibration/options'
import { errors } from './errors'
import { checkTarget, type Target, targets, variantsOf } from './targets'

/** Shape, and optionally value range, of one input that is synthesized; a bare array is its shape. */
export type InputOverride =
  | readonly number[]
  | { readonly dims?: readonly number[]; readonly range?: readonly [low: number, high: number] }

export const preferences = ['size', 'speed', 'balanced'] as const
export type Preference = (typeof preferences)[number]
export const efforts = ['fast', 'default', 'thorough'] as const
export type Effort = (typeof efforts)[number]
export type Preset = keyof typeof budgets

/** The model's own task as the measure: a module of the user's scores source and variants. */
export interface TaskBudget {
  /** Module whose default export scores a model; absolute, or relative to the root. */
  readonly evaluate: string
  /** How much worse than the source's a variant's score may be: absolute, or a share such as `'0.5%'`. Default: `'0.5%'`. */
  readonly maxDrop: number | `${number}%`
}

/** How one model is converted. */
export interface ModelOptions {
  /** Targets, or names of registered ones, in order of preference. Default: `['webgpu', 'wasm']`. */
  readonly targets?: readonly (string | Target)[]
  /** The least agreement with the source that a variant must reach: a preset, numbers or a task. Default: `'balanced'`. */
  readonly accuracy?: Preset | (Partial<Budget> & Partial<TaskBudget>)
  /**
   * What decides between variants within the budget. `'balanced'` takes the smallest that isn't slower than the source,
   * `'size'` the smallest however slow, `'speed'` the fastest. Default: `'balanced'`.
   */
  readonly prefer?: Preference
  /** How many engine runs the search for a mix of precisions may take: none, dozens or hundreds. Default: `'default'`. */
  readonly effort?: Effort
  /** An error instead of a warning where no smaller variant is within the budget. Default: false. */
  readonly strict?: boolean
  /**
   * How large a file may be: larger variants are cut into a small model and shards, named by their content, which the runtime
   * loads in parallel. `false`: one file, however large. Default: 25 MiB, which is what some hosts take.
   */
  readonly shards?: false | { readonly maxBytes?: number }
  /** Inputs to verify on: `.npz`, `.npy` or a module that yields feeds; absolute, or relative to the root. */
  readonly calibration?: CalibrationOptions
  /** Limits the candidates to these recipes of each target. */
  readonly recipes?: readonly string[]
  /** Shapes and ranges for synthesized inputs, by input name; of use where axes are dynamic. */
  readonly inputs?: Readonly<Record<string, InputOverride>>
}

export interface NormalizedOptions {
  readonly targets: readonly Target[]
  readonly budget: Partial<Budget>
  /** The budget's name, where it is one of the presets and not the user's own numbers. */
  readonly preset?: Preset
  readonly task?: NormalizedTask
  readonly prefer: Preference
  readonly effort: Effort
  readonly strict: boolean
  readonly shards: false | { readonly maxBytes: number }
  readonly calibration?: NormalizedCalibration
  readonly recipes?: readonly string[]
  readonly inputs: Readonly<
    Record<string, { readonly dims?: readonly number[]; readonly range?: readonly [number, number] }>
  >
}

export interface NormalizedTask {
  readonly evaluate: string
  readonly maxDrop: number
  /** Whether `maxDrop` is a share of the source's score. */
  readonly relative: boolean
}

const modelOptionNames = [
  'targets',
  'accuracy',
  'prefer',
  'effort',
  'strict',
  'shards',
  'calibration',
  'recipes',
  'inputs',
] as const satisfies readonly (keyof ModelOptions)[]
const budgetNames = ['sqnr', 'cosine', 'top1'] as const
const accuracyNames = [...budgetNames, 'evaluate', 'maxDrop'] as const

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
  const found = new Map(
    wanted.map((target) => targetOf(target, model)).map((target) => [target.name, target]),
  )
  const known = new Set([...found.values()].flatMap(recipesOf))
  for (const name of options.recipes ?? []) {
    if (!known.has(name)) throw errors.unknownOption(model, 'recipe', String(name), [...known])
  }
  const { accuracy = 'balanced', prefer = 'balanced', effort = 'default', strict = false } = options
  if (!preferences.includes(prefer)) throw errors.unknownOption(model, 'prefer', String(prefer), preferences)
  if (!efforts.includes(effort)) throw errors.unknownOption(model, 'effort', String(effort), efforts)
  if (typeof strict !== 'boolean')
    throw errors.invalidOption(model, 'strict', 'is neither true nor false', 'Write strict: true.')
  return {
    targets: [...found.values()],
    ...budgetOf(accuracy, model),
    prefer,
    effort,
    strict,
    shards: shardsOf(options.shards, model),
    ...(options.calibration === undefined
      ? {}
      : { calibration: normalizeCalibration(options.calibration, model) }),
    ...(options.recipes === undefined ? {} : { recipes: [...new Set(options.recipes)].sort() }),
    inputs: overridesOf(options.inputs ?? {}, model),
  }
}

function targetOf(wanted: string | Target, model: string): Target {
  if (typeof wanted === 'object') return checkTarget(wanted, model)
  const target = targets.get(wanted)
  if (target === undefined) throw errors.unknownOption(model, 'target', String(wanted), [...targets.keys()])
  return target
}

const leastShard = 4096
const defaultShard = 25 * 2 ** 20

function shardsOf(shards: ModelOptions['shards'] = {}, model: string): NormalizedOptions['shards'] {
  if (shards === false) return false
  const cure = 'Write shards: { maxBytes: 10_000_000 }, or shards: false for one file.'
  if (typeof shards !== 'object' || shards === null)
    throw errors.invalidOption(model, 'shards', 'is neither false nor an object', cure)
  const known = ['maxBytes']
  for (const key of Object.keys(shards))
    if (!known.includes(key)) throw errors.unknownOption(model, 'shards key', key, known)
  const { maxBytes = defaultShard } = shards
  if (!Number.isSafeInteger(maxBytes) || maxBytes < leastShard)
    throw errors.invalidOption(model, 'shards.maxBytes', `is no whole number from ${leastShard} up`, cure)
  return { maxBytes }
}

const recipesOf = (target: Target): string[] => variantsOf(target).flatMap(({ recipes }) => recipes)

function budgetOf(
  accuracy: NonNullable<ModelOptions['accuracy']>,
  model: string,
): Pick<NormalizedOptions, 'budget' | 'preset' | 'task'> {
  if (typeof accuracy === 'string') {
    const known = Object.keys(budgets) as Preset[]
    const preset = known.find((name) => name === accuracy)
    if (preset === undefined) throw errors.unknownOption(model, 'accuracy', accuracy, known)
    return { budget: budgets[preset], preset }
  }
  for (const key of Object.keys(accuracy)) {
    if (!accuracyNames.some((name) => name === key))
      throw errors.unknownOption(model, 'accuracy key', key, accuracyNames)
  }
  const budget: Record<string, number> = {}
  for (const key of budgetNames) {
    const value = accuracy[key]
    if (value === undefined) continue
    const cure = 'sqnr is in dB, from 0 up; cosine and top1 are from 0 to 1.'
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw errors.invalidOption(model, `accuracy.${key}`, 'is not a number', cure)
    if (value < 0 || (key !== 'sqnr' && value > 1))
      throw errors.invalidOption(model, `accuracy.${key}`, `can't be ${value}`, cure)
    budget[key] = value
  }
  const task = taskOf(accuracy, model)
  if (task === undefined && Object.keys(budget).length === 0) {
    const alone =
      accuracy.maxDrop === undefined ? 'asks for nothing' : 'has a maxDrop and nothing that scores'
    const cure = "Give it sqnr, cosine, top1 or evaluate, or leave it out for 'balanced'."
    throw errors.invalidOption(model, 'accuracy', alone, cure)
  }
  return { budget, ...(task && { task }) }
}

function taskOf(
  { evaluate, maxDrop = '0.5%' }: Partial<TaskBudget>,
  model: string,
): NormalizedTask | undefined {
  if (evaluate === undefined) return undefined
  if (typeof evaluate !== 'string' || evaluate === '') {
    const cure = "Write the path of a module: evaluate: './eval.ts'."
    throw errors.invalidOption(model, 'accuracy.evaluate', 'is no path', cure)
  }
  const share = typeof maxDrop === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(maxDrop)?.[1] : undefined
  const drop = share === undefined ? maxDrop : Number(share) / 100
  if (typeof drop !== 'number' || !Number.isFinite(drop) || drop < 0) {
    const cure = "Write how much worse the score may be: 0.01, or '1%' of the source's score."
    throw errors.invalidOption(model, 'accuracy.maxDrop', 'is neither a number from 0 up nor a share', cure)
  }
  return { evaluate, maxDrop: drop, relative: share !== undefined }
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
