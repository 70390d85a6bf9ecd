import { encodeModel, type Model } from '@unplugin-onnx/core'
import { Agreement } from '../accuracy'
import { judge } from '../budget'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { passContext } from '../pass-context'
import type { SessionOptions } from '../session-options'
import { mixes } from '../special-recipes'
import { parseSource } from './open-source'
import { applyRecipe } from './recipe'
import type { Step } from './run-source'
import type { Loudness, Mixed, ModelFile, SearchRequest } from './task'
import { bytesOf, type Group, halves, type Weight } from './weight-groups'
import type { Workbench } from './workbench'

/** Share of the runs that go into finding out which weights are loud; the others try mixes. */
const rankingShare = 0.4
/** Input elements that each group of weights is measured on. */
const rankingElements = 800_000
/** A group is not halved where all of it is quieter than this share of what the budget allows. */
const quietShare = 1 / 16
/** Weights below this share of all bytes cost so little that they stand or fall with their neighbours. */
const tinyShare = 0.0015
/** With less of the bytes at the mix's bits there is too little to gain. */
const leastShare = 0.1

interface Ranked {
  readonly group: Group
  /** Power of the noise at the outputs, as a share of the signal's, with this group alone at the mix's bits; typical. */
  readonly noise: number
}

/**
 * Finds weights that have to stay above the bits of a mix for it to be within the budget, at little cost in bytes. How loud
 * weights are is measured at the model's outputs, by bisection: all at once, then the louder group in two halves, and so
 * on, so that a few loud layers among hundreds take a few dozen runs. Then, by bisection again, as many weights as the budget
 * allows go to the mix's bits, the quietest for their bytes first. Every mix is measured, because noises do not add up:
 * roundings of one layer may make good those of another, and where scores nearly tie a little noise tips them.
 */
