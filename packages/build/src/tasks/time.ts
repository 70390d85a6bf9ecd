import { join } from 'node:path'
import type { Latency } from '@unplugin-onnx/runtime'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import type { SessionOptions } from '../session-options'
import { readWork } from '../work-files'
import { engineProblem } from './engine-problem'
import { openSource } from './open-source'
import { loadSample } from './samples'
import type { Attempt, ModelFile, VerifiedFile } from './task'

/** Pairs of runs: enough for a steady median, few where one takes long. */
const pairs = { least: 7, most: 301, milliseconds: 500 }
/** What seems slower than this is timed for longer, before anything is decided by it. */
const doubtful = { ratio: 1.1, least: 31, milliseconds: 3_000 }

/**
 * Times a variant beside its source in one process, run by run by turns, so that whatever else the machine does slows both.
 * Which of the two goes first changes with each pair.
 */
export async function time(
  model: ModelFile,
  { file }: VerifiedFile,
  engine: EnginePackage,
  options: SessionOptions | undefined,
  work: string,
): Promise<Attempt<{ readonly latency: Latency }>> {
  const sessions: EngineSession[] = []
  try {
    const source = await openSource(model, engine)
    sessions.push(source)
    const variant = await openModel(engine, readWork(join(work, file)), [], options)
    sessions.push(variant)
    const { feeds, outputs } = loadSample(work, engine.engine, 0)
    const names = Object.keys(outputs)
    const taken = async (session: EngineSession) => {
      const start = performance.now()
      await session.run(feeds, names)
      return performance.now() - start
    }
    for (const session of sessions) await session.run(feeds, names)
    const milliseconds: number[] = []
    const ratios: number[] = []
    const begin = performance.now()
    const enough = ({ least, milliseconds: most }: { least: number; milliseconds: number }) =>
      ratios.length >= least && (ratios.length >= pairs.most || performance.now() - begin >= most)
    while (!enough(pairs) || (median(ratios) > doubtful.ratio && !enough(doubtful))) {
      const first = ratios.length % 2 === 0 ? await taken(source) : await taken(variant)
      const second = ratios.length % 2 === 0 ? await taken(variant) : await taken(source)
      const [theirs, ours] = ratios.length % 2 === 0 ? [first, second] : [second, first]
      milliseconds.push(ours)
      ratios.push(ours / Math.max(theirs, 1e-6))
    }
    return { ok: true, latency: { milliseconds: median(milliseconds), ratio: median(ratios) } }
  } catch (cause) {
    return { ok: false, reason: `it could not be timed: ${await engineProblem(cause)}` }
  } finally {
    for (const session of sessions) await session.close()
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
