import { below, type Cut, lowest, lowestOf } from '../../kernels/lowest'
import type { Importance, Scope } from './importance'
import { toRows } from './rows'
import type { Target } from './targets'

/** How much goes: a share of the weights, or all but those that hold a share of the importance. */
export interface Share {
  readonly amount: number
  /** 0: go by the amount. */
  readonly mass: number
}

/** Sets weights of a target, given row by row, to 0. @returns how many became 0 that weren't */
export type Mask = (rows: Float32Array) => number

/** Weights that are 0 count as pruned, so that a second run has nothing left to do. */
const left = (share: number, zeros: number): number => Math.max(0, Math.floor(share) - zeros)

/** Masks of the targets of one scope: the least important weights go, wherever they are. */
export function unstructuredMasks(scope: Scope, importance: Importance, share: Share): Map<Target, Mask> {
  const weigh = share.mass > 0 ? (score: number) => importance.weigh(score, scope) : undefined
  const [only] = scope.targets
  if (only !== undefined && scope.targets.length === 1)
    return new Map([[only, importance.byRow ? maskByRow(only, importance, share, weigh) : maskOf(only)]])

  const pieces = function* () {
    for (const target of scope.targets) yield scoresOf(target, importance)
  }
  const { size, zeros } = totals(scope.targets)
  const budget =
    weigh === undefined ? left(share.amount * size, zeros) : massBudget(pieces(), zeros, share.mass, weigh)
  return dealt(lowest(pieces, budget, weigh), scope.targets, importance)

  function maskOf(target: Target): Mask {
    const scores = scoresOf(target, importance)
    const budget =
      weigh === undefined
        ? left(share.amount * target.tensor.size, target.zeros)
        : massBudget([scores], target.zeros, share.mass, weigh)
    return maskBelow(lowestOf(scores, budget, weigh), target, importance)
  }
}

const scoresOf = (target: Target, importance: Importance): Float32Array =>
  importance.scores(target, toRows(target.tensor.float32(), target.layout))

function totals(targets: readonly Target[]): { size: number; zeros: number } {
  let size = 0
  let zeros = 0
  for (const target of targets) {
    size += target.tensor.size
    zeros += target.zeros
  }
  return { size, zeros }
}

/** Importance that may go; zeros hold some of it, too, and go first. */
function massBudget(
  pieces: Iterable<Float32Array>,
  zeros: number,
  mass: number,
  weigh: (score: number) => number,
): number {
  const gone = zeros * weigh(0)
  let total = gone
  for (const scores of pieces) for (const score of scores) if (!Number.isNaN(score)) total += weigh(score)
  return Math.max(0, (1 - mass) * total - gone)
}

const maskBelow =
  (cut: Cut, target: Target, importance: Importance): Mask =>
  (rows) => {
    const goes = below(cut)
    const scores = importance.scores(target, rows)
    let dropped = 0
    for (const [index, score] of scores.entries()) {
      if (!goes(score)) continue
      rows[index] = 0
      dropped++
    }
    return dropped
  }

/** One cut through all targets: scores that lie on it go in the targets' order, as far as they may. */
function dealt(cut: Cut, targets: readonly Target[], importance: Importance): Map<Target, Mask> {
  const masks = new Map<Target, Mask>()
  let { ties } = cut
  for (const target of targets) {
    let on = 0
    if (ties > 0) {
      const isOn = below({ key: cut.key, ties: Number.POSITIVE_INFINITY })
      const isUnder = below({ key: cut.key, ties: 0 })
      for (const score of scoresOf(target, importance)) if (isOn(score) && !isUnder(score)) on++
    }
    const own = Math.min(on, ties)
    masks.set(target, maskBelow({ key: cut.key, ties: own }, target, importance))
    ties -= own
  }
  return masks
}

function maskByRow(
  target: Target,
  importance: Importance,
  share: Share,
  weigh: ((score: number) => number) | undefined,
): Mask {
  const { features } = target.layout
  return (rows) => {
    const scores = importance.scores(target, rows)
    let dropped = 0
    for (let start = 0; start < rows.length; start += features) {
      const row = scores.subarray(start, start + features)
      const zeros = row.reduce((count, score) => count + (Number.isNaN(score) ? 1 : 0), 0)
      const budget =
        weigh === undefined
          ? left(share.amount * features, zeros)
          : massBudget([row], zeros, share.mass, weigh)
      const goes = below(lowestOf(row, budget, weigh))
      for (const [index, score] of row.entries()) {
        if (!goes(score)) continue
        rows[start + index] = 0
        dropped++
      }
    }
    return dropped
  }
}
