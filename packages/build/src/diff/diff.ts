import type { Candidate, Manifest, Variant } from '@unplugin-onnx/runtime'

/** A model of one side, under the name that both sides know it by. */
export interface DiffedModel {
  readonly name: string
  readonly manifest: Manifest
}

/** What a target gets of a model: one figure a side, where that side has the variant. */
export interface Sides<T> {
  readonly base?: T
  readonly head?: T
}

/** A variant that is on one side only, or isn't the same file on both, or was measured to be another. */
export interface VariantChange extends Sides<Variant> {
  readonly model: string
  readonly target: string
  /** Another file: other weights, another recipe, or both. False where only measures are others. */
  readonly contents: boolean
}

/** A decision that is another than before, and what was said of it. */
export interface DecisionChange {
  readonly model: string
  readonly target: string
  readonly from?: string
  readonly to?: string
  /** Why the recipe of the head was taken. */
  readonly reason?: string
  /** What the head has to say of the recipe that the base took. */
  readonly instead?: string
  /** Layers that are left as they are now, or no longer are. */
  readonly spared: readonly { readonly node: string; readonly reason: string }[]
  readonly freed: readonly string[]
}

export interface Total {
  readonly bytes: number
  readonly brotliBytes: number
}

/** What a change of models costs. */
export interface Diff {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Models whose variants are all as they were. */
  readonly same: readonly string[]
  readonly sources: readonly ({ readonly model: string } & Sides<Manifest['source']>)[]
  readonly variants: readonly VariantChange[]
  readonly decisions: readonly DecisionChange[]
  /** What all models come to for each target: every device takes one file of each. */
  readonly totals: readonly ({ readonly target: string } & Required<Sides<Total>>)[]
}

/** Compares what two sides made of their models. Where each has a single one, the two are taken for the same. */
export function diffModels(base: readonly DiffedModel[], head: readonly DiffedModel[]): Diff {
  const before = byName(base)
  const after = byName(head)
  const [only] = head
  if (base.length === 1 && head.length === 1 && base[0] && only) {
    before.clear()
    before.set(only.name, base[0].manifest)
  }
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  const variants: VariantChange[] = []
  const decisions: DecisionChange[] = []
  const sources: ({ model: string } & Sides<Manifest['source']>)[] = []
  const same: string[] = []
  for (const model of names) {
    const sides: Sides<Manifest> = sidesOf(before.get(model), after.get(model))
    const changes = variantChanges(model, sides)
    variants.push(...changes)
    decisions.push(...decisionChanges(model, sides))
    if (sides.base?.source.sha256 !== sides.head?.source.sha256)
      sources.push({ model, ...sidesOf(sides.base?.source, sides.head?.source) })
    if (changes.length === 0) same.push(model)
  }
  return {
    added: names.filter((name) => !before.has(name)),
    removed: names.filter((name) => !after.has(name)),
    same,
    sources,
    variants,
    decisions,
    totals: totalsOf(base, head),
  }
}

const byName = (models: readonly DiffedModel[]): Map<string, Manifest> =>
  new Map(models.map(({ name, manifest }) => [name, manifest]))

const sidesOf = <T>(base: T | undefined, head: T | undefined): Sides<T> => ({
  ...(base !== undefined && { base }),
  ...(head !== undefined && { head }),
})

/** A target, or of one with a variant for some devices only, what those have. */
export const targetOf = ({ target, requires = [] }: Pick<Variant, 'target' | 'requires'>): string =>
  requires.length === 0 ? target : `${target} with ${requires.join(', ')}`

function variantChanges(model: string, { base, head }: Sides<Manifest>): VariantChange[] {
  const before = new Map(base?.variants.map((each) => [targetOf(each), each]))
  const after = new Map(head?.variants.map((each) => [targetOf(each), each]))
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((target) => {
    const sides = sidesOf(before.get(target), after.get(target))
    const contents = filesOf(sides.base) !== filesOf(sides.head)
    return contents || measuresOf(sides.base) !== measuresOf(sides.head)
      ? [{ model, target, contents, ...sides }]
      : []
  })
}

const filesOf = (variant: Variant | undefined): string =>
  JSON.stringify(variant && [variant.sha256, variant.shards?.map(({ sha256 }) => sha256)])

/** Without times, which are never twice the same. */
const measuresOf = (variant: Variant | undefined): string =>
  JSON.stringify(variant && [variant.recipe, variant.accuracy, variant.task])

function decisionChanges(model: string, { base, head }: Sides<Manifest>): DecisionChange[] {
  if (base === undefined || head === undefined) return []
  return head.variants.flatMap((variant) => {
    const target = targetOf(variant)
    const was = base.variants.find((each) => targetOf(each) === target)
    if (was === undefined) return []
    const taken = candidateOf(head, target, variant.recipe)
    const before = candidateOf(base, target, was.recipe)
    const skipped = new Map(taken?.skipped?.map(({ node, reason }) => [node, reason]))
    const skippedBefore = new Set(before?.skipped?.map(({ node }) => node))
    const sameRecipe = was.recipe === variant.recipe
    // Of two recipes each leaves other layers, for reasons of its own.
    const spared = sameRecipe
      ? [...skipped].flatMap(([node, reason]) => (skippedBefore.has(node) ? [] : [{ node, reason }]))
      : []
    const freed = sameRecipe ? [...skippedBefore].filter((node) => !skipped.has(node)) : []
    if (sameRecipe && spared.length === 0 && freed.length === 0) return []
    const instead = sameRecipe ? undefined : candidateOf(head, target, was.recipe)?.reason
    return [
      {
        model,
        target,
        from: was.recipe,
        to: variant.recipe,
        ...(taken && { reason: taken.reason }),
        ...(instead !== undefined && { instead }),
        spared,
        freed,
      },
    ]
  })
}

const candidateOf = ({ candidates }: Manifest, target: string, recipe: string): Candidate | undefined =>
  candidates.find((each) => targetOf(each) === target && each.recipe === recipe)

function totalsOf(base: readonly DiffedModel[], head: readonly DiffedModel[]): Diff['totals'] {
  const before = sums(base)
  const after = sums(head)
  const none: Total = { bytes: 0, brotliBytes: 0 }
  return [...new Set([...before.keys(), ...after.keys()])].map((target) => ({
    target,
    base: before.get(target) ?? none,
    head: after.get(target) ?? none,
  }))
}

function sums(models: readonly DiffedModel[]): Map<string, Total> {
  const totals = new Map<string, Total>()
  for (const variant of models.flatMap(({ manifest }) => manifest.variants)) {
    const target = targetOf(variant)
    const { bytes = 0, brotliBytes = 0 } = totals.get(target) ?? {}
    totals.set(target, {
      bytes: bytes + variant.bytes,
      brotliBytes: brotliBytes + variant.brotliBytes,
    })
  }
  return totals
}
