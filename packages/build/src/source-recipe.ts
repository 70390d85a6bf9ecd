/**
 * The name that the source itself goes by among the recipes: its own bytes, or, where its weights lie outside of its file,
 * the model with its weights put in, because a variant is one file.
 */
export const sourceRecipe = 'source'
