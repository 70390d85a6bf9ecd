import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { encodeModel, readModel } from '@unplugin-onnx/core'
import type { Accuracy, Latency, TaskScore } from '@unplugin-onnx/runtime'
import type { OutputAccuracy } from './accuracy'
import { type CalibrationData, hashCalibration, type Overrides } from './calibration'
import { type EnginePackage, findEngine } from './engine-package'
import { errors } from './errors'
import type { EvaluationModule } from './evaluation'
import { sha256 } from './hash'
import { leftoversIn, ownPrefix, removeAll } from './leftovers'
import { type InputLimits, inputLimits } from './limits'
import { type ProgressEvent, progress } from './logger'
import { openModelFile } from './open-model'
import { type ModelOptions, type NormalizedTask, normalizeOptions } from './options'
import { reaches, type Verdict } from './planner/score'
import { WorkerPool } from './pool'
import { printable } from './printable'
import { hashEvaluation } from './request'
import { checkSignatures } from './same-signature'
import type { SessionOptions } from './session-options'
import { absolute, hashExternal, hashModel } from './source'
import type { EngineName } from './targets'
import type { Inspection, ModelFile, Sizes, TaskEvent, VerifiedFile } from './tasks/task'
import { WorkerDied } from './worker-died'

/** How a variant is opened, and in what. */
export interface ComparedIn {
  readonly engine: EngineName
  /** onnxruntime session options of the variant. */
  readonly session?: SessionOptions
}

export interface CompareOptions {
  /** Where onnxruntime is looked for, and what relative paths start from. Default: the working directory. */
  readonly root?: string
  /** Ways to open the variant in. */
  readonly runs: readonly ComparedIn[]
  /** All samples of this data. */
  readonly inputs?: ModelOptions['calibration']
  /**
   * The samples that a conversion with this calibration verifies on: those that passes don't get to see. Without it, and
   * without `inputs`, samples are made up as a conversion does.
   */
  readonly calibration?: ModelOptions['calibration']
  /** Shapes and ranges of inputs that are made up. */
  readonly overrides?: ModelOptions['inputs']
  /** A task that both are scored at. */
  readonly task?: Extract<ModelOptions['accuracy'], object>
  /** Whether both are timed, by turns. */
  readonly time?: boolean
  /** What models and calibration data may ask for. */
  readonly limits?: Partial<InputLimits>
  onProgress?(event: ProgressEvent): void
}

export interface Comparison {
  /** Name and version of the engine. */
  readonly engine: string
  readonly samples: number
  /** What the samples are: all of the inputs that were named, those that a conversion verifies on, or made up. */
  readonly from: 'inputs' | 'calibration' | 'synthesized'
  /** The worst of all samples and outputs. */
  readonly accuracy: Accuracy
  /** The worst of all samples for each output. */
  readonly outputs: readonly OutputAccuracy[]
  readonly latency?: Latency
  readonly task?: TaskScore
  /** Whether the score is within what the task allows. */
  readonly taskVerdict?: Verdict
}

export interface Compared {
  readonly source: Sizes
  readonly variant: Sizes
  /** For each way to open the variant, in their order. */
  readonly runs: readonly Comparison[]
}

/** Of folders that comparisons work in. */
const folderStart = 'unplugin-onnx-compare-'

type Task = NormalizedTask & { readonly module: EvaluationModule }

/** What is compared, on what. Worker processes run it, as they do in conversions: a crash costs none but them. */
interface Work {
  readonly pool: WorkerPool
  readonly folder: string
  readonly model: ModelFile
  readonly inspection: Inspection
  readonly variant: VerifiedFile & { readonly name: string }
  readonly data: CalibrationData | null
  readonly overrides: Overrides
  readonly task: Task | undefined
  readonly options: CompareOptions
}

/**
 * Runs a model and a variant of it on the same samples, as a conversion does, and measures how well they agree: with the
 * variant of a conversion and its calibration, the numbers are those of its report.
 * @param source path of the file that is right
 * @param variant path of the file that is measured
 * @throws OnnxError ONNX_SIGNATURES_DIFFER; ONNX_ENGINE_MISSING; ONNX_ENGINE_FAILED where one doesn't run; ONNX_OUTPUTS_DIFFER where names, types
 * or shapes of outputs differ, or numbers are lost; those of calibration, evaluation and options
 */
