import { type Model, readModel, writeModel } from '@unplugin-onnx/core'
import { Agreement } from '../accuracy'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { ExternalFiles } from '../external'
import { passContext } from '../pass-context'
import { printable } from '../printable'
import { readBytes } from '../read-bytes'
import { engineProblem } from './engine-problem'
import { applyRecipe } from './recipe'
import type { Step } from './run-source'
import { loadSample } from './samples'
import type { Mixed, ModelFile } from './task'

/** Groups of weights that are measured, each by a run of its own: what bounds the time of a search. */
const maxGroups = 48
/** Weights below this share of all bytes cost so little in float16 that they stand or fall together. */
const tinyShare = 0.0015
/** Input elements that each weight is measured on. */
const rankingElements = 800_000
/** A mix is tried whenever weights of this share of all bytes were added to those that are spared. */
const stepShare = 0.004
/** Spared weights that are tried to be put back, and the share of all bytes that makes one worth it. */
const maxReturns = 6
const returnShare = 0.01
/** With more of the bytes in float16 there is too little to gain over all of them in float16. */
const maxShare = 0.5

interface Weight {
  readonly name: string
  /** What it costs to leave it in float16. */
  readonly bytes: number
}

/** Weights that are measured, and spared, together. */
type Group = readonly Weight[]

/**
 * Finds weights that have to stay in float16 for an int8 variant to reach `sqnr`, at little cost in bytes: how much noise
 * each adds at the model's outputs is measured with it alone in int8, on the worst samples; then they are spared in order
 * of noise for their bytes until all samples are within the budget. Every mix is measured, because noises do not add up:
 * roundings of one layer may make good those of another, and where scores nearly tie a little noise tips them.
 */
export async function mix(
  model: ModelFile,
  recipe: string,
  sqnr: number,
  engine: EnginePackage,
  samples: number,
  work: string,
  step: Step,
): Promise<Mixed> {
  const external = new ExternalFiles(model.path, model.name)
  try {
    const source = readBytes(model.path)
    const context = passContext(async () => engine, model.name)
    const variant = async (keep: readonly string[]): Promise<Model> => {
      const parsed = readModel(source, { external: external.reader, name: printable(model.name) })
      await applyRecipe(parsed, recipe, keep, context)
      return parsed
    }
    const weights = quantizedWeights(await variant([]))
    const groups = groupsOf(weights)
    // As many again for the mixes: where a few layers make the noise, it takes far fewer.
    const runs = 1 + 2 * groups.length
    let done = 0

    /** Noise by sample, as a share of the signal's power, with these weights in int8 and all others in float16. */
    const noises = async (
      quantized: readonly Group[],
      on: readonly number[],
      goOn: (noise: number, index: number) => boolean = () => true,
    ): Promise<number[]> => {
      step(Math.min(++done, runs), runs)
      const names = new Set(quantized.flatMap(namesOf))
      const spared = weights.map(({ name }) => name).filter((name) => !names.has(name))
      const session = await openModel(engine, Buffer.concat([...writeModel(await variant(spared))]))
      try {
        const measured: number[] = []
        for (const index of [...on]) {
          const noise = await noiseOn(session, work, engine, index)
          measured.push(noise)
          if (!goOn(noise, index)) break
        }
        return measured
      } finally {
        await session.close()
      }
    }

    const everywhere = await noises(
      groups,
      Array.from({ length: samples }, (_, index) => index),
    )
    const worst = everywhere
      .map((noise, index) => ({ noise, index }))
      .sort((a, b) => b.noise - a.noise)
      .map(({ index }) => index)
    const rankedOn = worst.slice(0, samplesFor(work, engine))
    const ranked: { readonly group: Group; readonly noise: number; readonly loudness: number }[] = []
    for (const group of groups) {
      const measured = await noises([group], rankedOn)
      const noise = Math.max(...measured)
      ranked.push({ group, noise, loudness: noise / bytesOf(group) })
    }
    ranked.sort((a, b) => b.loudness - a.loudness)

    const allowed = 10 ** (-sqnr / 10)
    const total = bytesOf(weights)
    /** Whether all samples are within the budget; the ones that failed last go first, and one failure is enough. */
    const fits = async (spared: readonly Group[]): Promise<boolean> => {
      const quantized = groups.filter((group) => !spared.includes(group))
      return noises(quantized, worst, (noise, index) => {
        if (noise <= allowed) return true
        worst.unshift(...worst.splice(worst.indexOf(index), 1))
        return false
      }).then((measured) => measured.length === samples && Math.max(...measured) <= allowed)
    }
    const spared: Group[] = []
    let spent = 0
    let tried = 0
    for (const { group } of ranked) {
      spared.push(group)
      spent += bytesOf(group)
      if (spent > maxShare * total) break
      if (spent - tried < stepShare * total) continue
      tried = spent
      if (!(await fits(spared))) continue
      // What was spared first may not be needed any more, now that others are.
      let needed: readonly Group[] = spared
      const large = spared.filter((each) => bytesOf(each) > returnShare * total)
      for (const back of large.sort((a, b) => bytesOf(b) - bytesOf(a)).slice(0, maxReturns)) {
        const fewer = needed.filter((each) => each !== back)
        if (await fits(fewer)) needed = fewer
      }
      const keep = ranked.filter(({ group }) => needed.includes(group))
      return {
        ok: true,
        keep: keep.flatMap(({ group, noise }) =>
          namesOf(group).map((node) => ({ node, reason: reasonOf(group, noise) })),
        ),
      }
    }
    return { ok: false, reason: 'int8 for half of the weights alone is too much noise for the budget' }
  } catch (cause) {
    return { ok: false, reason: `no mix of precisions was found: ${await engineProblem(cause)}` }
  } finally {
    external.close()
  }
}

