import * as errors from '../errors'
import type { Model } from '../graph/model'
import { passes } from './index'
import { nearest } from './nearest'
import { optionsOf, type Pass, type PassContext, type Skipped } from './pass'
import { recipes, type Step } from './recipes'

export interface StepResult {
  readonly pass: string
  readonly changed: number
  readonly skipped: readonly Skipped[]
}

/**
 * Runs passes one after the other on a model, which they change. Names and options are looked at before the first runs.
 * @param steps passes, or recipes by their name where no pass has it
 * @throws OnnxError ONNX_UNKNOWN_PASS, ONNX_UNKNOWN_OPTION or ONNX_INVALID_OPTION, naming the nearest
 */
export async function applyPasses(
  model: Model,
  steps: readonly Step[],
  context: PassContext = {},
): Promise<StepResult[]> {
  const ready = steps.flatMap(expanded).map(({ pass: name, options }) => {
    const pass = passNamed(name)
    return { pass, options: optionsOf(pass, options) }
  })
  const results: StepResult[] = []
  for (const { pass, options } of ready) {
    const { changed, skipped } = await pass.run(model, options, context)
    results.push({ pass: pass.name, changed, skipped })
  }
  return results
}

/** A recipe's steps; options would have no one to go to. */
function expanded(step: Step): readonly Step[] {
  const recipe = passes.has(step.pass) ? undefined : recipes.get(step.pass)
  if (recipe === undefined) return [step]
  const [option] = Object.keys(step.options ?? {})
  if (option !== undefined) throw errors.unknownOption(step.pass, option, [], undefined)
  return recipe
}

function passNamed(name: string): Pass {
  const pass = passes.get(name)
  if (pass !== undefined) return pass
  const known = [...new Set([...passes.keys(), ...recipes.keys()])]
  throw errors.unknownPass(name, known, nearest(name, known))
}
