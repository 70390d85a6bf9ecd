import { OnnxError } from '@unplugin-onnx/core'
import { Agreement } from '../accuracy'
import { type DenseArray, type Feeds, numbersOf, sizeOf } from '../arrays'
import { type CalibrationFile, maxElements, readCalibration } from '../calibration'
import { seededRandom } from '../calibration/random'
import {
  chooseShapes,
  fillInputs,
  type Overrides,
  shapeAttempts,
  synthesizedSamples,
} from '../calibration/synthesize'
import type { EngineSession } from '../engine'
import type { EnginePackage } from '../engine-package'
import { errors } from '../errors'
import { engineProblem } from './engine-problem'
import { openSource } from './open-source'
import { sameBits } from './same-bits'
import { type Sample, saveSample } from './samples'
import type { Inspection, ModelFile, SourceRun } from './task'

export type Step = (done: number, total: number) => void

export async function runSource(
  model: ModelFile,
  inspection: Inspection,
  engine: EnginePackage,
  calibration: CalibrationFile | null,
  overrides: Overrides,
  work: string,
  step: Step,
): Promise<SourceRun> {
  const given = calibration === null ? [] : await readCalibration(calibration, inspection.inputs, model.name)
  let session: EngineSession
  try {
    session = await openSource(model, engine)
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    return { ok: false, reason: `the source is not loaded by ${engine.name}: ${await engineProblem(cause)}` }
  }
  const outputs = inspection.outputs.map((output) => output.name)
  try {
    const run = (feeds: Feeds) => session.run(feeds, outputs)
    return calibration === null
      ? await onSynthesized(inspection, engine, overrides, work, run, step)
      : await onCalibration(model, inspection, engine, calibration, given, overrides, work, run, step)
  } finally {
    await session.close()
  }
}

async function onCalibration(
  model: ModelFile,
  inspection: Inspection,
  { engine, name }: EnginePackage,
  calibration: CalibrationFile,
  given: readonly Feeds[],
  overrides: Overrides,
  work: string,
  run: (feeds: Feeds) => Promise<Feeds>,
  step: Step,
): Promise<SourceRun> {
  const whole = (feed: Feeds, index: number) => ({
    ...synthesized(inspection, overrides, feed, 0, index),
    ...feed,
  })
  const { observed, verified } = split(given)
  for (const [index, feed] of observed.entries())
    saveSample(work, 'observed', index, { feeds: whole(feed, index), outputs: {} })
  let steady = true
  for (const [index, feed] of verified.entries()) {
    const feeds = whole(feed, index)
    try {
      const outputs = await run(feeds)
      saveSample(work, engine, index, { feeds, outputs })
      if (index === 0) steady = sameBits(outputs, await run(feeds))
    } catch (cause) {
      const message = `gives sample ${index}, on which the source fails in ${name}: ${await engineProblem(cause)}`
      throw errors.calibrationInvalid(
        model.name,
        calibration.name,
        message,
        'Give inputs that the model runs on.',
        cause,
      )
    }
    step(index + 1, verified.length)
  }
  return { ok: true, source: 'calibration', samples: verified.length, observed: observed.length, steady }
}

/** With fewer samples there are too few for either. */
const leastToSplit = 8

/** Every other sample is for passes to look at, the rest for verification: what was fitted to is no proof. */
function split(given: readonly Feeds[]): {
  readonly observed: readonly Feeds[]
  readonly verified: readonly Feeds[]
} {
  if (given.length < leastToSplit) return { observed: given, verified: given }
  return {
    observed: given.filter((_, index) => index % 2 === 1),
    verified: given.filter((_, index) => index % 2 === 0),
  }
}

async function onSynthesized(
  inspection: Inspection,
  { engine, name }: EnginePackage,
  overrides: Overrides,
  work: string,
  run: (feeds: Feeds) => Promise<Feeds>,
  step: Step,
): Promise<SourceRun> {
  let first: unknown
  for (let attempt = 0; attempt < shapeAttempts; attempt++) {
    try {
      const made = (sample: number) => synthesized(inspection, overrides, {}, attempt, sample)
      const elements = Object.values(made(0)).reduce((sum, { dims }) => sum + sizeOf(dims), 0)
      const wanted = Math.max(
        1,
        Math.min(synthesizedSamples, Math.floor(maxElements / Math.max(1, elements))),
      )
      // Samples that tell nothing are passed over, unless there are no others.
      const spare: Sample[] = []
      let samples = 0
      let steady = true
      for (let sample = 0; sample < 2 * wanted && samples < wanted; sample++) {
        const feeds = made(sample)
        const outputs = await run(feeds)
        if (sample === 0) steady = sameBits(outputs, await run(feeds))
        if (await tells(feeds, outputs, run)) saveSample(work, engine, samples++, { feeds, outputs })
        else spare.push({ feeds, outputs })
        step(Math.min(sample + 1, wanted), wanted)
      }
      if (samples === 0) for (const each of spare.slice(0, wanted)) saveSample(work, engine, samples++, each)
      return { ok: true, source: 'synthesized', samples, observed: 0, steady }
    } catch (cause) {
      first ??= cause
    }
  }
  return {
    ok: false,
    reason: `the source fails in ${name} on synthesized inputs: ${await engineProblem(first)}`,
  }
}

/** Below this many dB, float32 rounding alone is within reach of what an accuracy budget asks for. */
const steadyDecibels = 60

/**
 * Whether agreement on a sample means something: the source gives more than zeros, and answers a change of its inputs by
 * one part in a million with one of about that size. A detector that sees nothing gives its rounding errors instead.
 */
async function tells(feeds: Feeds, outputs: Feeds, run: (feeds: Feeds) => Promise<Feeds>): Promise<boolean> {
  if (!Object.values(outputs).some((output) => numbersOf(output).some((value) => value !== 0))) return false
  const random = seededRandom('nudge')
  const nudged = Object.fromEntries(
    Object.entries(feeds).map(([name, array]): [string, DenseArray] => {
      if (array.type !== 'float32') return [name, array]
      const data = Float32Array.from(
        numbersOf(array),
        (value) => value * (random.uniform() < 0.5 ? 1 - 1e-6 : 1 + 1e-6),
      )
      return [name, { ...array, data }]
    }),
  )
  const agreement = new Agreement(new Set())
  return agreement.add(outputs, await run(nudged)) === undefined && agreement.result().sqnr >= steadyDecibels
}

/** All inputs that have to be fed and that `given` leaves open. */
export function synthesized(
  { inputs, vocabularies }: Inspection,
  overrides: Overrides,
  given: Feeds,
  attempt: number,
  sample: number,
): Feeds {
  const wanted = inputs.filter((input) => input.optional !== true || input.name in overrides)
  const shapes = chooseShapes(inputs, overrides, given, attempt)
  const open = wanted.filter((input) => !(input.name in given))
  return fillInputs(open, shapes, new Map(vocabularies), overrides, sample)
}
