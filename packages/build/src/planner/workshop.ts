import type { CutOff, DeviceFeature } from '@unplugin-onnx/runtime'
import type { Budget } from '../budget'
import type { EnginePackage } from '../engine-package'
import { Flights } from '../flights'
import type { Report } from '../logger'
import type { Effort } from '../options'
import type { ReportLayer } from '../report/data'
import type { SessionOptions } from '../session-options'
import { mixes, sourceRecipe } from '../special-recipes'
import { type EngineName, type Target, variantsOf } from '../targets'
import type {
  Attempt,
  Bounced,
  DescribedVariant,
  Inspection,
  Loudness,
  Mixed,
  Scored,
  Sharded,
  Sizes,
  SourceRun,
  TaskEvent,
  TaskRunner,
  Timed,
  Verified,
  VerifiedFile,
  Written,
} from '../tasks/task'
import { type End, WorkerDied } from '../worker-died'
import type { Job } from './job'
import { needsCalibration } from './needs-calibration'

/** A target for one kind of device. */
export type Place = Target & { readonly requires: readonly DeviceFeature[] }

export type WrittenFile = Extract<Written, { ok: true }>

/** What is shipped of a variant, and why it is one file though it should not be. */
export type Shipped = VerifiedFile & { readonly reason?: string }

/** Variants that a search for a mix of precisions may make and run: bounded by count, so that every machine finds the same. */
const searchRuns: Readonly<Record<Effort, number>> = { fast: 0, default: 48, thorough: 300 }
/** Models up to these bytes get all runs; larger ones take longer for each, and get fewer: half as many at four times the bytes. */
const quickBytes = 2e7
/** With fewer runs nothing is found. */
const leastRuns = 8

/** How many variants may be run to find a mix; 0: there is no search. */
export function runsFor(effort: Effort, bytes: number): number {
  const runs = Math.round(searchRuns[effort] * Math.min(1, Math.sqrt(quickBytes / bytes)))
  return runs < leastRuns ? 0 : runs
}

/**
 * What a conversion makes and measures, each thing once however many targets ask for it. Worker processes do the work, and
 * one that dies costs what it was at.
 */
export class Workshop {
  readonly #runs = new Flights<SourceRun>({ keep: true })
  readonly #written = new Flights<Written>({ keep: true })
  readonly #searches = new Flights<Mixed>({ keep: true })
  readonly #verified = new Flights<Verified>({ keep: true })
  readonly #timed = new Flights<Timed>({ keep: true })
  readonly #scored = new Flights<Scored>({ keep: true })
  readonly #sharded = new Flights<Sharded>({ keep: true })
  readonly #compressed = new Flights<Sizes>({ keep: true })
  readonly #loudness = new Map<string, readonly Loudness[]>()
  readonly #ends = new Set<End>()
  readonly #evaluator: EnginePackage
  readonly job: Job
  readonly inspection: Inspection
  /** All targets, each once for every kind of device. */
  readonly places: readonly Place[]
  readonly #pool: TaskRunner
  readonly #report: Report

  constructor(job: Job, inspection: Inspection, pool: TaskRunner, report: Report) {
    this.job = job
    this.inspection = inspection
    this.places = job.targets.flatMap((target) =>
      variantsOf(target).map((variant): Place => ({ ...target, ...variant })),
    )
    this.#pool = pool
    this.#report = report
    // One engine evaluates constants for all targets, so that they share files. WebAssembly's sums are everywhere the same.
    const engines = new Set(job.targets.map(({ engine }) => engine))
    this.#evaluator = this.#installed(engines.has('wasm') ? 'wasm' : 'node')
  }

  /** How loud weights are, by the mix that was searched for. */
  get loudness(): ReadonlyMap<string, readonly Loudness[]> {
    return this.#loudness
  }

  /** What this machine has given up, if anything, that another one may not. */
  get cutOff(): CutOff | undefined {
    const { conversionSeconds, workerMemory } = this.#pool.limits
    const cutOff: CutOff = {
      ...(this.#ends.has('time') && { conversionSeconds }),
      ...(this.#ends.has('memory') && { workerMemory }),
      ...(this.#ends.has('killed') && { killed: true as const }),
    }
    return Object.keys(cutOff).length > 0 ? cutOff : undefined
  }

  /** Runs the source on the samples that candidates are verified on. */
  sourceRun(engine: EngineName): Promise<SourceRun> {
    const { model, calibration, options, work } = this.job
    return this.#runs.join(engine, () => {
      this.#report('run source')
      return this.#attempted(() =>
        this.#pool.exec(
          'runSource',
          [model, this.inspection, this.#installed(engine), calibration, options.inputs, work],
          this.#steps('run source'),
        ),
      )
    })
  }

