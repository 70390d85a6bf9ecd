/** What the planner decides, and why, on real models in the real engines. */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { encodeModel, Model, readModel, Tensor, type Value } from '@unplugin-onnx/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Conversion, type Converter, createConverter, type ModelOptions } from '../src/index'
import { reaches } from '../src/planner/score'
import { runsFor } from '../src/planner/workshop'
import type { ReportData } from '../src/report/data'
import { bytesOf, halves } from '../src/tasks/weight-groups'
import { fixtures, packageRoot, temporaryFolder } from './models'

const folder = temporaryFolder()
const digits = join(fixtures, 'digits_mlp.onnx')
const mobile = join(fixtures, 'digits_mobile.onnx')
const calibrationOf = (file: string) => file.replace('.onnx', '.npz')

let converter: Converter
const opened: Converter[] = []
const open = (name: string, concurrency = 2) => {
  const made = createConverter({ root: packageRoot, cacheDir: join(folder, name), concurrency })
  opened.push(made)
  return made
}
beforeAll(() => {
  converter = open('cache')
})
afterAll(() => Promise.all(opened.map((each) => each.close())))

const candidate = ({ manifest }: Conversion, recipe: string) =>
  manifest.candidates.find((each) => each.recipe === recipe)
const reportOf = ({ dir }: Conversion) =>
  JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')) as ReportData
const script = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const convert = (file: string, options: ModelOptions) =>
  converter.convert(file, { targets: ['wasm'], calibration: calibrationOf(file), ...options })

describe('a task as the budget', () => {
  // Agreement of the best class with the source's on made-up inputs stands in for labels.
  const evaluation = (lower: boolean) => `
    let first
    export default async (model) => {
      const [input] = model.inputs
      let same = 0
      const best = []
      for (let index = 0; index < 50; index++) {
        const data = Float32Array.from({ length: 64 }, (_, at) => Math.abs(Math.sin(index * 64 + at * at)))
        const outputs = await model.run({ [input.name]: data })
        const scores = outputs[model.outputs[0].name].data
        best.push(scores.indexOf(Math.max(...scores)))
      }
      first ??= best
      same = best.filter((each, index) => each === first[index]).length / 50
      return ${lower ? '{ score: 1 - same, lowerIsBetter: true }' : 'same'}
    }`

  it.each([
    ['higher', false],
    ['lower', true],
  ])('keeps the score where %s is better, and tells it', async (name, lower) => {
    const evaluate = script(`eval-${name}.mjs`, evaluation(lower))
    const conversion = await convert(digits, { accuracy: { evaluate, maxDrop: 0.02 } })
    const [variant] = conversion.manifest.variants
    expect(variant?.task?.source).toBe(lower ? 0 : 1)
    expect(Math.abs((variant?.task?.variant ?? 9) - (variant?.task?.source ?? 0))).toBeLessThanOrEqual(0.02)
    expect(variant?.bytes).toBeLessThan(conversion.manifest.source.bytes / 3)
    expect(candidate(conversion, variant?.recipe ?? '')?.reason).toMatch(/score .* where the source has/)
    expect(conversion.dependencies).toContain(evaluate)
  })

  it('drops what loses more than it may, and says by how much', async () => {
    const bytes = readFileSync(digits).length
    const evaluate = script(
      'eval-size.mjs',
      `let runs = 0; export default async (model) => { runs++; return runs === 1 ? 0.9 : 0.8 }`,
    )
    const conversion = await convert(digits, { accuracy: { evaluate, maxDrop: '5%' }, effort: 'fast' })
    for (const each of conversion.manifest.candidates.filter(({ task }) => task !== undefined))
      expect(each.reason).toBe(
        "Its score 0.8 is 0.1 worse than the source's 0.9, where 0.045 (5 % of it) is allowed.",
      )
    expect(conversion.manifest.variants[0]).toMatchObject({ recipe: 'source', bytes })
    expect(conversion.manifest.warnings.join()).toContain('nothing smaller is within the accuracy budget')
  })

  it.each([
    ['that is missing', undefined, 'ONNX_EVALUATION_NOT_FOUND'],
    ['that fails when it is imported', 'throw new Error("no labels")', 'no labels'],
    ['without a function', 'export default 7', 'exports no function'],
    ['whose score is none', 'export default () => NaN', 'which is no score'],
    ['that fails on the source', 'export default () => { throw new Error("no images") }', 'no images'],
    ['that feeds what the model has not', 'export default (m) => m.run({ nope: 1 })', "no input 'nope'"],
  ])('names an evaluation %s', async (name, text, message) => {
    const evaluate = join(folder, `${name.replaceAll(' ', '-')}.mjs`)
    if (text !== undefined) writeFileSync(evaluate, text)
    const failed = convert(digits, { accuracy: { evaluate }, effort: 'fast' })
    await expect(failed).rejects.toThrow(message.startsWith('ONNX') ? 'There is no module' : message)
    await expect(failed).rejects.toMatchObject({ code: expect.stringMatching(/^ONNX_EVALUATION_/) })
  })

  it('counts a drop in the direction that is worse, absolute or as a share', () => {
    const score = (source: number, variant: number) => ({ source, variant })
    expect(reaches(score(0.9, 0.91), { maxDrop: 0, relative: false }, false).within).toBe(true)
    expect(reaches(score(0.9, 0.89), { maxDrop: 0.01, relative: false }, false).within).toBe(true)
    expect(reaches(score(0.9, 0.88), { maxDrop: 0.01, relative: true }, false).within).toBe(false)
    expect(reaches(score(10, 10.4), { maxDrop: 0.05, relative: true }, true).within).toBe(true)
    expect(reaches(score(10, 10.6), { maxDrop: 0.05, relative: true }, true).within).toBe(false)
    expect(reaches(score(-2, -2.2), { maxDrop: 0.05, relative: true }, false).within).toBe(false)
  })
})