export async function compareModels(
  source: string,
  variant: string,
  options: CompareOptions,
): Promise<Compared> {
  const { root = process.cwd() } = options
  const names = { source: basename(source), variant: basename(variant) }
  const normalized = normalizeOptions(
    {
      ...(options.calibration !== undefined && { calibration: options.calibration }),
      ...(options.inputs !== undefined && { calibration: options.inputs }),
      ...(options.overrides && { inputs: options.overrides }),
      ...(options.task && { accuracy: options.task }),
    },
    names.source,
  )
  const data = await hashCalibration(root, normalized.calibration, names.source)
  const module = await hashEvaluation(root, normalized.task?.evaluate, names.source)
  const folder = await mkdtemp(join(tmpdir(), `${folderStart}${ownPrefix}`))
  await removeAll(await leftoversIn(tmpdir(), false, folderStart))
  const pool = new WorkerPool({ size: 1 })
  try {
    const limits = inputLimits(options.limits)
    const opened = await open(absolute(root, source), names.source, limits, pool)
    const other = await open(absolute(root, variant), names.variant, limits, pool)
    checkSignatures(
      { ...opened.inspection, name: names.source },
      { ...other.inspection, name: names.variant },
    )
    const file = await asOneFile(other.model, folder)
    const task = normalized.task && module ? { ...normalized.task, module } : undefined
    const { inputs: overrides } = normalized
    const work: Work = {
      pool,
      folder,
      ...opened,
      variant: { ...file, name: names.variant },
      data,
      overrides,
      task,
      options,
    }
    const runs: Comparison[] = []
    for (const each of options.runs) runs.push(await compareIn(each, work, root))
    return { source: await sizesOf(opened, pool), variant: await sizesOf(other, pool), runs }
  } catch (cause) {
    throw cause instanceof WorkerDied ? errors.workerFailed(names.variant, cause.message, cause.end) : cause
  } finally {
    await pool.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function open(path: string, name: string, limits: InputLimits, pool: WorkerPool) {
  const hashed = await hashModel(path, name, limits)
  const inspection = await pool.exec('inspect', [{ path, name, sha256: hashed.sha256, limits }])
  const model: ModelFile = { ...hashed, name, external: inspection.external, limits }
  return { model, inspection }
}

type Opened = Awaited<ReturnType<typeof open>>

/** The variant as one file, as conversions have it. */
async function asOneFile(
  { path, name, sha256: hash, external, limits = {} }: ModelFile,
  folder: string,
): Promise<VerifiedFile> {
  if (external.length === 0) return { file: relative(folder, path), sha256: hash }
  const opened = openModelFile(path, name, Number.POSITIVE_INFINITY, limits)
  try {
    const model = readModel(opened.bytes, { external: opened.external, name: printable(name), limits })
    const bytes = encodeModel(model)
    await writeFile(join(folder, 'variant'), bytes)
    return { file: 'variant', sha256: sha256(bytes) }
  } finally {
    opened.close()
  }
}

async function sizesOf({ model: { path, name, external } }: Opened, pool: WorkerPool): Promise<Sizes> {
  const files = await hashExternal(path, name, external)
  return pool.exec('compress', [[path, ...files.map((file) => file.path)]])
}

async function compareIn({ engine, session }: ComparedIn, work: Work, root: string): Promise<Comparison> {
  const { pool, folder, model, inspection, variant, data, overrides, task, options } = work
  const found = await findEngine(engine, root, model.name)
  const failed = (name: string, reason: string) => errors.engineFailed(name, found.name, new Error(reason))
  const steps = (stage: ProgressEvent['stage']) => (event: TaskEvent) => {
    if (event.kind === 'step')
      options.onProgress?.(progress(printable(variant.name), stage, undefined, event))
  }
  const run =
    data !== null && options.inputs !== undefined
      ? await pool.exec(
          'runSamples',
          [model, inspection, found, data, overrides, folder],
          steps('run source'),
        )
      : await pool.exec('runSource', [model, inspection, found, data, overrides, folder], steps('run source'))
  if (!run.ok) throw failed(model.name, run.reason)
  const { classes } = inspection
  const verified = await pool.exec(
    'verify',
    [model, variant, found, session, classes, run, folder],
    steps('verify'),
  )
  if (!verified.ok) {
    const [, said] = /^it (?:is not loaded by|fails in) \S+: (.*)/s.exec(verified.reason) ?? []
    throw said === undefined
      ? errors.outputsDiffer(variant.name, verified.reason)
      : failed(variant.name, said)
  }
  const timed = options.time ? await pool.exec('time', [model, variant, found, session, folder]) : undefined
  if (timed?.ok === false) throw failed(variant.name, timed.reason)
  return {
    engine: `${found.name} ${found.version}`,
    samples: run.samples,
    from: options.inputs === undefined ? run.source : 'inputs',
    accuracy: verified.accuracy,
    outputs: verified.outputs,
    ...(timed && { latency: timed.latency }),
    ...(task && (await scores(work, found, session, task))),
  }
}

async function scores(
  { pool, model, inspection, variant, folder }: Work,
  engine: EnginePackage,
  session: SessionOptions | undefined,
  task: Task,
): Promise<Pick<Comparison, 'task' | 'taskVerdict'>> {
  const score = async (file: VerifiedFile | null, name: string) => {
    const options = file === null ? undefined : session
    const scored = await pool.exec('evaluate', [
      model,
      inspection,
      file,
      task.module,
      engine,
      options,
      folder,
    ])
    if (!scored.ok) throw errors.engineFailed(name, engine.name, new Error(scored.reason))
    return scored
  }
  const source = await score(null, model.name)
  const { score: found } = await score(variant, variant.name)
  const result = { source: source.score, variant: found }
  return { task: result, taskVerdict: reaches(result, task, source.lowerIsBetter) }
}
