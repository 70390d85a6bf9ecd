import { applyPasses, type Model, type Step, type StepResult } from '@unplugin-onnx/core'
import type { Feeds } from './arrays'
import { hashCalibration, openCalibration, type SampleSource } from './calibration'
import { type CalibrationOptions, normalizeCalibration } from './calibration/options'
import type { EngineSession } from './engine'
import { engineFinder } from './engine-package'
import type { InputLimits } from './limits'
import type { EngineFinder } from './observe'
import { passContext } from './pass-context'
import { openTapped } from './tapped-session'
import type { EngineName } from './targets'
import { inspectModel } from './tasks/inspect-model'
import { transformLimits } from './transform-limits'

export interface TransformOptions {
  /** Name of the model, for messages. */
  readonly name: string
  /** Where onnxruntime is looked for, and what relative paths start from. Default: the working directory. */
  readonly root?: string
  /** Sample inputs for passes that look at activations. */
  readonly calibration?: CalibrationOptions
  /** Engine that evaluates constants and observes activations. Default 'wasm'. */
  readonly engine?: EngineName
  /** The model once more, as it is before the passes, for those that correct the errors of others. */
  readonly reference?: Model
  /** What calibration data may ask for. */
  readonly limits?: Partial<InputLimits>
  /** As PassContext says it: weights are read once, and one that isn't finite throws when it is written. */
  readonly weightsAreFinite?: boolean
}

/** State is fed back over more steps than it takes to pack weights for the processor. */
const manyRuns = 100

/**
 * Applies passes to a model with an engine at hand: constant subgraphs are folded, and with calibration inputs activations
 * are observed. The engine is started only where a pass asks for it.
 * @throws OnnxError as applyPasses does, ONNX_CALIBRATION_NOT_FOUND and its neighbours, ONNX_ENGINE_MISSING, ONNX_ENGINE_FAILED
 */
export async function transform(
  model: Model,
  steps: readonly Step[],
  {
    name,
    root = process.cwd(),
    calibration,
    engine = 'wasm',
    reference,
    limits: bounds = {},
    weightsAreFinite = false,
  }: TransformOptions,
): Promise<StepResult[]> {
  const finder = engineFinder(engine, root, name)
  const source = await openSamples(model, calibration, root, name, finder, bounds)
  try {
    const samples = await source?.samples(transformLimits)
    const context = passContext(finder, name, samples, reference)
    return await applyPasses(model, steps, { ...context, weightsAreFinite })
  } finally {
    await source?.close()
  }
}

/** Sample inputs from calibration data, all in memory; what it leaves open is synthesized. */
export async function calibrationFeeds(
  model: Model,
  calibration: CalibrationOptions | undefined,
  root: string,
  name: string,
  engine: EngineName = 'wasm',
): Promise<Feeds[]> {
  const source = await openSamples(model, calibration, root, name, engineFinder(engine, root, name))
  try {
    const feeds: Feeds[] = []
    for await (const feed of (await source?.samples(transformLimits)) ?? []) feeds.push(feed)
    return feeds
  } finally {
    await source?.close()
  }
}

/** The model runs here only where state is fed back. */
async function openSamples(
  model: Model,
  calibration: CalibrationOptions | undefined,
  root: string,
  name: string,
  engine: EngineFinder,
  bounds: Partial<InputLimits> = {},
): Promise<SampleSource | undefined> {
  if (calibration === undefined) return undefined
  const data = await hashCalibration(root, normalizeCalibration(calibration, name), name)
  if (data === null) return undefined
  let session: EngineSession | undefined
  const run = async (feeds: Feeds, outputs: readonly string[]) => {
    session ??= (await openTapped(await engine(), model, [], manyRuns)).session
    return session.run(feeds, outputs)
  }
  try {
    return await openCalibration(data, { name, inspection: inspectModel(model), run, limits: bounds })
  } finally {
    await session?.close()
  }
}
