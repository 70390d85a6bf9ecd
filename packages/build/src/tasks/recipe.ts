import { applyPasses, type Model, type PassContext, recipes } from '@unplugin-onnx/core'
import type { Skip } from './task'

/**
 * Applies a recipe to a model.
 * @param keep names of weights that its quantization is to leave alone
 */
export async function applyRecipe(
  model: Model,
  recipe: string,
  keep: readonly string[],
  context: PassContext = {},
): Promise<Skip[]> {
  const steps = (recipes.get(recipe) ?? []).map((each) =>
    each.pass === 'quantize-weights' && keep.length > 0
      ? { ...each, options: { ...each.options, keep: [...keep] } }
      : each,
  )
  return (await applyPasses(model, steps, context)).flatMap(({ skipped }): readonly Skip[] => skipped)
}