export async function search(
  model: ModelFile,
  { mix, budget, runs }: SearchRequest,
  engine: EnginePackage,
  options: SessionOptions | undefined,
  classes: readonly string[],
  samples: number,
  work: Workbench,
  step: Step,
): Promise<Mixed> {
  const found = mixes.get(mix)
  if (found === undefined) return { ok: false, reason: `there is no mix '${mix}'`, loudness: [] }
  const { above, bits } = found
  const loudness: Loudness[] = []
  const source = work.openSource()
  try {
    const context = { ...passContext(async () => engine, model.name), remembered: new Map() }
    const variant = async (keep: readonly string[]): Promise<Model> => {
      const parsed = parseSource(model, source.bytes, source.external)
      await applyRecipe(parsed, mix, keep, context)
      return parsed
    }
    const all = storedAt(bits, await variant([]))
    if (all.length === 0) return { ok: false, reason: `no weight has ${bits} bits`, loudness }
    const total = bytesOf(all)
    let done = 0
    const left = () => runs - done

    /** A session with these weights at the mix's bits, and all others above. */
    const withSession = async <T>(
      quantized: Group,
      use: (session: EngineSession) => Promise<T>,
    ): Promise<T> => {
      step(Math.min(++done, runs), runs)
      const names = new Set(quantized.map(({ name }) => name))
      const kept = all.map(({ name }) => name).filter((name) => !names.has(name))
      const session = await openModel(engine, encodeModel(await variant(kept)), [], options)
      try {
        return await use(session)
      } finally {
        await session.close()
      }
    }
    const noiseOn = async (session: EngineSession, index: number): Promise<number> => {
      const { feeds, outputs } = work.sample(engine.engine, index)
      const agreement = new Agreement(new Set())
      const problem = agreement.add(outputs, await session.run(feeds, Object.keys(outputs)))
      return problem === undefined ? 10 ** (-agreement.result().sqnr / 10) : 1e6
    }

    const everywhere = await withSession(all, async (session) => {
      const noises: number[] = []
      for (let index = 0; index < samples; index++) noises.push(await noiseOn(session, index))
      return noises
    })
    /** Samples, the noisiest first: where one fails, one is enough. */
    const worst = everywhere
      .map((noise, index) => ({ noise, index }))
      .sort((a, b) => b.noise - a.noise || a.index - b.index)
      .map(({ index }) => index)
    const rankedOn = worst.slice(0, samplesFor(work, engine))
    const allowed = 10 ** (-(budget.sqnr ?? 25) / 10)

    const measure = async (group: Group): Promise<Ranked> => {
      const noise = await withSession(group, async (session) => {
        const noises: number[] = []
        for (const index of rankedOn) noises.push(await noiseOn(session, index))
        return typical(noises)
      })
      loudness.push({ weights: group.map(({ name }) => name), sqnr: -10 * Math.log10(noise) })
      return { group, noise }
    }
    let ranked: Ranked[] = [{ group: all, noise: typical(rankedOn.map((index) => everywhere[index] ?? 0)) }]
    while (done < runs * rankingShare) {
      const loudest = ranked
        .filter(({ group, noise }) => canHalve(group, total) && noise > allowed * quietShare)
        .reduce<Ranked | undefined>((a, b) => (a !== undefined && a.noise >= b.noise ? a : b), undefined)
      if (loudest === undefined) break
      const parts: Ranked[] = []
      for (const half of halves(loudest.group, ({ bytes }) => bytes)) parts.push(await measure(half))
      ranked = ranked.flatMap((each) => (each === loudest ? parts : [each]))
    }
    // The quietest for their bytes come first: they get what the budget allows.
    ranked.sort((a, b) => a.noise / bytesOf(a.group) - b.noise / bytesOf(b.group))

    const fits = (quantized: ReadonlySet<Weight>): Promise<boolean> =>
      withSession(
        all.filter((weight) => quantized.has(weight)),
        async (session) => {
          const agreement = new Agreement(new Set(classes))
          for (const index of [...worst]) {
            const { feeds, outputs } = work.sample(engine.engine, index)
            const problem = agreement.add(outputs, await session.run(feeds, Object.keys(outputs)))
            const { top1: _, ...soFar } = agreement.result()
            if (problem === undefined && judge(soFar, budget).within) continue
            // Where one sample fails, one is enough: it is the first from then on.
            worst.unshift(...worst.splice(worst.indexOf(index), 1))
            return false
          }
          return judge(agreement.result(), budget).within
        },
      )
    let quantized: ReadonlySet<Weight> = new Set()
    const put = async (chunk: Group): Promise<boolean> => {
      const more = new Set([...quantized, ...chunk])
      // All of them at once is what missed the budget, or there would be no search.
      if (more.size === all.length || !(await fits(more))) return false
      quantized = more
      return true
    }
    const pending: Group[] = [ranked.flatMap(({ group }) => group)]
    for (let chunk = pending.shift(); chunk !== undefined && left() > 0; chunk = pending.shift())
      if (!(await put(chunk)) && canHalve(chunk, total))
        pending.unshift(...halves(chunk, ({ bytes }) => bytes))
    // What tipped a sample over may not do so any more, now that others have changed: the largest are worth another try.
    for (let gained = true; gained && left() > 0; ) {
      gained = false
      const kept = all.filter((weight) => !quantized.has(weight) && weight.bytes >= tinyShare * total)
      for (const weight of kept.sort((a, b) => b.bytes - a.bytes)) {
        if (left() <= 0) break
        if (await put([weight])) gained = true
      }
    }
    if (bytesOf([...quantized]) < leastShare * total) {
      const reason = `no mix with ${bits} bits for more than a few of the weights is within the budget`
      return { ok: false, reason, loudness }
    }
    const keep = ranked.flatMap(({ group, noise }) =>
      group
        .filter((weight) => !quantized.has(weight))
        .map(({ name }) => ({ node: name, reason: reasonOf(group, noise, bits, above.precision) })),
    )
    return { ok: true, keep, loudness }
  } catch (cause) {
    return { ok: false, reason: `no mix of precisions was found: ${await work.problemOf(cause)}`, loudness }
  } finally {
    source.close()
  }
}

const canHalve = (group: Group, total: number): boolean =>
  group.length > 1 && bytesOf(group) > tinyShare * total

/**
 * The geometric mean: where scores nearly tie, a sample tips over by any noise at all and would drown what the others tell.
 */
const typical = (noises: readonly number[]): number =>
  Math.exp(noises.reduce((sum, noise) => sum + Math.log(Math.max(noise, 1e-20)), 0) / noises.length)

/** Small inputs run fast, so each group is measured on more of them: one to eight samples. */
function samplesFor(work: Workbench, engine: EnginePackage): number {
  const { feeds } = work.sample(engine.engine, 0)
  const elements = Object.values(feeds).reduce((sum, { data }) => sum + data.length, 0)
  return Math.max(1, Math.min(8, Math.round(rankingElements / elements)))
}

function reasonOf(group: Group, noise: number, bits: number, precision: string): string {
  const which = group.length === 1 ? 'it alone' : `it and ${group.length - 1} others alone`
  return `stays in ${precision}: ${which} in int${bits} would leave ${(-10 * Math.log10(noise)).toFixed(1)} dB at the outputs`
}

/** What a recipe has stored in so many bits, in the order of the graph. */
function storedAt(bits: 8 | 4, model: Model): Weight[] {
  const found: Weight[] = []
  for (const node of model.nodes()) {
    const [weight] = node.inputs
    const tensor = node.opType === 'DequantizeLinear' ? weight?.initializer : undefined
    if (weight === undefined || tensor === undefined) continue
    if (tensor.dataType === `int${bits}` || tensor.dataType === `uint${bits}`)
      found.push({ name: weight.name, bytes: tensor.byteLength })
  }
  return found
}
