/** What docs/recipes.md promises for each granularity: its code, built by Vite, on labelled data. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemble, build, buildOnSource, sourceBytes } from '../examples/recipes/build.mjs'
import { recipes } from '../examples/recipes/recipes.mjs'

type Recipe = (typeof recipes)[number]

const examples = resolve(import.meta.dirname, '../examples/recipes')
const docs = readFileSync(resolve(import.meta.dirname, '../docs/recipes.md'), 'utf8')

/** The rows of the table that `node examples/recipes/measure.mjs` prints, as the docs have it. */
const promised = [
  ...docs.slice(docs.indexOf('!-- recipes:'), docs.indexOf('!-- /recipes')).matchAll(/^\| .* \|$/gm),
]
  .slice(1)
  .map(([row]) => {
    const [title, exporter, , sourceScore, , score, share] = row
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim())
    return {
      title,
      exporter,
      sourceScore: Number(sourceScore),
      score: Number(score),
      share: Number.parseInt(share ?? '', 10) / 100,
    }
  })

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-recipes-'))
  symlinkSync(join(examples, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const quiet = { logLevel: 'silent' } as const
const builds = new Map<Recipe, ReturnType<typeof assembleAndBuild>>()
/** The recipe as a user builds it, once for all tests. */
const variantOf = (recipe: Recipe) => {
  const one = builds.get(recipe) ?? assembleAndBuild(recipe)
  builds.set(recipe, one)
  return one
}
const assembled = (recipe: Recipe) => assemble(recipe, mkdtempSync(join(folder, 'recipe-')))
const assembleAndBuild = (recipe: Recipe) => build(recipe, assembled(recipe), quiet)

it('has a row of the table for each recipe and exporter', () => {
  const named = ({ title, exporter }: { title?: string | undefined; exporter?: string | undefined }) =>
    `${title} ${exporter}`
  expect(promised.map(named)).toEqual(recipes.map(named))
  expect(new Set(recipes.map(({ exporter }) => exporter)).size).toBe(2)
})

describe.each(recipes)('$title, from $exporter', (recipe) => {
  it('keeps the score that the source has in plain onnxruntime, in the size that the docs give', async () => {
    const source = await recipe.score((await buildOnSource(recipe, assembled(recipe))).app)
    const { app, bytes } = await variantOf(recipe)
    const score = await recipe.score(app)
    const docsSay = promised.find((row) => row.title === recipe.title && row.exporter === recipe.exporter)
    expect(source).toBeCloseTo(docsSay?.sourceScore ?? Number.NaN, 2)
    expect(score).toBeGreaterThanOrEqual(source - recipe.drop)
    expect(score).toBeCloseTo(docsSay?.score ?? Number.NaN, 1)
    expect(bytes).toBeGreaterThan(0)
    expect(bytes / sourceBytes(recipe)).toBeLessThanOrEqual(docsSay?.share ?? 0)
  })
})

describe('spoken keywords', () => {
  /** Samples of a WAV file of 16 bits, whose header is the plain one of 44 bytes. */
  const samplesOf = (word: string) => {
    const wav = readFileSync(join(examples, 'keywords', `${word}.wav`))
    return Float32Array.from({ length: (wav.length - 44) / 2 }, (_, i) => wav.readInt16LE(44 + 2 * i) / 32768)
  }

  it('computes the features that numpy computed for training', async () => {
    const { bands, logmel } = await import('../examples/recipes/keywords/logmel')
    const features = logmel(samplesOf('yes'))
    expect(features).toHaveLength(49 * bands)
    const row = (frame: number, from: number, to: number) =>
      features.slice(frame * bands + from, frame * bands + to)
    // Rounded to steps of 0.0025, as the training data is.
    const expected: [Float32Array, number[]][] = [
      [row(24, 0, 8), [-0.77, 0.5775, 0.5825, -0.05, 0.5025, 0.72, 0.1575, 0.9375]],
      [row(40, 30, 40), [-0.415, -0.485, -0.42, -0.42, -0.485, -0.59, -0.575, -0.56, -0.315, -0.24]],
    ]
    for (const [got, want] of expected) {
      for (const [i, value] of want.entries()) expect(Math.abs(got[i]! - value)).toBeLessThan(0.0014)
    }
  })

  it.each(recipes.filter((recipe) => recipe.folder === 'keywords'))(
    'are heard in recordings, from $exporter',
    async (recipe) => {
      const { app } = await variantOf(recipe)
      const { recognize } = app as { recognize(samples: Float32Array): Promise<string> }
      expect(await recognize(samplesOf('yes'))).toBe('yes')
      expect(await recognize(samplesOf('stop'))).toBe('stop')
    },
  )
})

it('a sentence of translation ends where the model ends it, in words', async () => {
  const recipe = recipes.find((each) => each.folder === 'translation')!
  const { app } = await buildOnSource(recipe, assembled(recipe))
  const { translate } = app as { translate(sentence: string): Promise<string> }
  expect(await translate('sixty-one thousand and thirty-three')).toBe('soixante et un mille trente - trois')
  await expect(translate('ein Wort')).rejects.toThrow("'ein' is not in the vocabulary")
})
