/**
 * Real models through every recipe, source and variant run by onnxruntime on real inputs. PASSES_TABLE=1 prints what was
 * measured.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, readModel, recipes, sqnr } from '../src/index'
import { type Engine, type Feeds, type Outputs, runModel } from './engine'
import { packageModels } from './models'
import { calibration, frames, line, longFrames, page, trainedFolder } from './real-feeds'

interface Subject {
  readonly file: string
  readonly feeds: readonly Feeds[]
  readonly feedback?: Readonly<Record<string, string>>
  /** Least SQNR in dB of int8 and int8-spared. */
  readonly int8: readonly [number, number]
  /** Largest share of the source's bytes for int8. */
  readonly share: number
}

const packaged = (name: string): string => packageModels.find((file) => file.includes(name)) ?? name
const state = { state: 'stateN' }

const subjects: Record<string, Subject> = {
  'PP-OCR det': { file: packaged('det_infer'), feeds: page(), int8: [20, 27], share: 0.27 },
  'PP-OCR rec': { file: packaged('rec_infer'), feeds: line(320), int8: [25, 25], share: 0.265 },
  'PP-OCR cls': { file: packaged('cls_infer'), feeds: line(192), int8: [40, 40], share: 0.38 },
  'silero legacy': {
    file: packaged('vad_legacy'),
    feeds: longFrames(12),
    feedback: { h: 'hn', c: 'cn' },
    int8: [22, 25],
    share: 0.17,
  },
  'silero v5': { file: packaged('vad_v5'), feeds: frames(24), feedback: state, int8: [20, 25], share: 0.3 },
  'silero v6': { file: packaged('vad_v6'), feeds: frames(24), feedback: state, int8: [15, 25], share: 0.3 },
}
for (const [name, share, batch = 8] of [
  ['diabetes_mlp', 0.52],
  ['digits_mlp', 0.3],
  ['digits_cnn', 0.27],
  ['digits_mobile', 0.33],
  ['code_lang', 0.3],
  ['raw16_tf', 0.33],
  ['kws_gru', 0.28],
  ['kws_conformer', 0.25],
  ['tied_lm_py', 0.22],
  ['num_en_fr_encoder', 0.31],
  ['num_en_fr_decoder', 0.31],
  ['digits_script', 0.43, 1],
] as const) {
  const file = join(trainedFolder, `${name}.onnx`)
  subjects[name] = { file, feeds: calibration(name, batch, 2), int8: [40, 40], share }
}

const rows: string[] = []
const engines: readonly Engine[] = [
  { name: 'wasm' },
  { name: 'wasm', optimize: 'disabled' },
  { name: 'node' },
  { name: 'node', optimize: 'disabled' },
]

const worst = (expected: readonly Outputs[], actual: readonly Outputs[]): number =>
  Math.min(
    ...expected.flatMap((outputs, index) =>
      Object.entries(outputs).map(([key, { data }]) => sqnr(data, actual[index]?.[key]?.data ?? [])),
    ),
  )

describe.each(Object.entries(subjects))('%s', (name, { file, feeds, feedback, int8, share }) => {
  const source = new Uint8Array(readFileSync(file))
  const least: Record<string, number> = { float32: 90, float16: 50, int8: int8[0], 'int8-spared': int8[1] }
  const sources = new Map<string, Promise<Outputs[]>>()
  const expectedIn = (engine: Engine) => {
    const outputs = sources.get(engine.name) ?? runModel(source, feeds, { name: engine.name }, feedback)
    sources.set(engine.name, outputs)
    return outputs
  }

  it.each([...recipes])('keeps its results by the recipe %s, in both engines', async (recipe, steps) => {
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
  })

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
    const bytes = readFileSync(packaged(`${name}_infer`))
    const model = readModel(bytes)
    await applyPasses(model, recipes.get(recipe) ?? [])
    total += encodeModel(model).length
    sources += bytes.length
  }
  expect(total / sources).toBeLessThan(0.3)
})
