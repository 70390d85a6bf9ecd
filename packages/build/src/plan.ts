import { join } from 'node:path'
import type { Accuracy, Candidate, Manifest, Variant } from '@unplugin-onnx/runtime'
import { identical } from './accuracy'
import { type Budget, budgets, judge } from './budget'
import type { CalibrationFile } from './calibration'
import type { EnginePackage } from './engine-package'
import { Flights } from './flights'
import type { Report } from './logger'
import type { NormalizedOptions } from './options'
import { WorkerDied, type WorkerPool } from './pool'
import { mixedRecipe, sourceRecipe } from './special-recipes'
import type { EngineName, Target } from './targets'
import type { Attempt, Inspection, ModelFile, SourceRun, TaskEvent, Verified, Written } from './tasks/task'

/** Everything that one conversion depends on. */
export interface Job {
  readonly model: ModelFile
  /** Model and external data together. */
  readonly totalBytes: number
  readonly external: readonly {
    readonly location: string
    readonly path: string
    readonly bytes: number
    readonly sha256: string
  }[]
  readonly options: NormalizedOptions
  readonly targets: readonly Target[]
  readonly engines: ReadonlyMap<EngineName, EnginePackage>
  readonly calibration: CalibrationFile | null
  /** Where files are written. */
  readonly work: string
}

interface Choice {
  readonly target: Target
  readonly winner: Extract<Written, { ok: true }>
  readonly recipe: string
  readonly accuracy: Accuracy
  readonly candidates: readonly Candidate[]
}

/**
 * Folds DequantizeLinear of constant weights when the session is created: else onnxruntime does it again in every run, or,
 * in Node, computes in int8 what was only stored so. Same results on the web, more exact ones in Node, float32's speed.
 */
const foldedAtLoad = { extra: { session: { disable_quant_qdq: '1' } } } as const

/** What a target's choice may ask for; targets share the results. */
interface Makers {
  verify(recipe: string, file: Extract<Written, { ok: true }>, engine: EngineName): Promise<Verified>
  mixed(engine: EngineName): Promise<Written>
  passOn(): Promise<Written>
}

/**
 * Makes all candidates, runs source and candidates in the engines of the targets, and takes for each target the smallest
 * one within the budget; where none is, the source itself. Worker processes do the work.
 */
export async function plan(
  job: Job,
  inspection: Inspection,
  pool: WorkerPool,
  report: Report,
): Promise<Manifest> {
  const { model, work, targets, options, engines } = job
  const verifications = new Flights<Verified>({ keep: true })
  const passings = new Flights<Written>({ keep: true })
  const mixes = new Flights<Written>({ keep: true })
  const recipes = [...new Set(targets.flatMap((target) => target.recipes))].filter((recipe) =>
    allowed(recipe, options),
  )
  // A mix is made later, from what it is a mix of, whether that may be taken itself or not.
  const plain = [...new Set(recipes.map((recipe) => (recipe === mixedRecipe.name ? mixedRecipe.of : recipe)))]
  const verifiedBy = [...new Set(targets.map((target) => target.engine))]
  // One engine evaluates constants for all targets, so that they share the files. WebAssembly's sums are everywhere the same.
  const evaluator = installed(engines, verifiedBy.includes('wasm') ? 'wasm' : 'node')

  const sourceRuns = new Map<EngineName, SourceRun>()
  const written = new Map<string, Written>()
  await Promise.all([
    ...verifiedBy.map(async (engine) => {
      report('run source')
      const run = await attempted(() =>
        pool.exec(
          'runSource',
          [model, inspection, installed(engines, engine), job.calibration, options.inputs, work],
          (event) => onStep(event, (step) => report('run source', undefined, step)),
        ),
      )
      sourceRuns.set(engine, run)
    }),
    ...plain.map(async (recipe) => {
      report('convert', recipe)
      written.set(recipe, await attempted(() => pool.exec('write', [model, recipe, work, evaluator])))
    }),
  ])

  const verify = async (
    recipe: string,
    file: Extract<Written, { ok: true }>,
    engine: EngineName,
  ): Promise<Verified> => {
    const run = sourceRuns.get(engine)
    if (run === undefined || !run.ok) return { ok: false, reason: run?.reason ?? 'the source was not run' }
    // Targets with one engine share the verification, and so do recipes that came to the same bytes.
    return verifications.join(`${engine} ${file.sha256}`, () => {
      report('verify', recipe, { done: 0, total: run.samples })
      return attempted(() =>
        pool.exec(
          'verify',
          [file.file, installed(engines, engine), inspection.classes, run.samples, work],
          (event) => onStep(event, (step) => report('verify', recipe, step)),
        ),
      )
    })
  }
  /** Made only where what it is a mix of misses the budget; targets share it. */
  const mixed = async (engine: EngineName): Promise<Written> => {
    const run = sourceRuns.get(engine)
    if (run?.ok !== true) return { ok: false, reason: run?.reason ?? 'the source was not run' }
    return mixes.join('', async () => {
      const { name, of } = mixedRecipe
      const sqnr = options.budget.sqnr ?? budgets.balanced.sqnr
      report('search', name)
      const found = await attempted(() =>
        pool.exec('mix', [model, of, sqnr, installed(engines, engine), run.samples, work], (event) =>
          onStep(event, (step) => report('search', name, step)),
        ),
      )
      if (!found.ok) return found
      const keep = found.keep.map(({ node }) => node)
      const file = await attempted(() => pool.exec('write', [model, name, work, evaluator, keep]))
      if (!file.ok) return file
      // What was measured says more than that a name was on a list.
      return { ...file, skipped: [...found.keep, ...file.skipped.filter(({ node }) => !keep.includes(node))] }
    })
  }
  const passOn = () => passings.join('', () => pool.exec('write', [model, sourceRecipe, work, evaluator]))

  const choices = await Promise.all(
    targets.map((target) =>
      choose(target, job, sourceRuns.get(target.engine), written, { verify, mixed, passOn }),
    ),
  )
  return manifestOf(job, inspection, choices, sourceRuns, pool, report)
}

