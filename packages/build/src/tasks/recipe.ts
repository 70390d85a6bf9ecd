import { applyPasses, type Model, type PassContext } from '@unplugin-onnx/core'
import { stepsOf } from '../special-recipes'
import type { Skip } from './task'

/**
 * Applies a recipe to a model.
 * @param keep names of weights that its first quantization is to leave alone
 */
export async function applyRecipe(
  model: Model,
  recipe: string,
  keep: readonly string[],
  context: PassContext = {},
): Promise<Skip[]> {
  const steps = stepsOf(recipe)
  const first = steps.findIndex(({ pass }) => pass === 'quantize-weights')
  const kept = steps.map((step, index) =>
    index === first && keep.length > 0 ? { ...step, options: { ...step.options, keep: [...keep] } } : step,
  )
  return (await applyPasses(model, kept, context)).flatMap(({ skipped }): readonly Skip[] => skipped)
}
