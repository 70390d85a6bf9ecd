import { recipes, type Step } from '@unplugin-onnx/core/catalog'

/**
 * The name that the source itself goes by among the recipes: its own bytes, or, where its weights lie outside of its file,
 * the model with its weights put in, because a variant is one file.
 */
export const sourceRecipe = 'source'

/** A recipe whose first quantization leaves alone what it has to for the budget: the planner finds out what that is. */
export interface Mix {
  /** What it is a mix of. */
  readonly of: string
  /** What the weights that are left alone get instead. */
  readonly above: { readonly recipe: string; readonly precision: string }
  /** Bits of the weights that are not left alone. */
  readonly bits: 8 | 4
}

export const mixes: ReadonlyMap<string, Mix> = new Map([
  ['int8-mixed', { of: 'int8', above: { recipe: 'float16', precision: 'float16' }, bits: 8 }],
  ['int4-mixed', { of: 'int4-folded', above: { recipe: 'int8', precision: 'int8' }, bits: 4 }],
])

/** Recipes that change no number: what they give is the source, cleaned. */
export const isLossless = (recipe: string): boolean => recipe === sourceRecipe || recipe === 'float32'

/** The steps of a recipe, or of the one that it is a mix of. */
export const stepsOf = (recipe: string): readonly Step[] => recipes.get(mixes.get(recipe)?.of ?? recipe) ?? []

/**
 * Whether a recipe computes with integers, and not in floats with weights that are only stored in few bits: faster on some
 * machines and layers, slower on others.
 */
export const computesInIntegers = (recipe: string): boolean =>
  stepsOf(recipe).some(
    ({ pass, options }) =>
      pass === 'quantize-dynamic' || pass === 'quantize-static' || options?.format === 'nbits',
  )
