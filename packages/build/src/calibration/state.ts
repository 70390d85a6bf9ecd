import { nearest } from '@unplugin-onnx/core'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import type { DenseArray, Feeds } from '../arrays'
import { engineMessage } from '../errors'
import { printable } from '../printable'
import type { StateLinks } from './options'
import type { Step } from './sample-source'
import { type Complaints, fits, wrongShape } from './signature'

/** Runs the model that samples are for, for some of its outputs. */
export type RunModel = (feeds: Feeds, outputs: readonly string[]) => Promise<Feeds>

/** Steps beyond are not taken: with each the model runs once. */
export const maxSteps = 20_000

/** A link from an output to the input that gets it. */
export interface Link {
  readonly output: string
  readonly input: ValueSignature
}

/** @throws OnnxError where a link doesn't fit the model */
export function linksOf(
  state: StateLinks,
  inputs: readonly ValueSignature[],
  outputs: readonly ValueSignature[],
  complain: Complaints,
): Link[] {
  return Object.entries(state).map(([from, to]): Link => {
    const output = outputs.find(({ name }) => name === from)
    const input = inputs.find(({ name }) => name === to)
    const wrong = (what: string, name: string, known: readonly ValueSignature[]) => {
      const names = known.map((each) => each.name)
      const near = nearest(name, names)
      const cure =
        near === undefined
          ? `Known: ${names.map(printable).join(', ')}.`
          : `Did you mean '${printable(near)}'?`
      return complain.invalid(`feeds back '${printable(name)}', which is no ${what} of the model`, cure)
    }
    if (output === undefined) throw wrong('output', from, outputs)
    if (input === undefined) throw wrong('input', to, inputs)
    if (output.type !== input.type) {
      const types = `${output.type} to '${printable(to)}', which is ${input.type}`
      throw complain.invalid(`feeds back '${printable(from)}' of ${types}`, 'Link values of one type.')
    }
    return { output: from, input }
  })
}

/**
 * Leads state from each step to the next: zeros at the beginning of a sequence, then what the model gave.
 * @param cure what to do where the model fails on a step
 * @param zeros state to begin with, of the lengths that go with a step's other inputs
 */
export async function* fedBack(
  steps: AsyncIterable<Step>,
  links: readonly Link[],
  zeros: (feeds: Feeds) => Feeds,
  run: RunModel,
  complain: Complaints,
  cure?: string,
): AsyncIterable<Step> {
  let group: number | undefined
  let state: Feeds = {}
  let done = 0
  for await (const step of steps) {
    if (done++ === maxSteps) return
    if (step.group !== group) state = zeros(step.feeds)
    group = step.group
    const feeds = { ...step.feeds, ...state }
    yield { ...step, feeds }
    state = await next(feeds, links, run, (message, cause) =>
      complain.sample(step.name, message, cause, cure),
    )
  }
}

async function next(
  feeds: Feeds,
  links: readonly Link[],
  run: RunModel,
  problem: (message: string, cause?: unknown) => Error,
): Promise<Feeds> {
  let outputs: Feeds
  try {
    outputs = await run(
      feeds,
      links.map(({ output }) => output),
    )
  } catch (cause) {
    throw problem(`the model fails on it: ${engineMessage(cause)}`, cause)
  }
  const state: [string, DenseArray][] = []
  for (const { output, input } of links) {
    const array = outputs[output]
    if (array === undefined) throw problem(`the model gives no '${printable(output)}'`)
    if (input.dims !== undefined && !fits(array.dims, input.dims))
      throw problem(wrongShape(input, array.dims))
    state.push([input.name, array])
  }
  return Object.fromEntries(state)
}