/** Small inputs run fast, so each weight is measured on more of them: one to eight samples. */
function samplesFor(work: string, engine: EnginePackage): number {
  const { feeds } = loadSample(work, engine.engine, 0)
  const elements = Object.values(feeds).reduce((sum, { data }) => sum + data.length, 0)
  return Math.max(1, Math.min(8, Math.round(rankingElements / elements)))
}

function reasonOf(group: Group, noise: number): string {
  const which = group.length === 1 ? 'it alone' : `it and ${group.length - 1} others alone`
  return `stays in float16: ${which} in int8 would leave ${(-10 * Math.log10(noise)).toFixed(1)} dB at the outputs`
}

const namesOf = (group: Group): string[] => group.map(({ name }) => name)
const bytesOf = (group: Group): number => group.reduce((sum, { bytes }) => sum + bytes, 0)

/** Tiny weights together, all others alone, or with their neighbours where there are too many. */
function groupsOf(weights: readonly Weight[]): Group[] {
  const total = bytesOf(weights)
  const tiny = weights.filter(({ bytes }) => bytes < tinyShare * total)
  const large = weights.filter(({ bytes }) => bytes >= tinyShare * total)
  const each = Math.ceil(large.length / maxGroups)
  const groups = Array.from({ length: Math.ceil(large.length / each) }, (_, index) =>
    large.slice(index * each, (index + 1) * each),
  )
  return [tiny, ...groups].filter((group) => group.length > 0)
}

/** What a recipe has made int8, in the order of the graph. */
function quantizedWeights(model: Model): Weight[] {
  const found: Weight[] = []
  for (const node of model.nodes()) {
    const [weight] = node.inputs
    const tensor = node.opType === 'DequantizeLinear' ? weight?.initializer : undefined
    if (weight !== undefined && tensor !== undefined)
      found.push({ name: weight.name, bytes: tensor.byteLength })
  }
  return found
}

async function noiseOn(
  session: EngineSession,
  work: string,
  engine: EnginePackage,
  index: number,
): Promise<number> {
  const { feeds, outputs } = loadSample(work, engine.engine, index)
  const agreement = new Agreement(new Set())
  const problem = agreement.add(outputs, await session.run(feeds, Object.keys(outputs)))
  return problem === undefined ? 10 ** (-agreement.result().sqnr / 10) : 1e6
}
