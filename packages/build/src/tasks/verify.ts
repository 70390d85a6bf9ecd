import { join } from 'node:path'
import { Agreement } from '../accuracy'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { readBytes } from '../read-bytes'
import { engineProblem } from './engine-problem'
import type { Step } from './run-source'
import { loadSample } from './samples'
import type { Verified } from './task'

export async function verify(
  file: string,
  engine: EnginePackage,
  classes: readonly string[],
  samples: number,
  work: string,
  step: Step,
): Promise<Verified> {
  let session: EngineSession
  try {
    session = await openModel(engine, readBytes(join(work, file)))
  } catch (cause) {
    return { ok: false, reason: `it is not loaded by ${engine.name}: ${await engineProblem(cause)}` }
  }
  try {
    const agreement = new Agreement(new Set(classes))
    for (let index = 0; index < samples; index++) {
      const { feeds, outputs } = loadSample(work, engine.engine, index)
      const problem = agreement.add(outputs, await session.run(feeds, Object.keys(outputs)))
      if (problem !== undefined) return { ok: false, reason: problem }
      step(index + 1, samples)
    }
    return { ok: true, accuracy: agreement.result() }
  } catch (cause) {
    return { ok: false, reason: `it fails in ${engine.name}: ${await engineProblem(cause)}` }
  } finally {
    await session.close()
  }
}
