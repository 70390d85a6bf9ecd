import { OnnxError } from '@unplugin-onnx/core'
import type { Feeds } from '../arrays'
import type { InputLimits } from '../limits'
import type { Inspection } from '../tasks/task'
import { choose, leastToSplit } from './choose'
import type { Rows, SampleSet, SampleSource } from './sample-source'
import type { Complaints } from './signature'
import type { Link, RunModel } from './state'
import { type Overrides, synthesize } from './synthesize'

/** The model that samples are for. */
export interface SampledModel {
  /** For messages. */
  readonly name: string
  readonly inspection: Pick<Inspection, 'inputs' | 'outputs' | 'vocabularies'>
  /** Shapes and ranges of inputs that calibration leaves out. */
  readonly overrides?: Overrides
  /** Runs the model: only where state is fed back. */
  readonly run?: RunModel
  /** What the data may ask for. */
  readonly limits?: Partial<InputLimits>
}

/** All inputs that a sample leaves out, but for state that is fed back. */
export const restOf = (
  given: Feeds,
  sample: number,
  { inspection, overrides = {} }: SampledModel,
  links: readonly Link[],
) => {
  const fed = new Set(links.map(({ input }) => input.name))
  const { feeds, notes } = synthesize(inspection, overrides, { given, sample })
  const wanted = ([name]: readonly [string, unknown]) => !fed.has(name)
  return { feeds: Object.fromEntries(Object.entries(feeds).filter(wanted)), notes }
}

/** Rows with what they leave out. */
export async function completed(rows: Rows, model: SampledModel): Promise<Rows> {
  const { notes } = restOf(await rows.at(0).catch(() => ({})), 0, model, [])
  return {
    ...rows,
    async at(index) {
      const given = await rows.at(index)
      return { ...restOf(given, index, model, []).feeds, ...given }
    },
    notes: [...rows.notes, ...notes.map((note) => `Not in the calibration data: ${note}`)],
  }
}

export async function sampleAt(rows: Rows, index: number, complain: Complaints): Promise<Feeds> {
  try {
    return await rows.at(index)
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    throw complain.sample(rows.nameOf(index), cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** Samples of rows. */
export function sourceOf(
  rows: Rows,
  kind: SampleSource['kind'],
  complain: Complaints,
  close: () => Promise<void>,
): SampleSource {
  const few =
    kind === 'calibration' && rows.length < leastToSplit
      ? [
          `${rows.length === 1 ? 'There is 1 sample' : `There are ${rows.length} samples`}, too few to keep some for verification alone: with ${leastToSplit} or more, what passes were fitted to is not what is verified on.`,
        ]
      : []
  return {
    kind,
    count: rows.length,
    notes: [...rows.notes, ...few],
    async samples(limits, part) {
      const indices = await choose(rows, limits, part)
      return setOf(rows, indices, complain)
    },
    close,
  }
}

function setOf(rows: Rows, indices: readonly number[], complain: Complaints): SampleSet {
  const rowOf = (index: number): number => {
    const row = indices[index]
    if (row === undefined) throw new RangeError(`there is no sample ${index}`)
    return row
  }
  const at = async (index: number) => sampleAt(rows, rowOf(index), complain)
  return {
    length: indices.length,
    at,
    nameOf: (index) => rows.nameOf(rowOf(index)),
    async *[Symbol.asyncIterator]() {
      for (let index = 0; index < indices.length; index++) yield await at(index)
    },
  }
}
