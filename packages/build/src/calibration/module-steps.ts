import type { ValueSignature } from '@unplugin-onnx/runtime'
import { type DenseArray, type Feeds, isNumberArray, sizeOf } from '../arrays'
import { reasonOf } from '../errors'
import { importModule } from '../evaluation'
import { printable } from '../printable'
import { feedOf } from './feed'
import type { Step } from './sample-source'
import { type Complaints, fits, typed, wrongShape } from './signature'

/** So many tell nothing more; a generator without an end is noticed. */
const maxFeeds = 100_000

/** A module with the files that go with it, itself first. */
interface Module {
  readonly path: string
  readonly sha256: string
  readonly files: readonly unknown[]
}

/**
 * Feeds from a user's module: its default export, or one named `feeds`, is an array, an iterable, or a function that gives
 * one and is handed the model's inputs. An array in place of a feed is a sequence of feeds.
 * @param sequential whether single feeds that follow each other are one sequence as well
 */
export async function* moduleSteps(
  module: Module,
  inputs: readonly ValueSignature[],
  sequential: boolean,
  complain: Complaints,
): AsyncIterable<Step> {
  let count = 0
  let group = -1
  let following = false
  const iterator = iteratorOf(await exported(module, inputs, complain))
  for (;;) {
    const { done, value } = await iterator.next().catch((cause: unknown) => {
      throw complain.sample(`feed ${count}`, `the module fails: ${reasonOf(cause)}`, cause)
    })
    if (done === true) break
    const sequence = Array.isArray(value)
    if (sequence || !sequential || !following) group++
    following = !sequence
    for (const [step, feed] of (sequence ? value : [value]).entries()) {
      const name = sequence ? `sequence ${group}, step ${step}` : `feed ${count}`
      yield { feeds: checked(feed, inputs, name, complain), group, name }
      if (++count > maxFeeds) throw complain.invalid('yields more than 100,000 feeds', 'Yield a few hundred.')
    }
  }
  if (count === 0) throw complain.invalid('yields no feeds', 'Yield at least one object of inputs.')
}

async function exported(
  module: Module,
  inputs: readonly ValueSignature[],
  complain: Complaints,
): Promise<Iterable<unknown> | AsyncIterable<unknown>> {
  let feeds: unknown
  try {
    const found = await importModule(module, module.files.length > 1)
    feeds = found.default ?? found.feeds
    if (typeof feeds === 'function') feeds = await feeds(inputs)
  } catch (cause) {
    const message = `failed when it was imported: ${reasonOf(cause)}`
    throw complain.invalid(message, 'Run the module by itself to see why.', cause)
  }
  if (isIterable(feeds)) return feeds
  const cure = 'Export as default an array, an iterable or a generator function of feeds.'
  throw complain.invalid('exports no feeds', cure)
}

async function* iteratorOf(feeds: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<unknown> {
  yield* feeds
}

const isIterable = (value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> =>
  value !== null && typeof value === 'object' && (Symbol.iterator in value || Symbol.asyncIterator in value)

function checked(
  feed: unknown,
  inputs: readonly ValueSignature[],
  sample: string,
  complain: Complaints,
): Feeds {
  if (feed === null || typeof feed !== 'object')
    throw complain.sample(sample, 'is no object of inputs such as { x: { type, data, dims } }')
  return Object.fromEntries(
    Object.entries(feed).map(([name, value]): [string, DenseArray] => {
      const input = inputs.find((each) => each.name === name)
      if (input === undefined) throw complain.unknownInput(name, inputs)
      const problem = (message: string) => complain.sample(sample, message)
      const array = feedOf(value, input)
      if (typeof array === 'string') throw problem(`has an input '${printable(name)}' that ${array}`)
      if (input.dims !== undefined && !fits(array.dims, input.dims))
        throw problem(wrongShape(input, array.dims))
      if (isNumberArray(array.data) && array.data.length !== sizeOf(array.dims)) {
        const shape = array.dims.join(', ')
        throw problem(`gives '${printable(name)}' ${array.data.length} elements for the shape [${shape}]`)
      }
      try {
        return [name, typed(array, input)]
      } catch (cause) {
        throw problem(cause instanceof Error ? cause.message : String(cause))
      }
    }),
  )
}
