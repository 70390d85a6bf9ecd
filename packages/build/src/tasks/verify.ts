import { Agreement } from '../accuracy'
import { type EngineSession, type ExternalData, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import type { SessionOptions } from '../session-options'
import type { Step } from './run-source'
import { sameBits } from './same-bits'
import type { SourceRun, Verified, VerifiedFile } from './task'
import type { Workbench } from './workbench'

export const notWhatWasWritten = 'its file is not what was written'

/**
 * Holds a variant against what the source gave: on all samples for the budget, twice on one where the source gives the same
 * twice, and at other lengths of open axes, where only shapes count and that no number is lost.
 */
export async function verify(
  { file, sha256, shards = [] }: VerifiedFile,
  engine: EnginePackage,
  options: SessionOptions | undefined,
  classes: readonly string[],
  { samples, steady, resized }: Extract<SourceRun, { ok: true }>,
  work: Workbench,
  step: Step,
): Promise<Verified> {
  // What is shipped is what is verified.
  const bytes = await work.read(file, sha256)
  if (bytes === undefined) return { ok: false, reason: notWhatWasWritten }
  const external: ExternalData[] = []
  for (const shard of shards) {
    const data = await work.read(shard.file, shard.sha256)
    if (data === undefined) return { ok: false, reason: notWhatWasWritten }
    external.push({ path: shard.path, data })
  }
  let session: EngineSession
  try {
    session = await openModel(engine, bytes, external, options)
  } catch (cause) {
    return { ok: false, reason: `it is not loaded by ${engine.name}: ${await work.problemOf(cause)}` }
  }
  try {
    const agreement = new Agreement(new Set(classes))
    for (let index = 0; index < samples; index++) {
      const { feeds, outputs } = work.sample(engine.engine, index)
      const names = Object.keys(outputs)
      const actual = await session.run(feeds, names)
      const problem = agreement.add(outputs, actual)
      if (problem !== undefined) return { ok: false, reason: problem }
      if (index === 0 && steady && !sameBits(actual, await session.run(feeds, names)))
        return { ok: false, reason: 'it gives something else when it runs again, and the source does not' }
      step(index + 1, samples)
    }
    if (resized) {
      const { feeds, outputs } = work.sample(`resized.${engine.engine}`, 0)
      const actual = await session.run(feeds, Object.keys(outputs)).catch(async (cause) => {
        return `it fails where open axes have other lengths: ${await work.problemOf(cause)}`
      })
      const problem = typeof actual === 'string' ? actual : new Agreement(new Set()).add(outputs, actual)
      if (problem !== undefined)
        return { ok: false, reason: typeof actual === 'string' ? problem : `at other lengths ${problem}` }
    }
    return { ok: true, accuracy: agreement.result(), outputs: agreement.outputs() }
  } catch (cause) {
    return { ok: false, reason: `it fails in ${engine.name}: ${await work.problemOf(cause)}` }
  } finally {
    await session.close()
  }
}
