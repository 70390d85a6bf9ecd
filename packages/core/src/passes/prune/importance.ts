import type { Target, Targets } from './targets'

/** What makes one weight matter more than another. */
export interface Importance {
  /** A score for each weight, row by row; NaN for those that are 0 already. */
  scores(target: Target, rows: Float32Array): Float32Array
  /** The share of one weight in what its scope holds, by its score; in any unit. */
  weigh(score: number, scope: Scope): number
  /** Scores of different rows of a layer are not to be compared. */
  readonly byRow: boolean
}

/** What weights are compared with: those of one target, or of all. */
export interface Scope {
  readonly targets: readonly Target[]
  /** Temperature in the unit of the weights. */
  readonly tau: number
  /** Largest score of a weight by the softmax. */
  readonly largest: number
}

export interface SoftmaxOptions {
  readonly temperature: number
  readonly signed: boolean
}

export function scopeOf(
  scoped: readonly Target[],
  { deviation }: Targets,
  { temperature, signed }: SoftmaxOptions,
): Scope {
  const [only] = scoped
  const spread = deviation(scoped.length === 1 ? only : undefined)
  const largest = scoped.reduce(
    (most, target) => Math.max(most, target.largest, signed ? 0 : -target.smallest),
    0,
  )
  // Weights that are all the same are all as important.
  return { targets: scoped, tau: temperature * spread || 1, largest }
}

/** |w|: Han et al. 2015. */
export const magnitude: Importance = {
  byRow: false,
  scores: (_, rows) => rows.map((weight) => (weight === 0 ? Number.NaN : Math.abs(weight))),
  weigh: (score) => score,
}

/** exp(|w| / tau), or exp(w / tau); as scores the exponents do, which are in the same order. */
export const softmax = (signed: boolean): Importance => ({
  byRow: false,
  scores: (_, rows) => rows.map((weight) => (weight === 0 ? Number.NaN : signed ? weight : Math.abs(weight))),
  weigh: (score, { tau, largest }) => Math.exp((score - largest) / tau),
})

/** Norms of what the features of a target's rows are multiplied with: [groups, features]. */
export interface FeatureNorms {
  readonly groups: number
  readonly norms: Float32Array
}

/** |w| ||x||, within each row: Sun et al. 2023. Targets without norms go by |w|. */
export const wanda = (norms: ReadonlyMap<Target, FeatureNorms>): Importance => ({
  byRow: true,
  scores(target, rows) {
    const known = norms.get(target)
    if (known === undefined) return magnitude.scores(target, rows)
    const { features } = target.layout
    const perGroup = rows.length / known.groups
    return rows.map((weight, index) => {
      const group = Math.floor(index / perGroup)
      return weight === 0
        ? Number.NaN
        : Math.abs(weight) * (known.norms[group * features + (index % features)] ?? 0)
    })
  },
  weigh: (score) => score,
})
