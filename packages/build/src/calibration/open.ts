import { OnnxError } from '@unplugin-onnx/core'
import { type Feeds, isNumeric, sizeOf } from '../arrays'
import { type InputLimits, inputLimits } from '../limits'
import { arrayOfNumbers } from '../numbers'
import { printable } from '../printable'
import { arrayRows } from './array-rows'
import type { CalibrationData } from './data'
import { imageRows } from './image-rows'
import { moduleSteps } from './module-steps'
import { openNpy, openNpz, type StoredArrays } from './numpy-file'
import { Scratch } from './on-disk'
import type { StateLinks } from './options'
import { pictureReader } from './picture-file'
import { recurrentCure } from './recurrent'
import type { Rows, SampleSource, Step } from './sample-source'
import { type Complaints, complaints } from './signature'
import { completed, restOf, type SampledModel, sampleAt, sourceOf } from './source-of'
import { elementsIn, spool } from './spool'
import { fedBack, type Link, linksOf, maxSteps } from './state'
import { chooseShapes, synthesize, synthesizedSamples } from './synthesize'
import { wavRows } from './wav-rows'

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

async function* withRest(
  steps: AsyncIterable<Step>,
  model: SampledModel,
  links: readonly Link[],
): AsyncIterable<Step> {
  let sample = 0
  for await (const step of steps)
    yield { ...step, feeds: { ...restOf(step.feeds, sample++, model, links).feeds, ...step.feeds } }
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
