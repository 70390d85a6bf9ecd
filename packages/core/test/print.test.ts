import { describe, expect, it } from 'vitest'
import { Model, printModel, readModel, Tensor } from '../src/index'
import { fixture } from './models'
import { modelProto } from './oracle'
import { richModel } from './rich-model'

const golden = (name: string) => `golden/${name}.txt`

describe('a printed model', () => {
  it('shows everything that a model can hold', async () => {
    await expect(printModel(readModel(richModel))).toMatchFileSnapshot(golden('rich-model'))
  })

  it.each(['diabetes_mlp', 'digits_script', 'digits_ext'])(
    'shows %s as ONNX writes it in text',
    async (name) => {
      await expect(printModel(readModel(fixture(name)))).toMatchFileSnapshot(golden(name))
    },
  )

  it('shows no more of a tensor than it has, however few elements are asked for', () => {
    const model = Model.create({ opsetImports: { '': 17 } })
    model.graph.addInitializer('w', Tensor.of('int64', [2], [1, 2]))
    expect(printModel(model, { elements: 1 })).toContain('int64[2] w = {1, 2, ...}')
    expect(printModel(model, { elements: 0 })).toContain('{1, 2, ...}')
  })

  it('is the same each time', () => {
    const [first, second] = [1, 2].map(() => printModel(readModel(fixture('digits_script'))))
    expect(first).toBe(second)
  })

  it('escapes control characters, direction marks and quotes in names and strings', () => {
    const evil = 'a"b\\c\u001b[31m\n\u202e\u2028\udc80'
    const bytes = modelProto
      .encode(
        modelProto.fromObject({
          irVersion: 8,
          graph: { name: 'g', input: [{ name: 'x\u001b[2J\n' }], docString: evil },
        }),
      )
      .finish()
    const model = readModel(bytes)
    model.graph.addNode({
      opType: 'Op\n',
      domain: 'd\u001b',
      name: evil,
      inputs: [],
      outputs: ['o\r'],
      attributes: { 'k\0': { type: 'string', value: evil } },
    })
    model.metadata.set(evil, evil)
    const text = printModel(model)
    expect(text).toContain('"a\\"b\\\\c\\u{1b}[31m\\u{a}\\u{202e}\\u{2028}\\u{dc80}"')
    expect(text).toContain('"d\\u{1b}"."Op\\u{a}"')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e\u2028]/)
  })

  it('cuts long tensors, lists and strings, and says so', () => {
    const model = Model.create({ opsetImports: { '': 17 } })
    model.graph.addInitializer('long', Tensor.of('int8', [17], Array(17).fill(1)))
    model.graph.addInitializer('short', Tensor.of('int8', [16], Array(16).fill(1)))
    const attributes = {
      is: { type: 'ints', value: Array(20).fill(0) },
      s: { type: 'string', value: 's'.repeat(500) },
    } as const
    model.graph.addNode({ opType: 'Op', inputs: [], outputs: ['y'], attributes })
    const text = printModel(model)
    expect(text).toContain('long = {1, 1, 1, 1, ...}')
    expect(text).toContain(`short = {${Array(16).fill(1).join(', ')}}`)
    expect(text).toContain('is: ints = [0, 0, 0, 0, ...(20)]')
    expect(text).toContain(`s: string = "${'s'.repeat(120)}…"`)
    expect(printModel(model, { elements: 20 })).toContain(`long = {${Array(17).fill(1).join(', ')}}`)
  })

  it('writes float32 in as few digits as bring it back', () => {
    const model = Model.create({ opsetImports: { '': 17 } })
    const values = [0.1, 1 / 3, 1e-20, 16777216, -0, NaN, Infinity, -Infinity, 3.4028234663852886e38]
    model.graph.addInitializer('w', Tensor.of('float32', [values.length], values))
    expect(printModel(model)).toContain(
      '{0.1, 0.33333334, 1e-20, 16777216, -0, nan, inf, -inf, 3.4028235e+38}',
    )
  })

  it('makes no weights and reads no files', () => {
    const model = readModel(richModel)
    model.graph.addInitializer(
      'lazy',
      Tensor.lazy('int8', [1], () => expect.fail('produced')),
    )
    expect(printModel(model)).toContain('int8[1] lazy = {...}')
  })
})
