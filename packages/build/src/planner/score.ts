import type { TaskScore } from '@unplugin-onnx/runtime'
import type { Verdict } from '../budget'
import type { NormalizedTask } from '../options'

export type { Verdict }

/** Holds a variant's score against the source's. A better one is never a miss. */
export function reaches(
  { source, variant }: TaskScore,
  { maxDrop, relative }: Pick<NormalizedTask, 'maxDrop' | 'relative'>,
  lowerIsBetter: boolean,
): Verdict {
  const drop = lowerIsBetter ? variant - source : source - variant
  const allowed = relative ? maxDrop * Math.abs(source) : maxDrop
  // Scores are sums of floats: what differs in their last bits only is no drop.
  if (drop <= allowed + 1e-9 * Math.abs(source)) return { within: true }
  const share = relative ? ` (${Number((maxDrop * 100).toPrecision(4))} % of it)` : ''
  return {
    within: false,
    reason: `its score ${short(variant)} is ${short(drop)} worse than the source's ${short(source)}, where ${short(allowed)}${share} is allowed`,
  }
}

const short = (value: number): string => String(Number(value.toPrecision(5)))
