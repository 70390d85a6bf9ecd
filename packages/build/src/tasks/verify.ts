import { join } from 'node:path'
import { Agreement } from '../accuracy'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { sha256 } from '../hash'
import type { SessionOptions } from '../session-options'
import { readWork } from '../work-files'
import { engineProblem } from './engine-problem'
import type { Step } from './run-source'
import { sameBits } from './same-bits'
import { loadSample } from './samples'
import type { SourceRun, Verified, VerifiedFile } from './task'

/**
 * Holds a variant against what the source gave: on all samples for the budget, twice on one where the source gives the same
 * twice, and at other lengths of open axes, where only shapes count and that no number is lost.
 */
export async function verify(
  { file, sha256: expected, shards = [] }: VerifiedFile,
  engine: EnginePackage,
  options: SessionOptions | undefined,
  classes: readonly string[],
  { samples, steady, resized }: Extract<SourceRun, { ok: true }>,
  work: string,
  step: Step,
): Promise<Verified> {
  const [bytes, ...data] = [file, ...shards.map((each) => each.file)].map((name) =>
    readWork(join(work, name)),
  )
  // What is shipped is what is verified.
  if (
    !bytes ||
    [bytes, ...data].some((each, index) => sha256(each) !== (shards[index - 1]?.sha256 ?? expected))
  )
    return { ok: false, reason: 'its file is not what was written' }
  const external = shards.map(({ path }, index) => ({ path, data: data[index] ?? new Uint8Array() }))
  let session: EngineSession
  try {
    session = await openModel(engine, bytes, external, options)
  } catch (cause) {
    return { ok: false, reason: `it is not loaded by ${engine.name}: ${await engineProblem(cause)}` }
  }
  try {
    const agreement = new Agreement(new Set(classes))
    for (let index = 0; index < samples; index++) {
      const { feeds, outputs } = loadSample(work, engine.engine, index)
      const names = Object.keys(outputs)
      const actual = await session.run(feeds, names)
      const problem = agreement.add(outputs, actual)
      if (problem !== undefined) return { ok: false, reason: problem }
      if (index === 0 && steady && !sameBits(actual, await session.run(feeds, names)))
        return { ok: false, reason: 'it gives something else when it runs again, and the source does not' }
      step(index + 1, samples)
    }
    if (resized) {
      const { feeds, outputs } = loadSample(work, `resized.${engine.engine}`, 0)
      const actual = await session.run(feeds, Object.keys(outputs)).catch(async (cause) => {
        return `it fails where open axes have other lengths: ${await engineProblem(cause)}`
      })
      const problem = typeof actual === 'string' ? actual : new Agreement(new Set()).add(outputs, actual)
      if (problem !== undefined)
        return { ok: false, reason: typeof actual === 'string' ? problem : `at other lengths ${problem}` }
    }
    return { ok: true, accuracy: agreement.result(), outputs: agreement.outputs() }
  } catch (cause) {
    return { ok: false, reason: `it fails in ${engine.name}: ${await engineProblem(cause)}` }
  } finally {
    await session.close()
  }
}