  /** The variant that a recipe makes, or the source as one file. */
  write(recipe: string): Promise<Written> {
    const { model, work } = this.job
    return this.#written.join(recipe, async () => {
      const calibrated = needsCalibration(recipe)
      const run = calibrated ? await this.sourceRun(this.#evaluator.engine) : undefined
      if (run?.ok === false) return run
      const samples = run && { of: `observed.${this.#evaluator.engine}` as const, count: run.observed }
      this.#report('convert', recipe)
      const request = { recipe, file: fileOf(recipe), places: this.places, ...(samples && { samples }) }
      const writing = () => this.#pool.exec('write', [model, request, work, this.#evaluator])
      // Where the source can't be passed on there is nothing to ship.
      return recipe === sourceRecipe ? writing() : this.#attempted(writing)
    })
  }

  /** A mix of precisions within the budget, which is searched for. */
  mix(
    name: string,
    engine: EngineName,
    session: SessionOptions | undefined,
    budget: Partial<Budget>,
  ): Promise<Written> {
    const { model, options, totalBytes, work } = this.job
    const key = `${name} ${engine} ${JSON.stringify(session)} ${JSON.stringify(budget)}`
    return this.#written.join(key, async () => {
      const run = await this.sourceRun(engine)
      if (!run.ok) return run
      const runs = runsFor(options.effort, totalBytes)
      if (runs === 0) return { ok: false, reason: `finding a mix takes long: effort is ${options.effort}` }
      const { classes } = this.inspection
      const found = await this.#searches.join(key, async () => {
        this.#report('search', name)
        const request = { mix: name, budget, runs }
        const searched = await this.#attempted(() =>
          this.#pool.exec(
            'search',
            [model, request, this.#installed(engine), session, classes, run.samples, work],
            this.#steps('search', name),
          ),
        )
        return 'loudness' in searched ? searched : { ...searched, loudness: [] }
      })
      this.#loudness.set(name, found.loudness)
      if (!found.ok) return found
      const keep = found.keep.map(({ node }) => node)
      const request = { recipe: name, file: fileOf(name, engine), keep, places: this.places }
      const file = await this.#attempted(() =>
        this.#pool.exec('write', [model, request, work, this.#evaluator]),
      )
      if (!file.ok) return file
      // What was measured says more than that a name was on a list.
      return { ...file, skipped: [...found.keep, ...file.skipped.filter(({ node }) => !keep.includes(node))] }
    })
  }

  /** Runs a variant, as its target opens it, on what the source was run on. Recipes that came to the same bytes share it. */
  async verify(recipe: string, file: WrittenFile, target: Target): Promise<Verified> {
    const run = await this.sourceRun(target.engine)
    if (!run.ok) return run
    const session = sessionOf(file, target)
    return this.#verified.join(keyOf(file, target), () => {
      this.#report('verify', recipe, { done: 0, total: run.samples })
      const engine = this.#installed(target.engine)
      const { classes } = this.inspection
      return this.#attempted(() =>
        this.#pool.exec(
          'verify',
          [this.job.model, file, engine, session, classes, run, this.job.work],
          this.#steps('verify', recipe),
        ),
      )
    })
  }

  /**
   * The files that a variant is shipped as: itself, or where it is larger than a file may be, a graph and shards, which then
   * were opened and run as users do. A reason where the engine refuses them; then the one file has to do.
   */
  async ship(recipe: string, file: WrittenFile, target: Target): Promise<Shipped> {
    const { work } = this.job
    const { shards } = this.job.options
    if (!shards || file.bytes <= shards.maxBytes) return file
    const { maxBytes } = shards
    const sharded = await this.#sharded.join(file.sha256, () => {
      this.#report('shard', recipe)
      return this.#attempted(() => this.#pool.exec('shard', [file, maxBytes, work]))
    })
    if (!sharded.ok) return { ...file, reason: sharded.reason }
    const verified = await this.verify(recipe, { ...file, ...sharded }, target)
    return verified.ok ? sharded : { ...file, reason: verified.reason }
  }

  time(recipe: string, file: WrittenFile, target: Target): Promise<Timed> {
    return this.#timed.join(keyOf(file, target), () => {
      this.#report('time', recipe)
      const { model, work } = this.job
      const engine = this.#installed(target.engine)
      return this.#attempted(() =>
        this.#pool.exec('time', [model, file, engine, sessionOf(file, target), work]),
      )
    })
  }

  /** Score of a variant, or of the source, by the user's module. */
  score(recipe: string, file: WrittenFile | null, target: Target): Promise<Scored> {
    const { model, evaluation, work } = this.job
    if (evaluation === null) throw new Error('there is no evaluation')
    return this.#scored.join(file === null ? target.engine : keyOf(file, target), () => {
      this.#report('evaluate', recipe)
      const engine = this.#installed(target.engine)
      const session = file === null ? undefined : sessionOf(file, target)
      const args = [model, this.inspection, file, evaluation, engine, session, work] as const
      return this.#attempted(() => this.#pool.exec('evaluate', [...args]))
    })
  }

  /** What a place's provider does not run as it should in a variant. */
  bounced(file: WrittenFile, place: Place): Bounced {
    return file.bounced[this.places.indexOf(place)] ?? { added: [], inherited: [] }
  }

  /** Sizes of the source's files together. */
  sourceSizes(): Promise<Sizes> {
    const { model, external } = this.job
    return this.#sizes([model.path, ...external.map(({ path }) => path)])
  }

  /** Sizes of a variant's files together. */
  sizesOf({ file, shards = [] }: VerifiedFile): Promise<Sizes> {
    return this.#sizes([file, ...shards.map((shard) => shard.file)])
  }

  #sizes(files: readonly string[]): Promise<Sizes> {
    return this.#compressed.join(files.join('\0'), () => {
      this.#report('compress')
      return this.#pool.exec('compress', [files, this.job.work])
    })
  }

  /** What became of each weight. A report without it is better than no build. */
  async describe(
    variants: readonly DescribedVariant[],
    engine: EngineName | undefined,
  ): Promise<readonly ReportLayer[]> {
    const { model, work } = this.job
    const run = engine === undefined ? undefined : await this.sourceRun(engine)
    const observer = engine !== undefined && run?.ok ? this.#installed(engine) : null
    this.#report('describe')
    const samples = run?.ok ? run.samples : 0
    try {
      return await this.#pool.exec('describe', [model, variants, observer, samples, work])
    } catch (cause) {
      if (cause instanceof WorkerDied) this.#ends.add(cause.end)
      return []
    }
  }

  #installed(engine: EngineName): EnginePackage {
    const found = this.job.engines.get(engine)
    if (found === undefined) throw new Error(`engine ${engine} was not looked up`)
    return found
  }

  /** A process that dies costs its candidate; whatever else goes wrong is the conversion's. */
  async #attempted<T extends Attempt<unknown>>(
    action: () => Promise<T>,
  ): Promise<T | { ok: false; reason: string }> {
    try {
      return await action()
    } catch (cause) {
      if (!(cause instanceof WorkerDied)) throw cause
      this.#ends.add(cause.end)
      return { ok: false, reason: cause.message }
    }
  }

  #steps(stage: Parameters<Report>[0], recipe?: string) {
    return (event: TaskEvent) => {
      if (event.kind === 'step') this.#report(stage, recipe, { done: event.done, total: event.total })
    }
  }
}

/**
 * Names say the recipe alone: an entry serves every path that holds this model. Not `.onnx`, or a bundler plugin would take
 * a variant for a source. A mix is of the engine that it was measured in.
 */
const fileOf = (recipe: string, engine: EngineName = 'wasm'): string =>
  mixes.has(recipe) && engine !== 'wasm' ? `${recipe}.${engine}.onnxv` : `${recipe}.onnxv`

/** Session options that a variant is opened with, by the build as by its users. */
export const sessionOf = (file: WrittenFile, target: Target): SessionOptions | undefined =>
  target.standalone ? undefined : file.session

const keyOf = (file: WrittenFile, target: Target): string =>
  `${target.engine} ${file.sha256} ${JSON.stringify(sessionOf(file, target))}`