describe('a budget that nothing smaller meets', () => {
  const accuracy = { sqnr: 190 }

  it('ships the source, cleaned, with a warning that says what was tried', async () => {
    const { manifest } = await convert(mobile, { accuracy })
    expect(manifest.variants[0]?.recipe).toMatch(/^float32$|^source$/)
    expect(manifest.variants[0]?.bytes).toBeLessThanOrEqual(manifest.source.bytes)
    const warning = manifest.warnings.find((each) => each.includes('accuracy budget'))
    expect(warning).toMatch(/^For wasm nothing smaller .*Tried: .*int8: .*dB short of 190 dB/)
    expect(warning).toContain('float16: ')
  })

  it('is an error where that was asked for', async () => {
    await expect(convert(mobile, { accuracy, strict: true })).rejects.toMatchObject({
      code: 'ONNX_BUDGET_MISSED',
      message: expect.stringMatching(/For the target wasm .*Tried: .*int8/s),
    })
    const within = await convert(mobile, { strict: true, effort: 'fast' })
    expect(within.manifest.variants[0]?.recipe).not.toBe('source')
  })
})

describe('options that do not go with the model', () => {
  it.each([
    [
      'a share of best classes where no output ranks any',
      { accuracy: { top1: 0.9 } },
      'no output holds class',
    ],
    ['an input that it has not', { inputs: { y: [1, 10] } }, "There is no input 'y'"],
    ['a shape that its own rules out', { inputs: { x: [1, 11] } }, 'the model wants'],
  ])('are an error: %s', async (_, options, message) => {
    const tabular = join(fixtures, 'diabetes_mlp.onnx')
    await expect(converter.convert(tabular, { targets: ['wasm'], ...options })).rejects.toThrow(message)
  })
})

