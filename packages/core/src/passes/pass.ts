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

/** What passes need from outside; core itself runs no model. */
export interface PassContext {
  /**
   * Runs nodes of one graph whose inputs are all constant.
   * @returns a tensor for each of `values`, which the nodes make
   */
  readonly evaluate?: (nodes: readonly Node[], values: readonly Value[]) => Promise<readonly Tensor[]>
}

/** A change of a model, as data: name, version, options with their defaults, and what it does. */
export interface Pass<O extends PassOptions = PassOptions> {
  readonly name: string
  /** Part of every cache key: raised when the output changes. */
  readonly version: number
  /** Defaults; options with other names are errors. */
  readonly options: O
  /** Allowed values of options that don't take any value of their type. */
  readonly choices?: { readonly [K in keyof O]?: readonly O[K][] }
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
export function definePass<O extends PassOptions>(pass: {
  readonly name: string
  readonly version: number
  readonly options: O
  readonly choices?: { readonly [K in keyof O]?: readonly Widened<O>[K][] }
  run(model: Model, options: Widened<O>, context: PassContext): PassResult | Promise<PassResult>
}): Pass<Widened<O> & PassOptions> {
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

function expectation(pass: Pass, key: string): { text: string; fits(value: unknown): boolean } {
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
