import type { Feeds } from '../arrays'
import { sizeOf } from '../arrays'
import { type CalibrationFile, maxElements, readCalibration } from '../calibration'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { errors } from '../errors'
import { resolveExternal } from '../external'
import { sha256 } from '../hash'
import { readBytes } from '../read-bytes'
import { chooseShapes, fillInputs, type Overrides, shapeAttempts, synthesizedSamples } from '../synthesize'
import { engineProblem } from './engine-problem'
import { saveSample } from './samples'
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
  const bytes = readBytes(model.path)
  if (sha256(bytes) !== model.sha256) throw errors.modelChanging(model.name)
  const given = calibration === null ? [] : await readCalibration(calibration, inspection.inputs, model.name)
  let session: EngineSession
  try {
    const external = model.external.map((location) => ({
      path: location,
      data: readBytes(resolveExternal(model.path, model.name, location)),
    }))
    session = await openModel(engine, bytes, external)
  } catch (cause) {
    return { ok: false, reason: `${engine.name} does not load the source: ${await engineProblem(cause)}` }
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
  for (const [index, feed] of given.entries()) {
    const feeds = { ...synthesized(inspection, overrides, feed, 0, index), ...feed }
    try {
      saveSample(work, engine, index, { feeds, outputs: await run(feeds) })
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
    step(index + 1, given.length)
  }
  return { ok: true, source: 'calibration', samples: given.length }
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
      const feeds = synthesized(inspection, overrides, {}, attempt, 0)
      const elements = Object.values(feeds).reduce((sum, { dims }) => sum + sizeOf(dims), 0)
      const count = Math.max(1, Math.min(synthesizedSamples, Math.floor(maxElements / Math.max(1, elements))))
      for (let sample = 0; sample < count; sample++) {
        const each = sample === 0 ? feeds : synthesized(inspection, overrides, {}, attempt, sample)
        saveSample(work, engine, sample, { feeds: each, outputs: await run(each) })
        step(sample + 1, count)
      }
      return { ok: true, source: 'synthesized', samples: count }
    } catch (cause) {
      first ??= cause
    }
  }
  return {
    ok: false,
    reason: `the source does not run in ${name} on synthesized inputs: ${await engineProblem(first)}`,
  }
}

/** All inputs that have to be fed and that `given` leaves open. */
function synthesized(
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
