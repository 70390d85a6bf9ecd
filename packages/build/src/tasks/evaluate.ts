import { join } from 'node:path'
import { OnnxError } from '@unplugin-onnx/core'
import type { DenseArray } from '../arrays'
import { feedOf } from '../calibration/feed'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { errors, reasonOf } from '../errors'
import { type Evaluate, type EvaluationModule, importModule } from '../evaluation'
import { printable } from '../printable'
import type { SessionOptions } from '../session-options'
import { readWork } from '../work-files'
import { engineProblem } from './engine-problem'
import { openSource } from './open-source'
import type { Inspection, ModelFile, Scored, VerifiedFile } from './task'

/**
 * Lets the user's module score the source, or a variant. What is wrong with the module fails the conversion; a variant that
 * doesn't run costs its candidate.
 * @throws OnnxError ONNX_EVALUATION_FAILED
 */
export async function evaluate(
  model: ModelFile,
  inspection: Inspection,
  file: VerifiedFile | null,
  evaluation: EvaluationModule,
  engine: EnginePackage,
  options: SessionOptions | undefined,
  work: string,
): Promise<Scored> {
  const failed = (message: string, cause?: unknown) =>
    errors.evaluationFailed(model.name, evaluation.name, message, cause)
  const score = await evaluateOf(evaluation, failed)
  let session: EngineSession
  try {
    session =
      file === null
        ? await openSource(model, engine)
        : await openModel(engine, readWork(join(work, file.file)), [], options)
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    return { ok: false, reason: `it is not loaded by ${engine.name}: ${await engineProblem(cause)}` }
  }
  const names = inspection.outputs.map(({ name }) => name)
  try {
    const given = await score({
      inputs: inspection.inputs,
      outputs: inspection.outputs,
      run: (feeds) => session.run(arraysOf(feeds, inspection), names),
    })
    const { score: value, lowerIsBetter = false } =
      typeof given === 'number' ? { score: given } : Object(given)
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw failed(`gives ${printable(String(value))}, which is no score`)
    return { ok: true, score: value, lowerIsBetter: lowerIsBetter === true }
  } catch (cause) {
    if (cause instanceof OnnxError) throw cause
    // The source runs: what fails on a variant alone is the variant's fault.
    if (file === null) throw failed(`fails on the source: ${reasonOf(cause)}`, cause)
    return { ok: false, reason: `the evaluation fails on it: ${await engineProblem(cause)}` }
  } finally {
    await session.close()
  }
}

async function evaluateOf(
  evaluation: EvaluationModule,
  failed: (message: string, cause?: unknown) => OnnxError,
): Promise<Evaluate> {
  let exported: unknown
  try {
    exported = (await importModule(evaluation)).default
  } catch (cause) {
    throw failed(`failed when it was imported: ${reasonOf(cause)}`, cause)
  }
  if (typeof exported !== 'function') throw failed('exports no function as default')
  return exported as Evaluate
}

function arraysOf(
  feeds: Readonly<Record<string, unknown>>,
  { inputs }: Inspection,
): Record<string, DenseArray> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      const input = inputs.find((each) => each.name === name)
      if (input === undefined) throw new Error(`there is no input '${printable(name)}'`)
      const array = feedOf(value, input)
      if (typeof array === 'string') throw new Error(`the input '${printable(name)}' ${array}`)
      return [name, array]
    }),
  )
}
