import type { Manifest } from '@unplugin-onnx/runtime'
import type { ReportCandidate, ReportData, ReportLayer } from '../report/data'
import { mixes } from '../special-recipes'
import type { Loudness } from '../tasks/task'
import type { Choice } from './choose'
import { candidateOf } from './manifest'
import type { Workshop } from './workshop'

/** Everything that is known about a conversion, times included. */
export async function reportOf(
  workshop: Workshop,
  choices: readonly Choice[],
  manifest: Manifest,
): Promise<ReportData> {
  const { options } = workshop.job
  const candidates = await Promise.all(
    choices.flatMap(({ target, tried }) =>
      tried.map(async (each): Promise<ReportCandidate> => {
        const { file, outputs, latency } = each
        return {
          ...candidateOf(target, each),
          ...(latency && { latency }),
          ...(outputs && { outputs }),
          ...(file && each.chosen && { brotliBytes: (await workshop.sizesOf(file)).brotliBytes }),
        }
      }),
    ),
  )
  const described = choices.map(({ winner: { file, skipped } }) => ({ file, skipped }))
  const layers = await workshop.describe(described, choices[0]?.target.engine)
  // What was cut into shards lies under another name now.
  const shippedAs = new Map(
    choices.map(({ winner }, index) => [winner.file, manifest.variants[index]?.file ?? winner.file]),
  )
  return {
    version: 1,
    manifest,
    budget: {
      ...(options.preset && { preset: options.preset }),
      ...options.budget,
      ...(options.task && { maxDrop: options.task.maxDrop }),
    },
    prefer: options.prefer,
    effort: options.effort,
    candidates,
    layers: withNoise(withNames(layers, shippedAs), workshop.loudness),
  }
}

const withNames = (layers: readonly ReportLayer[], names: ReadonlyMap<string, string>): ReportLayer[] =>
  layers.map((layer) => ({
    ...layer,
    variants: layer.variants.map((each) => ({ ...each, file: names.get(each.file) ?? each.file })),
  }))

/** A layer's noise is that of the smallest group that it was measured in. */
function withNoise(
  layers: readonly ReportLayer[],
  loudness: ReadonlyMap<string, readonly Loudness[]>,
): ReportLayer[] {
  const noises = new Map<string, { recipe: string; sqnr: number; size: number }>()
  for (const [mix, groups] of loudness) {
    const recipe = mixes.get(mix)?.of ?? mix
    for (const { weights, sqnr } of groups)
      for (const name of weights) {
        const known = noises.get(name)
        if (known === undefined || (known.recipe === recipe && weights.length <= known.size))
          noises.set(name, { recipe, sqnr, size: weights.length })
      }
  }
  return layers.map((layer) => {
    const noise = noises.get(layer.name)
    return noise === undefined ? layer : { ...layer, noise: { recipe: noise.recipe, sqnr: noise.sqnr } }
  })
}
