import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyPasses, encodeModel, type Graph, printModel, readModel, sqnr, type Value } from '../src/index'
import { add, build, floats, int, intList, run, tensorType } from './build-model'
import { type Feeds, float, runModel } from './engine'
import { packageModels } from './models'
import { random, weights } from './random'
import { calibration, line, page, trainedFolder } from './real-feeds'

const opTypes = (graph: Graph) => graph.nodes.map(({ opType }) => opType)

/** Scale, shift, mean and variance of a BatchNormalization that does something to each channel. */
function batchNorm(graph: Graph, input: Value, channels: number, name: string, seed = 1): Value {
  const next = random(seed)
  const values = (low: number, high: number) =>
    floats(
      [channels],
      Array.from({ length: channels }, () => low + (high - low) * next()),
    )
  const parameters = [values(-2, 2), values(-1, 1), values(-1, 1), values(0.1, 4)]
  const inputs = parameters.map((tensor, index) => graph.addInitializer(`${name}_${'abmv'[index]}`, tensor))
  return add(graph, 'BatchNormalization', [input, ...inputs], name, {
    epsilon: { type: 'float', value: 1e-3 },
  })
}

const weight = (graph: Graph, name: string, ...dims: number[]) =>
  graph.addInitializer(
    name,
    floats(
      dims,
      weights(
        dims.reduce((a, b) => a * b),
        dims.length + 7,
      ),
    ),
  )

const constant = (graph: Graph, name: string, dims: number[], seed: number) =>
  graph.addInitializer(
    name,
    floats(
      dims,
      weights(
        dims.reduce((a, b) => a * b, 1),
        seed,
        1,
      ),
    ),
  )

const picture = tensorType('float32', 1, 4, 6, 6)
const pictureFeeds = [{ x: float([1, 4, 6, 6], weights(144, 3, 1)) }]
const table = tensorType('float32', 3, 8)
const tableFeeds = [{ x: float([3, 8], weights(24, 3, 1)) }]

/** Layers before a normalization, with what is left of them. */
const layers: Record<string, [(graph: Graph, x: Value) => Value, string[], typeof picture?, Feeds[]?]> = {
  'Conv without bias': [
    (graph, x) => batchNorm(graph, add(graph, 'Conv', [x, weight(graph, 'w', 5, 4, 3, 3)], 'c'), 5, 'y'),
    ['Conv'],
  ],
  'Conv with groups and bias': [
    (graph, x) => {
      const inputs = [x, weight(graph, 'w', 6, 2, 3, 3), constant(graph, 'b', [6], 4)]
      return batchNorm(
        graph,
        add(graph, 'Conv', inputs, 'c', { group: int(2), pads: intList(1, 1, 1, 1) }),
        6,
        'y',
      )
    },
    ['Conv'],
  ],
  'depthwise Conv, Add of a bias': [
    (graph, x) => {
      const conv = add(graph, 'Conv', [x, weight(graph, 'w', 4, 1, 3, 3)], 'c', { group: int(4) })
      return batchNorm(graph, add(graph, 'Add', [constant(graph, 'b', [1, 4, 1, 1], 5), conv], 'a'), 4, 'y')
    },
    ['Conv'],
  ],
  'ConvTranspose with groups, Add of a bias': [
    (graph, x) => {
      const inputs = [x, weight(graph, 'w', 4, 3, 2, 2)]
      const conv = add(graph, 'ConvTranspose', inputs, 'c', { group: int(2), strides: intList(2, 2) })
      return batchNorm(graph, add(graph, 'Add', [conv, constant(graph, 'b', [6, 1, 1], 5)], 'a'), 6, 'y')
    },
    ['ConvTranspose'],
  ],
  'Conv, then scales and shifts in pieces': [
    (graph, x) => {
      const conv = add(graph, 'Conv', [x, weight(graph, 'w', 5, 4, 1, 1)], 'c')
      const centred = add(graph, 'Sub', [conv, constant(graph, 'mean', [5, 1, 1], 6)], 'centred')
      const divided = add(graph, 'Div', [centred, constant(graph, 'deviation', [1, 5, 1, 1], 7)], 'divided')
      const scaled = add(graph, 'Mul', [constant(graph, 'two', [], 8), divided], 'scaled')
      return add(graph, 'Sub', [constant(graph, 'one', [1], 9), scaled], 'y')
    },
    ['Conv'],
  ],
  'Gemm with alpha 1, beta 0.5 and transB': [
    (graph, x) => {
      const inputs = [x, weight(graph, 'w', 5, 8), constant(graph, 'b', [1, 5], 4)]
      const attributes = { transB: int(1), beta: { type: 'float', value: 0.5 } } as const
      return batchNorm(graph, add(graph, 'Gemm', inputs, 'c', attributes), 5, 'y')
    },
    ['Gemm'],
    table,
    tableFeeds,
  ],
  'MatMul and Add': [
    (graph, x) => {
      const product = add(graph, 'MatMul', [x, weight(graph, 'w', 8, 5)], 'c')
      return batchNorm(graph, add(graph, 'Add', [product, constant(graph, 'b', [5], 4)], 'a'), 5, 'y')
    },
    ['MatMul', 'Add'],
    table,
    tableFeeds,
  ],
}

