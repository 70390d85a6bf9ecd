import type { Candidate, Manifest, Variant } from '@unplugin-onnx/runtime'
import type { NormalizedOptions } from '../options'
import { printable } from '../printable'
import { isLossless, sourceRecipe } from '../special-recipes'
import { variantFiles } from '../variant-files'
import { type Choice, sentence, type Tried } from './choose'
import { type Place, sessionOf, type Workshop } from './workshop'

/** What a conversion made of a model. Times are not in it: it is the same on every machine. */
export async function manifestOf(
  workshop: Workshop,
  choices: readonly Choice[],
  all: readonly Choice[],
): Promise<Manifest> {
  const { job, inspection } = workshop
  const { model, external, engines } = job
  const shipped = await Promise.all(
    choices.map(({ recipe, winner, target }) => workshop.ship(recipe, winner, target)),
  )
  const [sourceSizes, ...variants] = await Promise.all([
    workshop.sourceSizes(),
    ...choices.map(async (choice, index): Promise<Variant> => {
      const { target, winner, recipe, accuracy, task } = choice
      const files = shipped[index] ?? winner
      const session = recipe === sourceRecipe ? undefined : sessionOf(winner, target)
      return {
        target: target.name,
        provider: target.provider,
        ...(target.requires.length > 0 && { requires: target.requires }),
        file: files.file,
        ...(await workshop.sizesOf(files)),
        sha256: files.sha256,
        ...(files.shards && { shards: files.shards }),
        recipe,
        accuracy,
        ...(task && { task }),
        ...(session && { session }),
      }
    }),
  ])
  const runs = await Promise.all(
    [...new Set(choices.map(({ target }) => target.engine))].map((engine) => workshop.sourceRun(engine)),
  )
  const done = runs.filter((run) => run.ok)
  const warnings = [
    ...inspection.warnings,
    ...runs.flatMap((run) => (run.ok ? [] : [sentence(run.reason)])),
    ...warningsOf(choices),
    ...shipped.flatMap(({ reason }) =>
      reason === undefined ? [] : [`It is one file and not cut into shards: ${printable(reason)}.`],
    ),
    ...tooLarge(variants, job.options.shards),
    ...choices.flatMap((choice) => wrongIn(choice, 'there is no other target')),
    ...all
      .filter((choice) => !choices.includes(choice) && choice.target.requires.length === 0)
      .flatMap((choice) => wrongIn(choice, 'no variant is made for it')),
  ]
  return {
    version: 1,
    source: {
      file: '',
      bytes: job.totalBytes,
      brotliBytes: sourceSizes.brotliBytes,
      sha256: model.sha256,
      external: external.map(({ location, bytes, sha256 }) => ({ location, bytes, sha256 })),
    },
    inputs: inspection.inputs,
    outputs: inspection.outputs,
    variants,
    candidates: all.flatMap((choice) => candidatesOf(choice, choices.includes(choice))),
    verifiedOn: {
      source: job.calibration === null ? 'synthesized' : 'calibration',
      samples: done.length === 0 ? 0 : Math.min(...done.map((run) => run.samples)),
      ...notesOf(done),
    },
    engines: Object.fromEntries([...engines.values()].map(({ name, version }) => [name, version])),
    warnings: [...new Set(warnings)],
    ...missedIn(choices),
  }
}

/** One tensor can't lie in several files. */
function tooLarge(variants: readonly Variant[], shards: NormalizedOptions['shards']): string[] {
  if (!shards) return []
  const files = variants.flatMap((variant) => (variant.shards ? variantFiles(variant) : []))
  return files
    .filter(({ bytes }) => bytes > shards.maxBytes)
    .map(({ bytes }) => `A file has ${bytes} bytes, over shards.maxBytes: a tensor alone is larger.`)
}

/** @param shipped whether the choice is a variant of the build */
const candidatesOf = ({ target, tried }: Choice, shipped: boolean): Candidate[] =>
  tried
    .filter(({ recipe }) => shipped || recipe !== sourceRecipe)
    .map((each) => candidateOf(target, shipped ? each : withoutChoice(each)))

function withoutChoice(each: Tried): Tried {
  if (!each.chosen) return each
  const reason = 'It is no better than the variant that all devices run, so there is no file of its own.'
  return { ...each, chosen: false, reason }
}

export function candidateOf(
  { name, requires }: Place,
  { recipe, bytes, chosen, reason, accuracy, task, skipped }: Tried,
): Candidate {
  return {
    target: name,
    ...(requires.length > 0 && { requires }),
    recipe,
    bytes,
    ...(skipped && { skipped }),
    chosen,
    ...(accuracy && { accuracy }),
    ...(task && { task }),
    reason,
  }
}

function notesOf(runs: readonly { readonly notes: readonly string[] }[]): { notes?: readonly string[] } {
  const notes = [...new Set(runs.flatMap((run) => run.notes))]
  return notes.length > 0 ? { notes } : {}
}

function missedIn(choices: readonly Choice[]): Pick<Manifest, 'missed'> {
  const missed = choices.flatMap(({ target, missed: tried }) =>
    tried === undefined ? [] : [{ target: target.name, tried }],
  )
  return missed.length > 0 ? { missed } : {}
}

function wrongIn({ target, wrong }: Choice, what: string): string[] {
  const [first] = wrong ?? []
  if (first === undefined || wrong === undefined) return []
  const others = wrong.length > 1 ? ` and ${wrong.length - 1} more nodes` : ''
  return [
    `${printable(target.name)} computes '${printable(first.node)}' (${printable(first.opType)})${others} wrongly, ${what}: ${first.reason}.`,
  ]
}

/** Where the budget left nothing to ship but the source, what was tried; targets that share it share a line. */
function warningsOf(choices: readonly Choice[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { target, recipe, missed } of choices) {
    if (missed === undefined) continue
    const what = `nothing smaller is within the accuracy budget, so the source is shipped${isLossless(recipe) && recipe !== sourceRecipe ? ', cleaned' : ' as it is'}. ${missed}`
    targets.set(what, [...(targets.get(what) ?? []), printable(target.name)])
  }
  return [...targets].map(([what, names]) => `For ${[...new Set(names)].join(', ')} ${what}`)
}
