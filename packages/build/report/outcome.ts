import type { Variant } from '@unplugin-onnx/runtime'
import type { ReportCandidate, ReportData } from '../src/report/data'

/** What a report says of targets that came to the same file for the same reasons: they share a card. */
export interface Outcome {
  readonly targets: readonly string[]
  readonly variant: Variant
  readonly candidates: readonly ReportCandidate[]
  readonly chosen: ReportCandidate | undefined
  /** Nothing smaller than the source was within the budget. */
  readonly missed: boolean
}

export function outcomesOf({ manifest, candidates }: ReportData): Outcome[] {
  const missed = (target: string) => manifest.missed?.some((each) => each.target === target) ?? false
  const outcomes = new Map<string, Outcome & { targets: string[] }>()
  for (const variant of manifest.variants) {
    const devices = variant.requires?.join() ?? ''
    const own = candidates.filter(
      ({ target, requires }) => target === variant.target && (requires?.join() ?? '') === devices,
    )
    const key = JSON.stringify([
      variant.file,
      variant.requires,
      variant.accuracy,
      variant.latency,
      own.map(({ recipe, reason, latency }) => [recipe, reason, latency]),
    ])
    const known = outcomes.get(key)
    if (known !== undefined) known.targets.push(variant.target)
    else {
      const chosen =
        own.find((each) => each.chosen && each.recipe === variant.recipe) ?? own.find((each) => each.chosen)
      outcomes.set(key, {
        targets: [variant.target],
        variant,
        candidates: own,
        chosen,
        missed: missed(variant.target),
      })
    }
  }
  return [...outcomes.values()]
}

export const smallest = ({ manifest }: ReportData): Variant | undefined =>
  [...manifest.variants].sort((a, b) => a.bytes - b.bytes)[0]
