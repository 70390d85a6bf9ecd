/**
 * Real models through every recipe, source and variant run by onnxruntime on real inputs. PASSES_TABLE=1 prints what was
 * measured.
 */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, readModel, recipes } from '../src/index'
import { type Engine, runModel } from './engine'
import { bytesOf, expectedOf, subjects, worst } from './subjects'

/** Least SQNR in dB of int8 and int8-spared, and the largest share of the source's bytes for int8. */
const limits: Readonly<Record<string, readonly [int8: number, spared: number, share: number]>> = {
  'PP-OCR det': [20, 27, 0.27],
  'PP-OCR rec': [25, 25, 0.265],
  'PP-OCR cls': [40, 40, 0.38],
  'silero legacy': [22, 25, 0.17],
  'silero v5': [20, 25, 0.3],
  'silero v6': [15, 25, 0.3],
  diabetes_mlp: [40, 40, 0.52],
  digits_mlp: [40, 40, 0.3],
  digits_cnn: [40, 40, 0.27],
  digits_mobile: [40, 40, 0.33],
  code_lang: [40, 40, 0.3],
  raw16_tf: [40, 40, 0.33],
  kws_gru: [40, 40, 0.28],
  kws_conformer: [40, 40, 0.25],
  tied_lm_py: [40, 40, 0.22],
  num_en_fr_encoder: [40, 40, 0.31],
  num_en_fr_decoder: [40, 40, 0.31],
  digits_script: [40, 40, 0.43],
}

const rows: string[] = []
const engines: readonly Engine[] = [
  { name: 'wasm' },
  { name: 'wasm', optimize: 'disabled' },
  { name: 'node' },
  { name: 'node', optimize: 'disabled' },
]

describe.each(Object.entries(limits))('%s', (name, [int8, spared, share]) => {
  const subject = subjects[name]!
  const { feeds, feedback } = subject
  const source = bytesOf(subject)
  const least: Record<string, number> = { float32: 90, float16: 50, int8, 'int8-spared': spared }
  const expectedIn = (engine: Engine) => expectedOf(subject, source, engine.name)

  it.each([...recipes].filter(([recipe]) => recipe in least))(
    'keeps its results by the recipe %s, in both engines',
    async (recipe, steps) => {
      const model = readModel(source)
      const start = performance.now()
      await applyPasses(model, steps)
      const variant = encodeModel(model)
      const milliseconds = performance.now() - start
      expect(variant.length).toBeLessThan(source.length * (recipe === 'int8' ? share : 1) + 1)
      const measured: number[] = []
      for (const engine of engines) {
        const decibels = worst(await expectedIn(engine), await runModel(variant, feeds, engine, feedback))
        // With its optimizations, onnxruntime-node also quantizes what goes into a MatMul with int8 weights.
        const allowance = engine.name === 'node' && engine.optimize === undefined ? 6 : 0
        expect(decibels).toBeGreaterThan((least[recipe] ?? 0) - allowance)
        measured.push(decibels)
      }
      const cells = measured.map((decibels) => decibels.toFixed(1).padStart(6)).join(' ')
      const percent = ((variant.length / source.length) * 100).toFixed(1)
      rows.push(
        `${name.padEnd(18)} ${recipe.padEnd(12)} ${String(variant.length).padStart(9)} ${percent.padStart(6)} % ${milliseconds.toFixed(0).padStart(5)} ms ${cells}`,
      )
    },
  )

  afterAll(() => {
    if (process.env.PASSES_TABLE === undefined) return
    console.log(
      [
        'model, recipe, bytes, share, convert, SQNR in dB: wasm, wasm unoptimized, node, node unoptimized',
        ...rows,
      ].join('\n'),
    )
    rows.length = 0
  })
})

it('brings PP-OCR, all three models together, below 30 % with at least 25 dB each', async () => {
  const chosen = { det: 'int8-spared', rec: 'int8', cls: 'int8' }
  let total = 0
  let sources = 0
  for (const [name, recipe] of Object.entries(chosen)) {
    const bytes = readFileSync(subjects[`PP-OCR ${name}`]!.file)
    const model = readModel(bytes)
    await applyPasses(model, recipes.get(recipe) ?? [])
    total += encodeModel(model).length
    sources += bytes.length
  }
  expect(total / sources).toBeLessThan(0.3)
})
