import type { Model } from '../../graph/model'
import { below, lowestOf } from '../../kernels/lowest'
import { logSumExp } from '../../kernels/softmax-importance'
import { keepMatcher, nameMatcher } from '../keep'
import type { Calibration, Skipped } from '../pass'
import { cut } from './channel-cut'
import { lossScores } from './channel-losses'
import { observedSpaces, type Reader, refit } from './channel-refit'
import { normScores, powerScores, softmaxScores, spreadOf } from './channel-scores'
import { channelSpaces, type Space } from './channel-spaces'

export interface ChannelOptions {
  readonly amount: number
  readonly mass: number
  readonly criterion: string
  readonly temperature: number
  readonly signed: boolean
  readonly scope: string
  readonly reconstruct: boolean
  readonly keep: readonly string[]
}

/**
 * Takes the least important channels out of layers: the tensors that make them, follow them and read them get smaller.
 * Channels that are added to each other, or multiplied, go together.
 * @returns how many spaces of channels were cut
 */
export async function pruneChannels(
  model: Model,
  options: ChannelOptions,
  calibration: Calibration | undefined,
  skipped: Skipped[],
): Promise<number> {
  const spaces: Space[] = []
  for (const graph of model.graphs()) {
    for (const space of channelSpaces(graph)) {
      const reason = space.blocked ?? reasonToKeep(space, options.keep)
      if (reason === undefined) spaces.push(space)
      else skipped.push({ node: labelOf(space), reason })
    }
  }
  const observed = options.reconstruct || options.criterion === 'wanda' ? calibration : undefined
  const all = options.scope === 'global' ? await keptOfAll(model, spaces, options, observed) : undefined
  let changed = 0
  for await (const { space, readers } of withReaders(model, spaces, observed)) {
    const kept = all?.get(space) ?? keptOf([space], [scoresOf(space, [space], options, readers)], options)[0]
    if (kept === undefined || kept.length === space.size) continue
    if (options.reconstruct) refit(space, kept, readers)
    cut(space, kept)
    changed++
  }
  return changed
}

async function* withReaders(
  model: Model,
  spaces: readonly Space[],
  observed: Calibration | undefined,
): AsyncIterable<{ readonly space: Space; readonly readers: readonly Reader[] }> {
  if (observed !== undefined) yield* observedSpaces(model, spaces, observed)
  else for (const space of spaces) yield { space, readers: [] }
}

const labelOf = (space: Space): string => space.slices[0]?.node.label ?? space.values[0]?.name ?? ''

function reasonToKeep(space: Space, keep: readonly string[]): string | undefined {
  const keptNode = keepMatcher(keep)
  const keptName = nameMatcher(keep)
  return space.slices.some(({ node, value }) => keptNode(node) || keptName(value.name))
    ? 'is to be kept, or goes together with what is'
    : undefined
}

function scoresOf(
  space: Space,
  scope: readonly Space[],
  { criterion, temperature, signed, reconstruct }: ChannelOptions,
  readers: readonly Reader[],
): Float32Array {
  if (criterion === 'softmax') return softmaxScores(space, temperature * spreadOf(scope) || 1, signed)
  if (readers.length > 0 && reconstruct && criterion === 'magnitude')
    return lossScores(space, readers) ?? powerScores(space, readers)
  if (readers.length > 0 && (reconstruct || criterion === 'wanda')) return powerScores(space, readers)
  return normScores(space)
}

async function keptOfAll(
  model: Model,
  spaces: readonly Space[],
  options: ChannelOptions,
  observed: Calibration | undefined,
): Promise<Map<Space, number[]>> {
  const scores: Float32Array[] = []
  for await (const { space, readers } of withReaders(model, spaces, observed)) {
    const own = scoresOf(space, spaces, options, readers)
    // Shares in a space get the smaller the more channels it has; compared are multiples of the mean.
    scores.push(options.criterion === 'softmax' ? own : own.map((score) => score * space.size))
  }
  const kept = keptOf(spaces, scores, options)
  return new Map(spaces.map((space, index) => [space, kept[index] ?? []]))
}

/** Channels that stay, of each space, when all are compared; at least the best one of each. */
function keptOf(
  spaces: readonly Space[],
  scores: readonly Float32Array[],
  { amount, mass, criterion }: ChannelOptions,
): number[][] {
  const all = Float32Array.from(scores.flatMap((each) => [...each]))
  const largest = logSumExp(all)
  const weigh =
    criterion === 'softmax' ? (score: number) => Math.exp(score - largest) : (score: number) => score
  const total = all.reduce((sum, score) => sum + weigh(score), 0)
  const goes = below(
    mass > 0 ? lowestOf(all, (1 - mass) * total, weigh) : lowestOf(all, Math.floor(amount * all.length)),
  )
  return spaces.map((_, index) => {
    const own = [...(scores[index] ?? [])]
    const kept = own.flatMap((score, channel) => (goes(score) ? [] : [channel]))
    return kept.length > 0 ? kept : [own.indexOf(Math.max(...own))]
  })
}
