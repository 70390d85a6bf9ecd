import { OnnxError } from '@unplugin-onnx/core'
import { type Feeds, isNumeric, sizeOf } from '../arrays'
import { type InputLimits, inputLimits } from '../limits'
import { arrayOfNumbers } from '../numbers'
import { printable } from '../printable'
import type { Inspection } from '../tasks/task'
import { arrayRows } from './array-rows'
import { choose, leastToSplit } from './choose'
import type { CalibrationData } from './data'
import { imageRows } from './image-rows'
import { moduleSteps } from './module-steps'
import { openNpy, openNpz, type StoredArrays } from './numpy-file'
import { Scratch } from './on-disk'
import type { StateLinks } from './options'
import { pictureReader } from './picture-file'
import { recurrentCure } from './recurrent'
import type { Rows, SampleSet, SampleSource, Step } from './sample-source'
import { type Complaints, complaints } from './signature'
import { elementsIn, spool } from './spool'
import { fedBack, type Link, linksOf, maxSteps, type RunModel } from './state'
import { chooseShapes, type Overrides, synthesize, synthesizedSamples } from './synthesize'
import { wavRows } from './wav-rows'

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

/**
 * Opens calibration data and holds it against the model's signature. Samples lie on disk until they are asked for; inputs
 * that the data leaves out are synthesized.
 * @param folder for files that are made on the way; by default the system's for temporary ones
 * @throws OnnxError ONNX_CALIBRATION_INVALID, ONNX_CALIBRATION_UNKNOWN_INPUT, ONNX_LIMIT_EXCEEDED; of what is read at once,
 * such as a module, ONNX_CALIBRATION_SAMPLE_INVALID as well
 */
export async function openCalibration(
  data: CalibrationData,
  model: SampledModel,
  folder?: string,
): Promise<SampleSource> {
  const complain = complaints(model.name, data.name)
  const scratch = new Scratch(folder)
  try {
    const rows = await rowsOf(data, model, scratch, complain)
    return sourceOf(rows, 'calibration', complain, async () => {
      await rows.close()
      await scratch.close()
    })
  } catch (error) {
    await scratch.close()
    throw error
  }
}

/** Samples that are made up, where there are none. */
export function openSynthesized(
  { name, inspection, overrides = {} }: SampledModel,
  { attempt = 0, size = 0 as 0 | 1, count = synthesizedSamples } = {},
): SampleSource {
  const made = (sample: number) => synthesize(inspection, overrides, { attempt, size, sample })
  const { feeds, notes } = made(0)
  const elements = elementsIn(feeds)
  const rows: Rows = {
    length: count,
    at: async (index) => made(index).feeds,
    nameOf: (index) => `synthesized sample ${index}`,
    groupOf: (index) => index,
    elementsOf: () => elements,
    notes,
    close: async () => undefined,
  }
  return sourceOf(rows, 'synthesized', complaints(name, 'synthesized'), rows.close)
}

async function rowsOf(
  data: CalibrationData,
  model: SampledModel,
  scratch: Scratch,
  complain: Complaints,
): Promise<Rows> {
  const { inputs, outputs } = model.inspection
  const state: StateLinks | undefined = data.kind === 'images' ? undefined : data.options.state
  const links = state === undefined ? [] : linksOf(state, inputs, outputs, complain)
  if (data.kind === 'module') {
    const steps = moduleSteps(data, inputs, links.length > 0, complain)
    return spool(
      withState(withRest(steps, model, links), model, links, complain, recurrentCure(data, model.inspection)),
      scratch,
    )
  }
  const given = await givenRows(data, model, links.length > 0, scratch, complain)
  if (links.length === 0) return completed(given, model)
  try {
    const steps = withRest(stepsOf(given, complain), model, links)
    const rows = await spool(
      withState(steps, model, links, complain, recurrentCure(data, model.inspection)),
      scratch,
    )
    const cut = given.length > maxSteps ? [`Of ${given.length} steps the first ${maxSteps} are taken.`] : []
    return { ...rows, notes: [...given.notes, ...cut] }
  } finally {
    await given.close()
  }
}

async function givenRows(
  data: Exclude<CalibrationData, { kind: 'module' }>,
  { name, inspection: { inputs }, limits = {} }: SampledModel,
  sequential: boolean,
  scratch: Scratch,
  complain: Complaints,
): Promise<Rows> {
  switch (data.kind) {
    case 'images':
      return imageRows(data.files, data.options, inputs, await pictureReader(data.sharp), complain)
    case 'wav':
      return wavRows(data.files, data.options, inputs, complain)
    default: {
      const stored = await openArrays(data.path, name, limits, scratch, complain)
      try {
        return arrayRows(stored, inputs, sequential, complain)
      } catch (error) {
        await stored.close()
        throw error
      }
    }
  }
}

async function openArrays(
  path: string,
  model: string,
  limits: Partial<InputLimits>,
  scratch: Scratch,
  complain: Complaints,
): Promise<StoredArrays> {
  try {
    return await (/\.npz$/i.test(path) ? openNpz(path, scratch, inputLimits(limits)) : openNpy(path))
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause.about(printable(model))
    const message = cause instanceof Error ? cause.message : String(cause)
    throw complain.invalid(`can't be read: ${message}`, 'Save it again with numpy.savez.', cause)
  }
}

async function* stepsOf(rows: Rows, complain: Complaints): AsyncIterable<Step> {
  for (let index = 0; index < rows.length; index++) {
    const feeds = await sampleAt(rows, index, complain)
    yield { feeds, group: rows.groupOf(index), name: rows.nameOf(index) }
  }
}

/** All inputs that a sample leaves out, but for state that is fed back. */
const restOf = (
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

async function* withRest(
  steps: AsyncIterable<Step>,
  model: SampledModel,
  links: readonly Link[],
): AsyncIterable<Step> {
  let sample = 0
  for await (const step of steps)
    yield { ...step, feeds: { ...restOf(step.feeds, sample++, model, links).feeds, ...step.feeds } }
}

async function completed(rows: Rows, model: SampledModel): Promise<Rows> {
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

function withState(
  steps: AsyncIterable<Step>,
  { name, inspection, overrides = {}, run }: SampledModel,
  links: readonly Link[],
  complain: Complaints,
  cure: string | undefined,
): AsyncIterable<Step> {
  if (links.length === 0) return steps
  if (run === undefined) throw new Error(`state of ${printable(name)} can't be fed back without running it`)
  const zeros = (feeds: Feeds): Feeds => {
    const twice = links.find(({ input }) => input.name in feeds)
    if (twice !== undefined)
      throw complain.invalid(
        `gives '${printable(twice.input.name)}', which is fed back as well`,
        'Take it out of the data, or out of state.',
      )
    const shapes = chooseShapes(inspection.inputs, overrides, feeds, 0)
    return Object.fromEntries(
      links.map(({ input }) => {
        const dims = shapes.get(input.name) ?? []
        const type = isNumeric(input.type) ? input.type : 'float32'
        return [input.name, arrayOfNumbers(type, dims, new Float64Array(sizeOf(dims)))]
      }),
    )
  }
  return fedBack(steps, links, zeros, run, complain, cure)
}

async function sampleAt(rows: Rows, index: number, complain: Complaints): Promise<Feeds> {
  try {
    return await rows.at(index)
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    throw complain.sample(rows.nameOf(index), cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function sourceOf(
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
