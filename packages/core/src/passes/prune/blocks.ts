import { below, lowest } from '../../kernels/lowest'
import { keepLargest } from '../../kernels/n-m'
import { logGroups, logits, logSumExp } from '../../kernels/softmax-importance'
import type { Importance, Scope } from './importance'
import { toRows } from './rows'
import type { Target } from './targets'
import type { Mask } from './unstructured'

/** n of every m weights stay. */
export interface BlockPattern {
  readonly n: number
  readonly m: number
}

/** '2:4', or undefined for what is no such pattern. */
export function blockPattern(pattern: string): BlockPattern | undefined {
  const [, n = '', m = ''] = /^(\d+):(\d+)$/.exec(pattern) ?? []
  return m !== '' && Number(n) < Number(m) ? { n: Number(n), m: Number(m) } : undefined
}

/** Masks that keep n of m neighbours along the features of each row, those with the largest scores. */
export function blockMasks(
  targets: readonly Target[],
  importance: Importance,
  pattern: BlockPattern,
): Map<Target, Mask> {
  return new Map(
    targets.map((target) => [
      target,
      (rows) => {
        const scores = importance
          .scores(target, rows)
          .map((score) => (Number.isNaN(score) ? lowestOfAll : score))
        return keepLargest(rows, scores, target.layout.features, pattern)
      },
    ]),
  )
}

const lowestOfAll = Number.NEGATIVE_INFINITY

/**
 * The same, but the blocks of highest softmax importance that together hold the share `mass` of it stay whole.
 */
export function blockMasksByMass(
  scope: Scope,
  importance: Importance,
  pattern: BlockPattern,
  { mass, signed }: { readonly mass: number; readonly signed: boolean },
): Map<Target, Mask> {
  const groupsOf = (target: Target) =>
    blockLogits(
      toRows(target.tensor.float32(), target.layout),
      target.layout.features,
      pattern.m,
      scope.tau,
      signed,
    )
  let all = Number.NEGATIVE_INFINITY
  for (const target of scope.targets) all = logSumExp([all, logSumExp(groupsOf(target))])
  const weigh = (score: number) => Math.exp(score - all)
  const pieces = function* () {
    for (const target of scope.targets) yield groupsOf(target)
  }
  const cut = lowest(pieces, 1 - mass, weigh)
  const plain = blockMasks(scope.targets, importance, pattern)
  return new Map(
    scope.targets.map((target) => [
      target,
      (rows) => {
        const { features } = target.layout
        const scores = blockLogits(rows, features, pattern.m, scope.tau, signed)
        const goes = below(cut)
        const whole = rows.slice()
        plain.get(target)?.(rows)
        const perRow = Math.floor(features / pattern.m)
        let dropped = 0
        for (const [block, score] of scores.entries()) {
          const start = Math.floor(block / perRow) * features + (block % perRow) * pattern.m
          const stays = !goes(score)
          for (let index = start; index < start + pattern.m; index++) {
            if (stays) rows[index] = whole[index] ?? 0
            else if (rows[index] !== whole[index]) dropped++
          }
        }
        return dropped
      },
    ]),
  )
}

/** log of sum of exp over each whole block of each row. */
function blockLogits(
  rows: Float32Array,
  features: number,
  size: number,
  tau: number,
  signed: boolean,
): Float32Array {
  const perRow = Math.floor(features / size)
  const out = new Float32Array((rows.length / features) * perRow)
  for (let row = 0, at = 0; row < rows.length; row += features, at += perRow)
    out.set(logGroups(logits(rows.subarray(row, row + perRow * size), tau, signed), size), at)
  return out
}
