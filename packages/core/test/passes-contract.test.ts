/** What every pass of the registry promises, on every model at hand. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  applyPasses,
  type ExternalReader,
  encodeModel,
  externalLocations,
  type Model,
  type OnnxError,
  passes,
  readModel,
  recipes,
} from '../src/index'
import { add, body, build, floats, run, tensorType } from './build-model'
import { contextOf } from './context'
import { type Feed, type Feeds, float, type Outputs, runModel } from './engine'
import { bytesOf, expectedOf, type Subject, subjects, worst } from './subjects'

const fromFolder =
  (folder: string): ExternalReader =>
  (location) => {
    const bytes = readFileSync(join(folder, location))
    return { byteLength: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) }
  }

/** What callers give and get: constants that IR version 3 lists as inputs are neither. */
const signature = ({ graph }: Model) =>
  [graph.inputs.filter((value) => !value.isConstant), graph.outputs].map((values) =>
    values.map(({ name, type }) => [name, type]),
  )

/** Models that a pass can do nothing for, or has never seen the like of. */
const odd: Record<string, () => Model> = {
  'an empty graph': () => build(17, {}, () => undefined),
  'an input that is an output': () =>
    build(17, { x: tensorType('float32', 2) }, (graph, input) => graph.addOutput(input('x'))),
  'a constant that is an output': () =>
    build(17, {}, (graph) =>
      graph.addOutput(graph.addInitializer('c', floats([300], new Float32Array(300)))),
    ),
  'operators of another domain only': () =>
    build(17, { x: tensorType('float32', 'n') }, (graph, input) => {
      graph.model.opsetImports.clear()
      graph.model.opsetImports.set('my.own', 3)
      graph.addOutput(
        graph.addNode({
          opType: 'Mystery',
          domain: 'my.own',
          inputs: [input('x'), undefined],
          outputs: ['', 'y'],
        }).outputs[1]!,
      )
    }),
  'initializers as inputs, in IR version 3': () =>
    build(
      7,
      { x: tensorType('float32', 4, 64) },
      (graph, input) => {
        const weight = graph.addInput('w', tensorType('float32', 64, 64))
        weight.initializer = floats([64, 64], new Float32Array(4096).fill(0.5))
        graph.addOutput(add(graph, 'MatMul', [input('x'), weight], 'y'))
      },
      3,
    ),
  'tensors of zero elements and zero dimensions': () =>
    build(17, { x: tensorType('float32', 0, 4) }, (graph, input) => {
      const nothing = graph.addInitializer('nothing', floats([4, 0], []))
      const scalar = graph.addInitializer('scalar', floats([], [2]))
      graph.addOutput(add(graph, 'Mul', [add(graph, 'MatMul', [input('x'), nothing], 'm'), scalar], 'y'))
    }),
  'a branch that gives a constant': () =>
    build(17, { flag: tensorType('bool') }, (graph, input) => {
      const choice = graph.addNode({ opType: 'If', inputs: [input('flag')], outputs: ['y'] })
      for (const name of ['then_branch', 'else_branch']) {
        body(choice, name, (inside) => [
          inside.addInitializer(`${name}_c`, floats([20, 20], new Float32Array(400).fill(1))),
        ])
      }
      graph.addOutput(choice.outputs[0]!)
    }),
}

const readers = Object.entries(subjects).map(([name, subject]): [string, () => Model] => {
  const bytes = bytesOf(subject)
  return [name, () => readModel(bytes, { external: fromFolder(dirname(subject.file)) })]
})
const models: [string, () => Model][] = [...readers, ...Object.entries(odd)]

/** Weights as initializers, and the opset that every pass can write: what recipes hand to their passes. */
const preparation = ['fold-constants', 'eliminate-identity', 'remove-unused', 'upgrade-opset'].map(
  (pass) => ({
    pass,
  }),
)
/** Samples for passes that observe: spread over what the model is then run on, with the states that it comes to. */
function samplesOf({ feeds, feedback = {}, states = {} }: Subject, outputs: readonly Outputs[]): Feeds[] {
  return feeds
    .map((feed, index) => {
      const before = outputs[index - 1]
      const came = Object.entries(feedback).map(([input, output]): [string, Feed | undefined] => {
        const state = before?.[output]
        return [input, state === undefined ? states[input] : float(state.dims, state.data)]
      })
      return { ...feed, ...(Object.fromEntries(came) as Feeds) }
    })
    .filter((_, index) => index % Math.ceil(feeds.length / 12) === 0)
}