async function choose(
  target: Target,
  job: Job,
  sourceRun: SourceRun | undefined,
  written: ReadonlyMap<string, Written>,
  { verify, mixed, passOn }: Makers,
): Promise<Choice> {
  const candidates: Candidate[] = []
  const tried: [string, Extract<Written, { ok: true }>][] = []
  const budget = budgetFor(job, sourceRun)
  for (const recipe of target.recipes.filter((each) => allowed(each, job.options))) {
    let file = written.get(recipe)
    if (recipe === mixedRecipe.name) {
      const plain = written.get(mixedRecipe.of)
      if (plain?.ok !== true) continue
      const verified = await verify(mixedRecipe.of, plain, target.engine)
      // A search takes its time: it is for where the plain recipe runs, but adds too much noise. Where it does not, a mix
      // spares nothing, and is a candidate of its own only if the plain recipe may not be one.
      if (!verified.ok) continue
      if (!judge(verified.accuracy, budget).within) file = await mixed(target.engine)
      else if (allowed(mixedRecipe.of, job.options)) continue
      else file = plain
    }
    if (file?.ok) tried.push([recipe, file])
    else
      candidates.push({
        target: target.name,
        recipe,
        bytes: 0,
        chosen: false,
        reason: sentence(file?.reason ?? 'it was not made'),
      })
  }
  tried.sort(([, a], [, b]) => a.bytes - b.bytes)

  let choice: Omit<Choice, 'candidates'> | undefined
  for (const [recipe, file] of tried) {
    const base = {
      target: target.name,
      recipe,
      bytes: file.bytes,
      ...(file.skipped.length > 0 ? { skipped: file.skipped } : {}),
    }
    if (choice !== undefined) {
      candidates.push({
        ...base,
        chosen: false,
        reason: `${choice.recipe} is smaller and within the budget.`,
      })
    } else if (file.bytes >= job.totalBytes) {
      candidates.push({ ...base, chosen: false, reason: 'It is not smaller than the source.' })
    } else {
      const verified = await verify(recipe, file, target.engine)
      if (!verified.ok) {
        candidates.push({ ...base, chosen: false, reason: sentence(verified.reason) })
        continue
      }
      const { accuracy } = verified
      const verdict = judge(accuracy, budget)
      if (verdict.within) choice = { target, winner: file, recipe, accuracy }
      const reason = verdict.within
        ? `It is the smallest within the budget: ${decibels(accuracy)}.`
        : sentence(verdict.reason)
      candidates.push({ ...base, chosen: verdict.within, accuracy, reason })
    }
  }
  if (choice !== undefined) return { ...choice, candidates }

  const winner = await passOn()
  if (!winner.ok) throw new Error(winner.reason)
  const reason =
    sourceRun?.ok === true
      ? 'No recipe makes it smaller within the budget: the source is passed on as it is.'
      : `Nothing could be verified, so the source is passed on as it is: ${sourceRun?.reason ?? 'it was not run'}.`
  candidates.push({
    target: target.name,
    recipe: sourceRecipe,
    bytes: winner.bytes,
    chosen: true,
    reason,
    accuracy: identical,
  })
  return { target, winner, recipe: sourceRecipe, accuracy: identical, candidates }
}