describe('fuse-batch-norm', () => {
  it.each(Object.entries(layers))(
    'folds into %s',
    async (_, [fill, left, type = picture, feeds = pictureFeeds]) => {
      for (const opset of [7, 9, 13, 15]) {
        const model = build(opset, { x: type }, (graph, input) => graph.addOutput(fill(graph, input('x'))))
        const source = encodeModel(model)
        expect(await run(model, 'fuse-batch-norm')).toMatchObject({ changed: 1, skipped: [] })
        expect(opTypes(model.graph)).toEqual(left)
        expect(model.graph.outputs[0]!.name).toBe('y')
        const variant = encodeModel(model)
        expect(variant.length).toBeLessThan(source.length)
        for (const name of ['wasm', 'node'] as const) {
          const [expected] = await runModel(source, feeds, { name })
          const [actual] = await runModel(variant, feeds, { name, optimize: 'disabled' })
          expect(sqnr(expected!.y!.data, actual!.y!.data)).toBeGreaterThan(115)
        }
        expect(await run(readModel(variant), 'fuse-batch-norm')).toMatchObject({ changed: 0, skipped: [] })
      }
    },
  )

  it('keeps attributes of the layer, and takes constants along that nothing else reads', async () => {
    const model = build(13, { x: picture }, (graph, input) =>
      graph.addOutput(layers['ConvTranspose with groups, Add of a bias']![0](graph, input('x'))),
    )
    const before = printModel(model)
    await run(model, 'fuse-batch-norm')
    await expect(`${before}\n${printModel(model)}`).toMatchFileSnapshot('golden/passes/fuse-batch-norm.txt')
  })

  it.each([
    ['in training', 13, 'computes its statistics in training'],
    ['of single activations', 7, 'normalizes each activation and not channels'],
    ['of a layer that others read', 13, 'others read what c_node makes'],
    ['without a layer', 13, 'no layer with a constant weight comes before it'],
    ['with parameters of its own making', 13, 'has parameters that are no float32 constants, one a channel'],
    ['of a weight with other readers', 13, 'others read the weight w'],
    ['with a variance of zero', 13, 'its factors are not finite'],
  ])('leaves a normalization %s', async (what, opset, reason) => {
    const model = build(opset, { x: picture }, (graph, input) => {
      const x = input('x')
      const w = weight(graph, 'w', 4, 4, 5, 5)
      const conv = what === 'without a layer' ? x : add(graph, 'Conv', [x, w], 'c')
      const y = batchNorm(graph, conv, 4, 'y')
      const node = y.producer!
      if (what === 'in training') node.setAttribute('training_mode', int(1))
      if (what === 'of single activations') node.setAttribute('spatial', int(0))
      if (what === 'of a layer that others read') graph.addOutput(conv)
      if (what === 'of a weight with other readers') graph.addOutput(add(graph, 'Conv', [x, w], 'other'))
      if (what === 'with parameters of its own making')
        node.setInput(1, graph.addInput('given', tensorType('float32', 4)))
      if (what === 'with a variance of zero') {
        node.setAttribute('epsilon', { type: 'float', value: 0 })
        node.inputs[4]!.initializer = floats([4], [1, 0, 1, 1])
      }
      graph.addOutput(y)
    })
    expect(await run(model, 'fuse-batch-norm')).toEqual({
      pass: 'fuse-batch-norm',
      changed: 0,
      skipped: [{ node: 'y_node', reason }],
    })
  })

  it('copies a shared weight that is no larger than the constants that go', async () => {
    const model = build(13, { x: picture }, (graph, input) => {
      const w = weight(graph, 'w', 4, 1, 1, 1)
      const conv = (name: string) => add(graph, 'Conv', [input('x'), w], name, { group: int(4) })
      graph.addOutput(batchNorm(graph, conv('a'), 4, 'y'))
      graph.addOutput(conv('z'))
    })
    const source = encodeModel(model)
    expect(await run(model, 'fuse-batch-norm')).toMatchObject({ changed: 1, skipped: [] })
    const [expected] = await runModel(source, pictureFeeds)
    const [actual] = await runModel(encodeModel(model), pictureFeeds)
    for (const name of ['y', 'z'])
      expect(sqnr(expected![name]!.data, actual![name]!.data)).toBeGreaterThan(120)
  })

  it.each([
    [packageModels[0]!, page(), 3, 95],
    [packageModels[1]!, line(320), 6, 95],
    [packageModels[2]!, line(192), 35, 95],
    [join(trainedFolder, 'digits_cnn.onnx'), calibration('digits_cnn', 16, 1), 3, 95],
  ])('leaves none in model %#', async (file, feeds, count, least) => {
    const source = readFileSync(file)
    const model = readModel(source)
    await applyPasses(model, [{ pass: 'fold-constants' }])
    const left = () => [...model.nodes()].filter(({ opType }) => opType === 'BatchNormalization').length
    expect(left()).toBe(count)
    await run(model, 'fuse-batch-norm')
    expect(left(), basename(file)).toBe(0)
    const [expected] = await runModel(source, feeds)
    const [actual] = await runModel(encodeModel(model), feeds)
    for (const [name, { data }] of Object.entries(expected!))
      expect(sqnr(data, actual![name]!.data)).toBeGreaterThan(least)
  })
})