describe('what is preferred', () => {
  it('is the smallest, or the fastest that is not slower than the source', async () => {
    const small = await convert(digits, { prefer: 'size' })
    const smallest = Math.min(
      ...small.manifest.candidates
        .filter(({ accuracy, reason }) => accuracy && !/short|below|not in/.test(reason))
        .map(({ bytes }) => bytes),
    )
    expect(small.manifest.variants[0]?.bytes).toBe(smallest)
    const fast = await convert(digits, { prefer: 'speed' })
    const { candidates } = reportOf(fast)
    const timed = candidates.filter(({ latency }) => latency !== undefined)
    expect(timed.map(({ recipe }) => recipe)).toEqual(expect.arrayContaining(['int8-dynamic', 'int8-static']))
    const chosen = timed.find((each) => each.chosen)
    const best = Math.min(...timed.map(({ latency }) => latency?.ratio ?? 9))
    expect(chosen?.latency?.ratio).toBeLessThanOrEqual(best * 1.1)
    expect(chosen?.latency?.ratio).toBeLessThanOrEqual(1.25)
    expect(chosen?.reason).toContain('fastest')
  })

  it('is the source where what computes otherwise is hardly smaller', async () => {
    const type = { kind: 'tensor', dataType: 'float32' } as const
    const model = Model.create({
      opsetImports: { '': 17 },
      name: 'table',
      inputs: { x: { ...type, shape: [1, 64] }, row: { kind: 'tensor', dataType: 'int64', shape: [1] } },
    })
    const { graph } = model
    const [x, row] = graph.inputs
    const add = (opType: string, inputs: Value[], output: string, attributes = {}) =>
      graph.addNode({ opType, name: output, inputs, outputs: [output], attributes }).outputs[0]!
    const table = Uint8Array.from({ length: 4096 * 64 }, (_, at) => (at * 193) % 251)
    const looked = add(
      'Gather',
      [graph.addInitializer('table', Tensor.fromBytes('uint8', [4096, 64], table)), row!],
      'looked',
    )
    const floats = add('Cast', [looked], 'floats', { to: { type: 'int', value: 1n } })
    const weights = Float32Array.from({ length: 64 * 8 }, (_, at) => Math.sin(at * at))
    const matrix = Tensor.fromBytes('float32', [64, 8], new Uint8Array(weights.buffer))
    const y = add('MatMul', [add('Mul', [floats, x!], 'lit'), graph.addInitializer('w', matrix)], 'y')
    graph.addOutput(y, { ...type, shape: [1, 8] })
    const quantized = join(folder, 'table.onnx')
    writeFileSync(quantized, encodeModel(model))
    const options = {
      targets: ['wasm'],
      inputs: { row: { dims: [1], range: [0, 4095] } },
      effort: 'fast',
    } as const
    const conversion = await converter.convert(quantized, options)
    expect(conversion.manifest.variants[0]?.recipe).toMatch(/^float32$|^source$/)
    expect(candidate(conversion, 'float16')).toMatchObject({
      chosen: false,
      reason: 'It is hardly smaller than what computes the same as the source.',
    })
    const small = await converter.convert(quantized, { ...options, prefer: 'size' })
    expect(small.manifest.variants[0]?.recipe).toMatch(/^int|^float16$/)
  })

  it('says of a slow one that it is slower', async () => {
    const { manifest } = await convert(mobile, { prefer: 'speed', recipes: ['int8-static', 'int8'] })
    for (const { recipe, chosen, reason } of manifest.candidates)
      if (!chosen && recipe === 'int8-static')
        expect(reason).toMatch(/slower than the source in onnxruntime-web|as fast or faster|short of|below/)
  })
})

