/** The engine that passes get: constants evaluated, activations observed, inputs read from a calibration file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeModel, type Observation, passes, readModel } from '@unplugin-onnx/core'
import { describe, expect, it } from 'vitest'
import { engineFinder } from '../src/engine-package'
import { passContext } from '../src/pass-context'
import { transform } from '../src/transform'

const folder = fileURLToPath(new URL('../../../test/fixtures/models/', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
const load = (name: string) => readModel(readFileSync(join(folder, `${name}.onnx`)))

describe.each(['wasm', 'node'] as const)('the context of passes in %s', (name) => {
  const engine = engineFinder(name, root, 'model')
  const feed = (data: readonly number[]) => ({
    x: { type: 'float32' as const, dims: [1, 10], data: Float32Array.from(data) },
  })
  const feeds = [feed(Array(10).fill(0.5)), feed(Array(10).fill(-1))]

  it('observes every value on every sample, as the engine computes it', async () => {
    const model = load('diabetes_mlp')
    const before = encodeModel(model)
    const [gemm] = model.graph.nodes
    const seen: Observation[] = []
    await passContext(engine, 'model', feeds).calibration!.observe(
      model,
      [model.graph.inputs[0]!, gemm!.outputs[0]!],
      (observation) => seen.push({ ...observation, data: observation.data.slice() }),
    )
    expect(seen.map(({ value, sample }) => [value.name, sample])).toEqual([
      ['x', 0],
      [gemm!.outputs[0]!.name, 0],
      ['x', 1],
      [gemm!.outputs[0]!.name, 1],
    ])
    expect([...seen[2]!.data]).toEqual(Array(10).fill(-1))
    // y = x B^T + c, computed by hand from the same initializers.
    const weight = gemm!.inputs[1]!.initializer!
    const bias = gemm!.inputs[2]!.initializer!.float32()
    const [outputs = 0, features = 0] = weight.dims
    for (const [row, input] of [feeds[0]!, feeds[1]!].entries()) {
      const expected = Array.from({ length: outputs }, (_, out) => {
        let sum = bias[out]!
        for (let k = 0; k < features; k++) sum += input.x.data[k]! * weight.float32()[out * features + k]!
        return sum
      })
      const { data, dims } = seen[row * 2 + 1]!
      expect(dims).toEqual([1, outputs])
      for (const [index, value] of expected.entries()) expect(data[index]).toBeCloseTo(value, 4)
    }
    expect(encodeModel(model)).toEqual(before)
  })

  it('observes what lies in loops, in every round, and in the branches that are taken', async () => {
    const model = load('digits_script')
    const values = [...model.nodes()]
      .filter(({ opType, graph }) => opType === 'Gemm' && graph.owner !== undefined)
      .map((node) => node.outputs[0]!)
    const shapes = new Map<string, string[]>()
    const x = (value: number) => ({
      x: { type: 'float32' as const, dims: [1, 8, 8], data: new Float32Array(64).fill(value) },
    })
    await passContext(engine, 'model', [x(0.5), x(0)]).calibration!.observe(model, values, (seen) => {
      const { name } = seen.value
      shapes.set(name, [...(shapes.get(name) ?? []), seen.dims.join()])
      expect(seen.data.length).toBe(seen.dims.reduce((size, dim) => size * dim, 1))
    })
    // Eight rows of the digit are eight rounds; rows of zeros take no branch that multiplies, and count for nothing.
    expect(values.map(({ name }) => shapes.get(name)?.length)).toEqual(values.map(() => 8))
    expect(new Set([...shapes.values()].flat())).toEqual(new Set(['1,48']))
  })

  it('says what the engine refuses, and which engine', async () => {
    const model = load('diabetes_mlp')
    const wrong = { x: { ...feeds[0]!.x, dims: [2, 5] } }
    await expect(
      passContext(engine, 'model', [wrong]).calibration!.observe(model, [model.graph.outputs[0]!], () => {}),
    ).rejects.toMatchObject({
      code: 'ONNX_ENGINE_FAILED',
      message: expect.stringContaining(name === 'wasm' ? 'onnxruntime-web' : 'onnxruntime-node'),
    })
  })

  it('evaluates constant nodes, and gives nothing for those that the engine refuses', async () => {
    const model = load('code_lang')
    const { evaluate } = passContext(engine, 'model')
    const results = await passes.get('fold-constants')!.run(model, { maxGrowth: 0 }, { evaluate: evaluate! })
    expect(results.changed).toBeGreaterThan(10)
    const node = model.graph.addNode({
      opType: 'NoSuchOperator',
      inputs: [[...model.initializers()][0]],
      outputs: ['never'],
    })
    expect(await evaluate!([node], [node.outputs[0]!])).toEqual([undefined])
  })
})

describe('transform', () => {
  const steps = [{ pass: 'fold-constants' }]

  it('says that a calibration file is missing before anything runs', async () => {
    await expect(
      transform(load('digits_mlp'), steps, { name: 'digits_mlp.onnx', root, calibration: 'nowhere.npz' }),
    ).rejects.toMatchObject({ code: 'ONNX_CALIBRATION_NOT_FOUND' })
  })

  it('says which input a calibration file has that the model has not', async () => {
    const calibration = join(folder, 'digits_script.npz')
    const options = { name: 'code_lang.onnx', root, calibration }
    await expect(transform(load('code_lang'), steps, options)).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_UNKNOWN_INPUT',
    })
  })
})
