/** Builds every recipe, scores it and its source on labelled data, and prints the table of docs/recipes.md. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemble, build, buildOnSource, sourceBytes } from './build.mjs'
import { recipes } from './recipes.mjs'

console.log(
  '| recipe | exporter | source | score | variant | score | of source |\n|---|---|---|---|---|---|---|',
)
for (const recipe of recipes) {
  const into = mkdtempSync(join(tmpdir(), 'unplugin-onnx-recipe-'))
  symlinkSync(join(import.meta.dirname, 'node_modules'), join(into, 'node_modules'))
  const folder = assemble(recipe, into)
  const began = performance.now()
  const source = await buildOnSource(recipe, folder)
  const variant = await build(recipe, folder)
  const built = performance.now()
  const bytes = sourceBytes(recipe)
  const scores = [await recipe.score(source.app), await recipe.score(variant.app)]
  const kB = (size) => `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} kB`
  console.log(
    `| ${[
      recipe.title,
      recipe.exporter,
      kB(bytes),
      scores[0].toFixed(3),
      kB(variant.bytes),
      scores[1].toFixed(3),
      `${Math.ceil((100 * variant.bytes) / bytes)} %`,
    ].join(' | ')} |`,
  )
  if (process.env.TIMES) console.log(built - began, performance.now() - built)
  rmSync(into, { recursive: true })
}
