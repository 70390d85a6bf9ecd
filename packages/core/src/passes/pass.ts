import * as errors from '../errors'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import type { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { nearest } from './nearest'

export type OptionValue = string | number | boolean | readonly string[]
export type PassOptions = Readonly<Record<string, OptionValue>>

export interface Skipped {
  /** Label of the node, or name of the value, that stays as it is. */
  readonly node: string
  readonly reason: string
}

export interface PassResult {
  /** How many things were changed; 0 means that the model is as it was. */
  readonly changed: number
  readonly skipped: readonly Skipped[]
}

/** What a pass says that has no calibration to look at. */
export const needsCalibration = (node: string): Skipped => ({ node, reason: 'needs calibration data' })

/** What one value of the model held in one run. */
export interface Observation {
  readonly value: Value
  /** Elements in row-major order; integers and booleans as numbers. Valid during the call only. */
  readonly data: Float32Array
  readonly dims: readonly number[]
  /** Which sample it was, from 0. */
  readonly sample: number
}

/** Sample inputs of the model, and an engine to run it on them. */
export interface Calibration {
  /** How many sample inputs there are. */
  readonly samples: number
  /**
   * Runs the model as it is now on each sample in turn and hands over what the values held, one at a time, so that
   * memory doesn't grow with the number of samples. Values may lie inside of If, Loop and Scan: a branch that isn't
   * taken gives no observation, a loop one in each round, a Scan all its rounds stacked along a new first axis.
   * @param values floats, integers or booleans; initializers are handed over like all others
   * @throws the engine's error where it refuses the model
   */
  observe(
    model: Model,
    values: readonly Value[],
    visit: (observation: Observation) => void,
    options?: { readonly samples?: number },
  ): Promise<void>
}

/** What passes need from outside; core itself runs no model. */
export interface PassContext {
  /**
   * Runs nodes of one graph whose inputs are all constant.
   * @returns a tensor for each of `values`, which the nodes make; undefined where the engine can't say
   */
  readonly evaluate?: (
    nodes: readonly Node[],
    values: readonly Value[],
  ) => Promise<readonly (Tensor | undefined)[]>
  readonly calibration?: Calibration
  /** The model as it was before the first pass: what passes that correct the errors of others compare with. */
  readonly reference?: Model
  /**
   * Weights needn't be looked at to see whether they are finite: one that isn't throws ONNX_WEIGHT_NOT_FINITE when it is
   * written, and then all is to be done once more without this. So each weight is read once.
   */
  readonly weightsAreFinite?: boolean
  /**
   * What was worked out of weights, by name and options, for the next time that passes run on the same source: a caller that
   * makes many variants hands in one map for all of them.
   */
  readonly remembered?: Map<string, unknown>
}

/** What an option takes, where its type and `choices` don't say it. */
export interface Expectation {
  /** After "It must be": 'a number from 0 to 1'. */
  readonly text: string
  fits(value: unknown): boolean
}

/** A number in a range, ends included. */
export const between = (low: number, high: number): Expectation => ({
  text: `a number from ${low} to ${high}`,
  fits: (value) => typeof value === 'number' && value >= low && value <= high,
})

/** A change of a model, as data: name, version, options with their defaults, and what it does. */
export interface Pass<O extends PassOptions = PassOptions> {
  readonly name: string
  /** Part of every cache key: raised when the output changes. */
  readonly version: number
  /** One sentence for lists. */
  readonly summary: string
  /** Where the method comes from: paper, specification, source file. */
  readonly source: string
  /** Defaults; options with other names are errors. */
  readonly options: O
  /** A phrase for each option: unit, range, what it does. */
  readonly describe: { readonly [K in keyof O]: string }
  /** Allowed values of options that don't take any value of their type. */
  readonly choices?: { readonly [K in keyof O]?: readonly O[K][] }
  /** Allowed values of options where neither type nor choices say it. */
  readonly expects?: { readonly [K in keyof O]?: Expectation }
  /** Without calibration in the context it leaves the model as it is. */
  readonly needs?: 'calibration'
  /**
   * Least signal-to-noise ratio in dB, worst sample and output, that trained models keep at the default options;
   * held by the contract test in onnxruntime-web. -Infinity: the model computes something else, as pruning does.
   */
  readonly fidelity: number
  run(model: Model, options: O, context: PassContext): PassResult | Promise<PassResult>
}

/** Option types as wide as what users may write: 'tensor' is a string, 8 a number. */
type Widened<O> = {
  readonly [K in keyof O]: O[K] extends string
    ? string
    : O[K] extends number
      ? number
      : O[K] extends boolean
        ? boolean
        : readonly string[]
}

/** Keeps the types of the options; the registry forgets them. */
export function definePass<O extends PassOptions>(
  pass: Omit<Pass<O>, 'describe' | 'choices' | 'expects' | 'run'> & {
    readonly describe: { readonly [K in keyof O]: string }
    readonly choices?: { readonly [K in keyof O]?: readonly Widened<O>[K][] }
    readonly expects?: { readonly [K in keyof O]?: Expectation }
    run(model: Model, options: Widened<O>, context: PassContext): PassResult | Promise<PassResult>
  },
): Pass<Widened<O> & PassOptions> {
  return pass as unknown as Pass<Widened<O> & PassOptions>
}

/**
 * Defaults of a pass with the given options over them.
 * @throws OnnxError ONNX_UNKNOWN_OPTION or ONNX_INVALID_OPTION
 */
export function optionsOf<O extends PassOptions>(
  pass: Pass<O>,
  given: Readonly<Record<string, unknown>> = {},
): O {
  const options: Record<string, unknown> = { ...pass.options }
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(pass.options, key)) {
      const known = Object.keys(pass.options)
      throw errors.unknownOption(pass.name, key, known, nearest(key, known))
    }
    if (value === undefined) continue
    const expected = expectation(pass, key)
    if (!expected.fits(value)) throw errors.invalidOption(pass.name, key, value, expected.text)
    options[key] = value
  }
  return options as O
}

function expectation(pass: Pass, key: string): Expectation {
  const expected = pass.expects?.[key]
  if (expected !== undefined) return expected
  const choices: readonly unknown[] | undefined = pass.choices?.[key]
  if (choices !== undefined) {
    const text = choices.map((choice) => JSON.stringify(choice)).join(' or ')
    return { text, fits: (value) => choices.includes(value) }
  }
  const fallback = pass.options[key]
  if (Array.isArray(fallback)) {
    return {
      text: 'an array of strings',
      fits: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
    }
  }
  if (typeof fallback === 'number') {
    return { text: 'a number from 0 on', fits: (value) => typeof value === 'number' && value >= 0 }
  }
  return { text: `a ${typeof fallback}`, fits: (value) => typeof value === typeof fallback }
}