describe.each([...passes.keys()])('%s', (name) => {
  it.each(models)(
    'leaves %s valid, with its inputs and outputs, and is done after one run',
    async (_, read) => {
      const model = read()
      const before = signature(model)
      const { changed, skipped } = await run(model, name)
      expect(Number.isInteger(changed) && changed >= 0).toBe(true)
      for (const { node, reason } of skipped)
        expect([typeof node, reason.length > 5]).toEqual(['string', true])
      const written = readModel(encodeModel(model))
      expect(signature(written)).toEqual(before)
      expect(await run(written, name)).toMatchObject({ changed: 0 })
    },
  )

  it.each(readers)(
    'keeps what %s computes to its declared fidelity, calibrated and cleaned',
    async (key, read) => {
      const subject = subjects[key]!
      const pass = passes.get(name)!
      const model = read()
      await applyPasses(model, preparation)
      const source = encodeModel(model)
      const cleaned = { ...subject, file: `${subject.file}, cleaned` }
      const expected = await expectedOf(cleaned, source, 'wasm')
      const context = contextOf(samplesOf(subject, expected), source)
      const [first] = await applyPasses(model, [{ pass: name }], context)
      const variant = encodeModel(model)
      const again = readModel(variant)
      expect((await applyPasses(again, [{ pass: name }], context))[0]).toMatchObject({ changed: 0 })
      if (first!.changed === 0) return
      for (const engine of ['wasm', 'node'] as const) {
        const outputs = await runModel(variant, subject.feeds, { name: engine }, subject.feedback)
        const decibels = worst(await expectedOf(cleaned, source, engine), outputs)
        // Fidelity is promised where users' browsers compute; onnxruntime-node quantizes activations beside int8 weights.
        if (engine === 'wasm') expect(decibels).toBeGreaterThanOrEqual(pass.fidelity)
      }
    },
  )

  it('refuses options that it does not have, and names the nearest', async () => {
    const [known] = Object.keys(passes.get(name)!.options)
    const wrong = known === undefined ? 'nothing' : `${known}s`
    const error = await applyPasses(odd['an empty graph']!(), [
      { pass: name, options: { [wrong]: 1 } },
    ]).catch((reason) => reason)
    expect((error as OnnxError).code).toBe('ONNX_UNKNOWN_OPTION')
    expect((error as OnnxError).message).toContain(
      known === undefined ? 'There are: none' : `Did you mean "${known}"?`,
    )
  })

  it('says its name, version and defaults', () => {
    const pass = passes.get(name)!
    expect(pass.name).toBe(name)
    expect(pass.version).toBeGreaterThan(0)
    for (const [key, choices] of Object.entries(pass.choices ?? {}))
      expect(choices).toContain(pass.options[key])
  })
})

describe('applyPasses', () => {
  const failure = async (pass: string, options?: Record<string, unknown>) =>
    (await applyPasses(odd['an empty graph']!(), [
      options === undefined ? { pass } : { pass, options },
    ]).catch((reason) => reason)) as OnnxError

  it('names the nearest pass', async () => {
    const error = await failure('quantize-weight')
    expect([error.code, error.message]).toEqual([
      'ONNX_UNKNOWN_PASS',
      'There is no pass "quantize-weight". Did you mean "quantize-weights"?',
    ])
    expect((await failure('zzz')).message).toContain('There are: fold-constants,')
  })

  it.each([
    ['quantize-weights', { bits: 3 }, 'It must be 8 or 4 or 2.'],
    ['quantize-weights', { bits: '8' }, 'It must be 8 or 4 or 2.'],
    ['quantize-weights', { keep: 'a' }, 'It must be an array of strings.'],
    ['quantize-weights', { minElements: -1 }, 'It must be a number from 0 on.'],
    ['float16', { mode: 'half' }, 'It must be "storage" or "compute".'],
    ['upgrade-opset', { to: 99 }, 'It must be 7 or 8 or 9'],
    ['dedupe-initializers', { transposed: 'yes' }, 'It must be a boolean.'],
  ])('says what the option of %s must be: %j', async (pass, options, cure) => {
    const error = await failure(pass, options)
    expect(error.code).toBe('ONNX_INVALID_OPTION')
    expect(error.cure).toContain(cure)
  })

  it('looks at all steps before the first one runs', async () => {
    const model = readModel(bytesOf(subjects.digits_script!))
    const before = encodeModel(model)
    const steps = [{ pass: 'fold-constants' }, { pass: 'nonsense' }]
    await expect(applyPasses(model, steps)).rejects.toThrow('There is no pass "nonsense"')
    expect(encodeModel(model)).toEqual(before)
  })

  it('takes an option that is undefined for one that is not given', async () => {
    expect(
      await applyPasses(odd['an empty graph']!(), [{ pass: 'float16', options: { mode: undefined } }]),
    ).toHaveLength(1)
  })
})

/**
 * Computing in float16 takes casts at inputs and outputs, which graphs without weights don't win back, and a weight that is
 * also an input stays for whoever feeds it. A build drops what isn't smaller than its source.
 */
const casts = ['initializers as inputs, in IR version 3', 'tensors of zero elements and zero dimensions']

describe.each([...recipes])('recipe %s', (recipe, steps) => {
  it.each(models)('makes %s no larger, self-contained, and the same bytes every time', async (name, read) => {
    const convert = async () => {
      const model = read()
      const results = await applyPasses(model, steps)
      expect(results.map(({ pass }) => pass)).toEqual(steps.map(({ pass }) => pass))
      return encodeModel(model)
    }
    const variant = await convert()
    const source = encodeModel(read()).length
    const most = recipe === 'float16-compute' && casts.includes(name) ? 1.6 * source : source + 16
    expect(variant.length).toBeLessThanOrEqual(most)
    expect(externalLocations(readModel(variant))).toEqual([])
    expect(Buffer.from(variant).equals(await convert())).toBe(true)
  })
})
