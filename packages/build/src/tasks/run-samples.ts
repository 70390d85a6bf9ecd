import { OnnxError } from '@unplugin-onnx/core'
import type { CalibrationData, Overrides, SampleLimits } from '../calibration'
import type { EngineSession } from '../engine'
import type { EnginePackage } from '../engine-package'
import { openSource } from './open-source'
import type { Step } from './run-source'
import type { Inspection, ModelFile, SourceRun } from './task'
import type { Workbench } from './workbench'

/** No candidates wait, so more is taken than a conversion does. */
const limits: SampleLimits = { samples: 1024, elements: 64_000_000 }

/** Runs the source on all samples there are, whatever they are for, and keeps inputs and outputs in the work folder. */
export async function runSamples(
  model: ModelFile,
  inspection: Inspection,
  engine: EnginePackage,
  data: CalibrationData,
  overrides: Overrides,
  work: Workbench,
  step: Step,
): Promise<SourceRun> {
  let session: EngineSession | undefined
  try {
    session = await openSource(work, engine)
    const { run } = session
    const bounds = model.limits === undefined ? {} : { limits: model.limits }
    const sampled = { name: model.name, inspection, overrides, run, ...bounds }
    const source = await work.openCalibration(data, sampled)
    try {
      const names = inspection.outputs.map(({ name }) => name)
      const samples = await source.samples(limits)
      for (let index = 0; index < samples.length; index++) {
        const feeds = await samples.at(index)
        work.keepSample(engine.engine, index, { feeds, outputs: await run(feeds, names) })
        step(index + 1, samples.length)
      }
      const counts = { samples: samples.length, observed: 0 }
      return {
        ok: true,
        source: 'calibration',
        ...counts,
        steady: false,
        resized: false,
        notes: source.notes,
      }
    } finally {
      await source.close()
    }
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    return { ok: false, reason: `the source fails in ${engine.name}: ${await work.problemOf(cause)}` }
  } finally {
    await session?.close()
  }
}