describe('a model that float16 overflows', () => {
  /** Two layers of which the first gives numbers far beyond 65,504, and a normalization that brings them back. */
  const overflowing = () => {
    const width = 64
    const type = { kind: 'tensor', dataType: 'float32', shape: [1, width] } as const
    const model = Model.create({ opsetImports: { '': 17 }, name: 'large', inputs: { x: type } })
    const { graph } = model
    const weights = (seed: number, scale: number) =>
      Tensor.fromBytes(
        'float32',
        [width, width],
        new Uint8Array(
          // The fraction of a large sine is as good as random, and the same everywhere.
          Float32Array.from(
            { length: width * width },
            (_, at) => scale * (((Math.sin(seed + at * 12.9898) * 43_758.5453) % 1) - 0.1),
          ).buffer,
        ),
      )
    const [x] = graph.inputs
    const add = (opType: string, inputs: NonNullable<typeof x>[], output: string) =>
      graph.addNode({ opType, name: output, inputs, outputs: [output] }).outputs[0]!
    const large = add('MatMul', [x!, graph.addInitializer('w1', weights(1, 40_000))], 'large')
    const norm = graph.addNode({
      opType: 'LayerNormalization',
      name: 'norm',
      inputs: [
        large,
        graph.addInitializer('gain', Tensor.of('float32', [width], Array<number>(width).fill(1))),
      ],
      outputs: ['normed'],
    }).outputs[0]!
    const y = add('MatMul', [norm, graph.addInitializer('w2', weights(2, 0.1))], 'y')
    graph.addOutput(y, type)
    return encodeModel(model)
  }

  it('comes out within the budget for devices with float16, and says which layers were kept and why', async () => {
    const file = script('large.onnx', '')
    writeFileSync(file, overflowing())
    const calibration = script(
      'large.mjs',
      'export default Array.from({ length: 16 }, (_, s) => ({ x: Float32Array.from({ length: 64 }, (_, i) => Math.cos(s + i)) }))',
    )
    const conversion = await converter.convert(file, {
      targets: ['webgpu'],
      calibration,
      prefer: 'speed',
      accuracy: { sqnr: 25 },
    })
    const half = conversion.manifest.variants.find(({ requires }) => requires?.includes('shader-f16'))
    expect(half).toMatchObject({ recipe: 'float16-compute' })
    expect(half?.accuracy.sqnr).toBeGreaterThanOrEqual(25)
    const kept = candidate(conversion, 'float16-compute')?.skipped ?? []
    expect(kept.map(({ node }) => node)).toContain('large')
    for (const { reason } of kept) expect(reason).toMatch(/\S/)
    expect(conversion.manifest.variants.at(-1)?.requires).toBeUndefined()
  })
})

describe('the same conversion', () => {
  it('gives the same bytes with one worker and with two, and again', async () => {
    const once = await open('one', 1).convert(mobile, { targets: ['wasm', 'node'] })
    const twice = await open('two', 2).convert(mobile, { targets: ['wasm', 'node'] })
    expect(twice.cached).toBe(false)
    expect(twice.manifest).toEqual(once.manifest)
  })
})

describe('the report', () => {
  it('holds every candidate with each output, the layers, and their noise', async () => {
    const conversion = await convert(mobile, {})
    const { manifest } = conversion
    const report = reportOf(conversion)
    expect({ ...report.manifest, source: manifest.source }).toEqual(manifest)
    for (const each of report.candidates.filter(({ outputs }) => outputs !== undefined))
      expect(Math.min(...(each.outputs ?? []).map(({ sqnr }) => sqnr))).toBe(each.accuracy?.sqnr)
    const source = readModel(readFileSync(mobile))
    expect(report.layers.length).toBeGreaterThan(5)
    for (const { name, weights } of report.layers) {
      expect([...source.initializers()].map((value) => value.name)).toContain(name)
      expect(weights?.counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0)
    }
    expect(report.layers.some(({ activations }) => activations !== undefined)).toBe(true)
    expect(report.layers.some(({ noise }) => noise !== undefined)).toBe(true)
    expect(basename(manifest.source.file)).toBe('digits_mobile.onnx')
  })
})

describe('a search', () => {
  it('runs fewer variants of larger models, and none of very large ones or without effort', () => {
    expect(runsFor('default', 1e6)).toBe(48)
    expect(runsFor('default', 8e7)).toBe(24)
    expect(runsFor('default', 1e9)).toBe(0)
    expect(runsFor('thorough', 5e8)).toBe(60)
    expect(runsFor('fast', 1e6)).toBe(0)
  })
})

describe('groups of weights', () => {
  const weights = fc.array(fc.nat(1_000_000), { minLength: 2, maxLength: 60 })

  it('fall into two halves that are not empty, keep their order and weigh about the same', () => {
    fc.assert(
      fc.property(weights, (sizes) => {
        const group = sizes.map((bytes, index) => ({ name: `w${index}`, bytes }))
        const [first, second] = halves(group, ({ bytes }) => bytes)
        expect([...first, ...second]).toEqual(group)
        expect(first.length).toBeGreaterThan(0)
        expect(second.length).toBeGreaterThan(0)
        expect(Math.abs(bytesOf(first) - bytesOf(second))).toBeLessThanOrEqual(2 * Math.max(...sizes))
      }),
    )
  })
})
