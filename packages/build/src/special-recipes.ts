/**
 * The name that the source itself goes by among the recipes: its own bytes, or, where its weights lie outside of its file,
 * the model with its weights put in, because a variant is one file.
 */
export const sourceRecipe = 'source'

/** The recipe that leaves alone what it has to for the budget: the planner finds out what that is. */
export const mixedRecipe = { name: 'int8-mixed', of: 'int8' } as const
