import { applyPasses, type Model, type Step, type StepResult } from '@unplugin-onnx/core'
import type { Feeds } from './arrays'
import { type CalibrationLimits, readCalibration } from './calibration'
import { engineFinder, passContext } from './pass-context'
import { hashCalibration } from './request'
import type { EngineName } from './targets'
import { inspectModel } from './tasks/inspect'
import { synthesized } from './tasks/run-source'

export interface TransformOptions {
  /** Name of the model, for messages. */
  readonly name: string
  /** Where onnxruntime is looked for, and what relative paths start from. Default: the working directory. */
  readonly root?: string
  /** `.npz`, `.npy` or a module that yields feeds, for passes that look at activations. */
  readonly calibration?: string
  /** Engine that evaluates constants and observes activations. Default 'wasm'. */
  readonly engine?: EngineName
  /** The model once more, as it is before the passes, for those that correct the errors of others. */
  readonly reference?: Model
  /** As PassContext says it: weights are read once, and one that isn't finite throws when it is written. */
  readonly weightsAreFinite?: boolean
}

/** Samples are run a few times in all, not for each candidate. */
const limits: CalibrationLimits = { samples: 128, elements: 16_000_000 }

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
    weightsAreFinite = false,
  }: TransformOptions,
): Promise<StepResult[]> {
  const feeds = await calibrationFeeds(model, calibration, root, name)
  const context = passContext(engineFinder(engine, root, name), name, feeds, reference)
  return applyPasses(model, steps, { ...context, weightsAreFinite })
}

/** Sample inputs from a calibration file; what it leaves open is synthesized. */
export async function calibrationFeeds(
  model: Model,
  calibration: string | undefined,
  root: string,
  name: string,
): Promise<Feeds[]> {
  const file = await hashCalibration(root, calibration, name)
  if (file === null) return []
  const inspection = inspectModel(model)
  const given = await readCalibration(file, inspection.inputs, name, limits)
  return given.map((feed, index) => ({ ...synthesized(inspection, {}, feed, 0, index), ...feed }))
}
