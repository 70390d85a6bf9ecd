import {
  type Conversion,
  type Converter,
  formatSummary,
  type ShareOfWork,
  shareOfWork,
  type Work,
} from '@unplugin-onnx/build'
import { type ExitCode, exitCodes } from '../exit'
import { errorJson, print, report } from '../report'

/** Which of how many shards: `2/4`. */
export interface Shard {
  readonly index: number
  readonly count: number
}

type Outcome = { readonly work: ShareOfWork } & (
  | { readonly conversions: readonly Conversion[] }
  | { readonly error: unknown }
)

/** Converts a machine's share of models x targets into the cache. */
export async function convertShard(
  converter: Converter,
  root: string,
  work: readonly Work[],
  shard: Shard,
): Promise<readonly Outcome[]> {
  const share = await shareOfWork(root, work, shard)
  return Promise.all(
    share.map(async (each): Promise<Outcome> => {
      const { file, options, targets, whole } = each
      try {
        const conversions = whole
          ? [await converter.convert(file, options)]
          : await Promise.all(targets.map((target) => converter.convertPart(file, target, options)))
        return { work: each, conversions }
      } catch (error) {
        return { work: each, error }
      }
    }),
  )
}

/**
 * Says what came of a shard.
 * @returns the exit code that it deserves
 */
export function reportShard(
  outcomes: readonly Outcome[],
  { index, count }: Shard,
  converter: Converter,
  flags: { readonly json: boolean; readonly color: boolean },
): ExitCode {
  const failed = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []))
  if (flags.json)
    print({ shard: index, of: count, models: outcomes.map(documentOf), remote: converter.transfers() })
  else {
    const conversions = outcomes.flatMap((outcome) => ('error' in outcome ? [] : outcome.conversions))
    const pairs = outcomes.reduce((sum, { work }) => sum + work.targets.length, 0)
    const table = conversions.length > 0 ? `${formatSummary(conversions, flags)}\n` : ''
    const made = conversions.filter(({ cached }) => !cached).length
    process.stdout.write(
      `${table}Shard ${index}/${count}: ${pairs} ${pairs === 1 ? 'pair' : 'pairs'} of model and target, ${made} of ${conversions.length} conversions made, the others were in the cache.\n`,
    )
  }
  const [worst = exitCodes.done] = failed.map((error) => report(error, false)).sort()
  return worst
}

function documentOf(outcome: Outcome): object {
  const { file: model, targets } = outcome.work
  if ('error' in outcome) return { model, targets, ...errorJson(outcome.error) }
  const conversions = outcome.conversions.map(({ key, cached, fetched = false, seconds }) => ({
    key,
    cached,
    fetched,
    seconds,
  }))
  return { model, targets, conversions }
}