/** On made-up inputs the best class is arbitrary, and near ties flip: top1 then only counts if the user asks for it. */
function budgetFor({ options }: Job, sourceRun: SourceRun | undefined): Partial<Budget> {
  const { budget } = options
  if (sourceRun?.ok !== true || sourceRun.source === 'calibration' || !options.preset) return budget
  const { top1: _, ...rest } = budget
  return rest
}

async function manifestOf(
  job: Job,
  inspection: Inspection,
  choices: readonly Choice[],
  sourceRuns: ReadonlyMap<EngineName, SourceRun>,
  pool: WorkerPool,
  report: Report,
): Promise<Manifest> {
  const { model, external, work, engines } = job
  report('compress')
  const compressions = new Flights<number>({ keep: true })
  const brotliOf = (paths: readonly string[]) =>
    compressions.join(paths.join('\0'), () => pool.exec('compress', [paths]))
  const sourceBrotli = brotliOf([model.path, ...external.map((file) => file.path)])
  const variants = await Promise.all(
    choices.map(
      async ({ target, winner: { file, bytes, sha256 }, recipe, accuracy }): Promise<Variant> => ({
        target: target.name,
        provider: target.provider,
        file,
        bytes,
        brotliBytes: await brotliOf([join(work, file)]),
        sha256,
        recipe,
        accuracy,
        ...(recipe.startsWith('int8') && { session: foldedAtLoad }),
      }),
    ),
  )
  const runs = [...sourceRuns.values()]
  const done = runs.filter((run) => run.ok)
  const warnings = [...inspection.warnings, ...runs.flatMap((run) => (run.ok ? [] : [sentence(run.reason)]))]
  return {
    version: 1,
    source: {
      file: '',
      bytes: job.totalBytes,
      brotliBytes: await sourceBrotli,
      sha256: model.sha256,
      external: external.map(({ location, bytes, sha256 }) => ({ location, bytes, sha256 })),
    },
    inputs: inspection.inputs,
    outputs: inspection.outputs,
    variants,
    candidates: choices.flatMap((choice) => choice.candidates),
    verifiedOn: {
      source: job.calibration === null ? 'synthesized' : 'calibration',
      samples: done.length === 0 ? 0 : Math.min(...done.map((run) => run.samples)),
    },
    engines: Object.fromEntries([...engines.values()].map(({ name, version }) => [name, version])),
    warnings: [...new Set(warnings)],
  }
}

const allowed = (recipe: string, { recipes }: NormalizedOptions): boolean =>
  recipes === undefined || recipes.includes(recipe)

function installed(engines: ReadonlyMap<EngineName, EnginePackage>, engine: EngineName): EnginePackage {
  const found = engines.get(engine)
  if (found === undefined) throw new Error(`engine ${engine} was not looked up`)
  return found
}

/** A process that dies costs its candidate; whatever else goes wrong is the conversion's. */
async function attempted<T>(action: () => Promise<Attempt<T>>): Promise<Attempt<T>> {
  try {
    return await action()
  } catch (cause) {
    if (cause instanceof WorkerDied) return { ok: false, reason: cause.message }
    throw cause
  }
}

function onStep(event: TaskEvent, report: (step: { done: number; total: number }) => void): void {
  if (event.kind === 'step') report({ done: event.done, total: event.total })
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`

const decibels = ({ sqnr, top1 }: Accuracy): string =>
  `${sqnr >= 200 ? 'no difference' : `${sqnr.toFixed(1)} dB`}${top1 === undefined ? '' : `, same best class in ${(top1 * 100).toFixed(1)} %`}`
