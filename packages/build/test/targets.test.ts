/** Targets as data, and what their operator tables say of models. */
import { Model, Tensor, type ValueType } from '@unplugin-onnx/core'
import { describe, expect, it } from 'vitest'
import { defineTarget, type Target, targets, unsupported, variantsOf, wasmOperators } from '../src/index'
import { normalizeOptions } from '../src/options'
import { keyOf } from '../src/request'

const type = (dataType: 'float32' | 'float16', ...shape: number[]): ValueType => ({
  kind: 'tensor',
  dataType,
  shape,
})
const target = (name: string) => targets.get(name) as Target

/** One convolution of 3 x 3. */
function conv(inputs: number, outputs: number): Model {
  const model = Model.create({ opsetImports: { '': 17 }, inputs: { x: type('float32', 1, inputs, 8, 8) } })
  const { graph } = model
  const size = outputs * inputs * 9
  const stored = graph.addInitializer(
    'w',
    Tensor.fromBytes('int8', [outputs, inputs, 3, 3], new Uint8Array(size)),
  )
  const scale = graph.addInitializer('s', Tensor.of('float32', [], [1]))
  const [weight] = graph.addNode({
    opType: 'DequantizeLinear',
    inputs: [stored, scale],
    outputs: ['given'],
  }).outputs
  const [y] = graph.addNode({
    opType: 'Conv',
    name: 'first',
    inputs: [graph.find('x'), weight],
    outputs: ['y'],
  }).outputs
  graph.addOutput(y!)
  return model
}

const tv: Target = {
  name: 'tv',
  provider: 'wasm',
  engine: 'wasm',
  operators: {
    source: 'the maker',
    rules: [{ operator: 'Conv', when: { kernel: { from: 3 } }, outcome: 'cpu' }],
  },
  recipes: ['float16', 'int8'],
}

describe('a target', () => {
  it('gives a variant for devices that have shader-f16 before the one for all', () => {
    expect(variantsOf(target('webgpu')).map(({ requires }) => requires)).toEqual([['shader-f16'], []])
    expect(variantsOf(target('wasm'))).toEqual([{ requires: [], recipes: target('wasm').recipes }])
  })

  it('may be one of the user, named or given', () => {
    expect(normalizeOptions({ targets: [tv, 'wasm'] }, 'm').targets).toEqual([tv, target('wasm')])
    defineTarget(tv)
    expect(normalizeOptions({ targets: ['tv'], recipes: ['int8'] }, 'm').targets).toEqual([tv])
  })

  it('is refused with what is wrong about it', () => {
    const defined = (wrong: object) => () => defineTarget({ ...tv, ...wrong } as Target)
    expect(defined({ name: '' })).toThrow('holds a target without a name')
    expect(defined({ provider: 'wbgpu' })).toThrow("Did you mean 'webgpu'?")
    expect(defined({ engine: 'nod' })).toThrow("Did you mean 'node'?")
    expect(defined({ recipes: ['int9'] })).toThrow("Did you mean 'int8'?")
    expect(defined({ operators: undefined })).toThrow('has no table of operators')
  })

  it('is part of the key of a conversion, with its whole table', () => {
    const keyFor = (target: Target) => {
      const options = normalizeOptions({ targets: [target] }, 'm')
      const model = { path: '', bytes: 1, mtimeMs: 0, sha256: 'of the model' }
      return keyOf({ ...request, model, options, targets: [target] })
    }
    const request = { name: 'm', external: [], calibration: null, evaluation: null, engines: new Map() }
    const operators = {
      ...tv.operators,
      rules: [{ ...tv.operators.rules[0]!, when: { kernel: { from: 5 } } }],
    }
    expect(keyFor({ ...tv })).toBe(keyFor(structuredClone(tv)))
    expect(keyFor({ ...tv, operators })).not.toBe(keyFor(tv))
  })
})

describe('unsupported', () => {
  it('names the nodes, and what the provider does with them', () => {
    expect(unsupported(conv(9, 8), target('webgpu'))).toEqual([
      {
        node: 'first',
        opType: 'Conv',
        outcome: 'wrong',
        reason: expect.stringContaining('multiple of 3 input channels'),
      },
    ])
    expect(unsupported(conv(9, 8), target('wasm'))).toEqual([])
    expect(unsupported(conv(12, 8), target('webgpu'))).toEqual([])
    expect(unsupported(conv(1, 1), tv)).toEqual([
      { node: 'first', opType: 'Conv', outcome: 'cpu', reason: 'the provider leaves it to the CPU' },
    ])
  })

  it('takes for granted what a variant requires of the device', () => {
    const model = Model.create({ opsetImports: { '': 17 }, inputs: { x: type('float16', 4) } })
    const [y] = model.graph.addNode({
      opType: 'Relu',
      inputs: [model.graph.find('x')],
      outputs: ['y'],
    }).outputs
    model.graph.addOutput(y!)
    expect(unsupported(model, target('webgpu'))).toMatchObject([{ opType: 'Relu', outcome: 'refused' }])
    expect(unsupported(model, target('webgpu'), { requires: ['shader-f16'] })).toEqual([])
    expect(unsupported(model, { operators: wasmOperators })).toEqual([])
  })
})
