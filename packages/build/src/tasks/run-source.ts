import { OnnxError } from '@unplugin-onnx/core'
import { Agreement } from '../accuracy'
import { type DenseArray, type Feeds, sizeOf } from '../arrays'
import type { CalibrationData } from '../calibration/data'
import { seededRandom } from '../calibration/random'
import { recurrentCure } from '../calibration/recurrent'
import type { SampleLimits } from '../calibration/sample-source'
import { type Overrides, shapeAttempts, synthesize, synthesizedSamples } from '../calibration/synthesize'
import type { EngineSession } from '../engine'
import type { EnginePackage } from '../engine-package'
import { errors, isOfDisk } from '../errors'
import { numbersOf } from '../numbers'
import { openSource } from './open-source'
import { sameBits } from './same-bits'
import type { Inspection, ModelFile, SourceRun } from './task'
import type { Sample, Workbench } from './workbench'

export type Step = (done: number, total: number) => void

/** Every candidate runs on each sample. */
const limits: SampleLimits = { samples: 32, elements: 4_000_000 }

export async function runSource(
  model: ModelFile,
  inspection: Inspection,
  engine: EnginePackage,
  calibration: CalibrationData | null,
  overrides: Overrides,
  work: Workbench,
  step: Step,
): Promise<SourceRun> {
  let session: EngineSession
  try {
    session = await openSource(work, engine)
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    return { ok: false, reason: `the source is not loaded by ${engine.name}: ${await work.problemOf(cause)}` }
  }
  const outputs = inspection.outputs.map((output) => output.name)
  try {
    const run = (feeds: Feeds) => session.run(feeds, outputs)
    return calibration === null
      ? await onSynthesized(inspection, engine, overrides, work, run, step)
      : await onCalibration(model, inspection, engine, calibration, overrides, work, session, step)
  } finally {
    await session.close()
  }
}

async function onCalibration(
  model: ModelFile,
  inspection: Inspection,
  { engine, name }: EnginePackage,
  calibration: CalibrationData,
  overrides: Overrides,
  work: Workbench,
  session: EngineSession,
  step: Step,
): Promise<SourceRun> {
  const run = (feeds: Feeds) =>
    session.run(
      feeds,
      inspection.outputs.map((output) => output.name),
    )
  const bounds = model.limits === undefined ? {} : { limits: model.limits }
  const sampled = { name: model.name, inspection, overrides, run: session.run, ...bounds }
  const source = await work.openCalibration(calibration, sampled)
  try {
    const observed = await source.samples(limits, 'calibration')
    for (let index = 0; index < observed.length; index++)
      work.keepSample(`observed.${engine}`, index, { feeds: await observed.at(index), outputs: {} })
    const verified = await source.samples(limits, 'verification')
    let steady = true
    for (let index = 0; index < verified.length; index++) {
      const feeds = await verified.at(index)
      try {
        const outputs = await run(feeds)
        work.keepSample(engine, index, { feeds, outputs })
        if (index === 0) steady = sameBits(outputs, await run(feeds))
      } catch (cause) {
        const message = `the source fails on it in ${name}: ${await work.problemOf(cause)}`
        throw errors.calibrationSampleInvalid(
          model.name,
          calibration.name,
          verified.nameOf(index),
          message,
          cause,
          recurrentCure(calibration, inspection),
        )
      }
      step(index + 1, verified.length)
    }
    const { notes } = source
    const counts = { samples: verified.length, observed: observed.length }
    const resized = await resize(inspection, engine, overrides, work, run, 0)
    return { ok: true, source: 'calibration', ...counts, steady, resized, notes }
  } finally {
    await source.close()
  }
}

async function onSynthesized(
  inspection: Inspection,
  { engine, name }: EnginePackage,
  overrides: Overrides,
  work: Workbench,
  run: (feeds: Feeds) => Promise<Feeds>,
  step: Step,
): Promise<SourceRun> {
  let first: unknown
  for (let attempt = 0; attempt < shapeAttempts; attempt++) {
    try {
      const made = (sample: number) => synthesize(inspection, overrides, { attempt, sample }).feeds
      const elements = Object.values(made(0)).reduce((sum, { dims }) => sum + sizeOf(dims), 0)
      const wanted = Math.max(
        1,
        Math.min(synthesizedSamples, Math.floor(limits.elements / Math.max(1, elements))),
      )
      // Samples that tell nothing are passed over, unless there are no others.
      const spare: Sample[] = []
      let samples = 0
      let steady = true
      for (let sample = 0; sample < 2 * wanted && samples < wanted; sample++) {
        const feeds = made(sample)
        const outputs = await run(feeds)
        if (sample === 0) steady = sameBits(outputs, await run(feeds))
        if (await tells(feeds, outputs, run)) work.keepSample(engine, samples++, { feeds, outputs })
        else spare.push({ feeds, outputs })
        step(Math.min(sample + 1, wanted), wanted)
      }
      if (samples === 0) for (const each of spare.slice(0, wanted)) work.keepSample(engine, samples++, each)
      const { notes } = synthesize(inspection, overrides, { attempt })
      const resized = await resize(inspection, engine, overrides, work, run, attempt)
      return { ok: true, source: 'synthesized', samples, observed: 0, steady, resized, notes }
    } catch (cause) {
      if (isOfDisk(cause)) throw cause
      first ??= cause
    }
  }
  return {
    ok: false,
    reason: `the source fails in ${name} on synthesized inputs: ${await work.problemOf(first)}`,
  }
}

/**
 * One more sample, made up, whose open axes have other lengths: a variant must not have frozen them. None where the source
 * itself doesn't run at those.
 */
async function resize(
  inspection: Inspection,
  engine: EnginePackage['engine'],
  overrides: Overrides,
  work: Workbench,
  run: (feeds: Feeds) => Promise<Feeds>,
  attempt: number,
): Promise<boolean> {
  const { feeds, dynamic } = synthesize(inspection, overrides, { attempt, size: 1 })
  if (!dynamic) return false
  try {
    work.keepSample(`resized.${engine}`, 0, { feeds, outputs: await run(feeds) })
    return true
  } catch (cause) {
    if (isOfDisk(cause)) throw cause
    return false
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
