import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  encodeModel,
  type Graph,
  Model,
  type Node,
  OnnxError,
  readModel,
  Tensor,
  type Value,
} from '../src/index'
import { expectConsistent, expectWritesItself, graphsIn, isAvailable } from './consistency'
import { fixture } from './models'
import { richModel } from './rich-model'

const float = (...shape: number[]) => ({ kind: 'tensor', dataType: 'float32', shape }) as const
const one = Tensor.of('float32', [], [1])
const invalidEdit = expect.objectContaining({ code: 'ONNX_INVALID_EDIT' })

/** x -> Neg -> n -> If(flag) { Add(n, w) } { n captured as output } -> y */
function sample(): Model {
  const model = readModel(richModel)
  model.graph.find('nobody')
  return model
}

const value = (model: Model, name: string): Value => model.graph.find(name)!
const node = (model: Model, name: string): Node => [...model.nodes()].find((each) => each.name === name)!

describe('a model that was read', () => {
  it.each(['diabetes_mlp', 'digits_script', 'digits_ext'])('knows the uses and producers of %s', (name) => {
    expectConsistent(readModel(fixture(name)))
  })

  it('sees uses in nested graphs', () => {
    const model = sample()
    const inner = value(model, 'h').uses.map((use) => use.node.graph.name)
    expect(inner.sort()).toEqual(['else', 'extra_graph', 'then'])
    expect(value(model, 'h').producer).toBe(node(model, 'mul'))
  })

  it('walks its graphs depth first', () => {
    expect([...sample().graphs()].map(({ name }) => name)).toEqual(['main', 'then', 'else', 'extra_graph'])
    expect([...readModel(fixture('digits_script')).graphs()].map(({ name }) => name).slice(0, 4)).toEqual([
      'main_graph',
      'sub_graph',
      'sub_graph1',
      'sub_graph2',
    ])
  })

  it('tells constants from inputs with a default', () => {
    const model = sample()
    expect(value(model, 'bias')).toMatchObject({ isInput: true, isConstant: false })
    expect(value(model, 'w')).toMatchObject({ isInput: false, isConstant: true })
    model.irVersion = 3
    expect(value(model, 'bias').isConstant).toBe(true)
    expect(value(model, 'mostly_zero').sparseInitializer?.dims).toEqual([8])
  })

  it('has types of inputs, intermediates and constants', () => {
    const model = sample()
    const kinds = ['x', 'h', 'w', 'list', 'table', 'maybe', 'secret', 'thin', 'chosen'].map(
      (name) => value(model, name).type,
    )
    expect(kinds).toEqual([
      { kind: 'tensor', dataType: 'float32', shape: ['N', 2] },
      float(2),
      float(2, 2),
      { kind: 'sequence', element: { kind: 'tensor', dataType: 'float32', shape: ['M'] } },
      { kind: 'map', key: 'string', value: { kind: 'tensor', dataType: 'int64', shape: [] } },
      { kind: 'optional', element: { kind: 'tensor', dataType: 'float32', shape: [] }, denotation: 'IMAGE' },
      { kind: 'opaque', domain: 'org.example', name: 'key' },
      { kind: 'sparse-tensor', dataType: 'float32', shape: [8] },
      undefined,
    ])
  })

  it('gives attributes by type, and refuses the wrong one', () => {
    const custom = sample().graph.nodes[2]!
    expect(custom.float('f')).toBeCloseTo(0.1)
    expect(custom.attribute('i')).toMatchObject({ type: 'int', value: 9007199254740993n })
    expect(() => custom.int('i')).toThrow(expect.objectContaining({ code: 'ONNX_UNSAFE_INTEGER' }))
    expect(custom.string('s')).toBe('text "quoted" \\')
    expect(custom.tensor('t')?.elements()).toEqual([7])
    expect(custom.ints('is')).toEqual([1, -2, 3])
    expect(custom.floats('fs')).toEqual([1, 0.5])
    expect(custom.strings('ss')).toEqual(['a', 'b'])
    expect(custom.int('missing', 5)).toBe(5)
    expect(custom.ints('missing')).toBeUndefined()
    expect(() => custom.int('f')).toThrow(expect.objectContaining({ code: 'ONNX_INVALID_ATTRIBUTE' }))
  })

  it('knows opsets by either name of the standard domain', () => {
    const model = sample()
    expect([model.opset(), model.opset('org.example'), model.opset('none')]).toEqual([21, 1, 0])
  })
})

describe('an edit', () => {
  let model: Model
  beforeEach(() => {
    model = sample()
  })
  const check = () => {
    expectConsistent(model)
    expectWritesItself(model)
  }

  it('replaces a value everywhere, in nested graphs too', () => {
    const constant = model.graph.addInitializer('k', Tensor.of('float32', [2], [1, 2]))
    value(model, 'h').replaceAllUsesWith(constant)
    expect(value(model, 'h').uses).toEqual([])
    expect(constant.uses).toHaveLength(3)
    check()
  })

  it('inserts a node before and after another', () => {
    const x = value(model, 'x')
    const before = model.graph.addNode(
      { opType: 'Neg', inputs: [x], outputs: ['n'] },
      { before: node(model, 'mul') },
    )
    node(model, 'mul').setInput(0, before.outputs[0])
    const after = model.graph.addNode(
      { opType: 'Abs', inputs: [value(model, 'h')], outputs: ['a'] },
      { after: node(model, 'mul') },
    )
    expect(model.graph.nodes.slice(0, 3)).toEqual([before, node(model, 'mul'), after])
    check()
  })

  it('adds a node with attributes of every kind', () => {
    const graph = node(model, 'choice').subgraph('then_branch')!
    const attributes = {
      f: { type: 'float', value: 0.5 },
      i: { type: 'int', value: 2n ** 60n },
      s: { type: 'string', value: 'é' },
      t: { type: 'tensor', value: Tensor.fromStrings([1], ['word']) },
      tp: { type: 'type', value: float(1) },
      fs: { type: 'floats', value: [1, 2] },
      is: { type: 'ints', value: [-1, 5n] },
      ss: { type: 'strings', value: ['a'] },
      ts: { type: 'tensors', value: [one] },
      sp: {
        type: 'sparse-tensor',
        value: { dims: [4], values: Tensor.of('float32', [1], [1]), indices: Tensor.of('int64', [1], [3]) },
      },
      tps: { type: 'types', value: [float()] },
    } as const
    graph.addNode({ opType: 'Any', domain: 'd', name: 'any', inputs: [], outputs: ['any'], attributes })
    const read = node(readModel(encodeModel(model, { external: 'keep' })), 'any')
    expect(read.attribute('i')).toMatchObject({ value: 2n ** 60n })
    expect(read.attribute('is')).toMatchObject({ value: [-1, 5] })
    expect(read.tensor('t')?.strings()).toEqual(['word'])
    expect([...read.attributes()].map(({ name, type }) => [name, type])).toEqual(
      Object.entries(attributes).map(([name, { type }]) => [name, type]),
    )
    check()
  })

  it('replaces a node in place: its outputs stay what they were', () => {
    const outputs = [...model.graph.nodes[2]!.outputs]
    const inputs = [...model.graph.nodes[2]!.inputs]
    const replacement = model.graph.replaceNode(model.graph.nodes[2]!, { opType: 'Other', inputs })
    expect(replacement.outputs).toEqual(outputs)
    expect(model.graph.outputs[0]!.producer).toBe(replacement)
    check()
  })

  it('removes a node that nothing uses, and all that it used inside', () => {
    const custom = model.graph.nodes[2]!
    expect(() => model.graph.removeNode(custom)).toThrow(invalidEdit)
    custom.removeAttribute('gs')
    expect(value(model, 'h').uses).toHaveLength(2)
    custom.setInput(0, value(model, 'w'))
    model.graph.removeNode(node(model, 'choice'))
    expect(value(model, 'h').uses).toEqual([])
    expect(() => model.graph.removeNode(custom)).toThrow(invalidEdit)
    check()
  })

  it('moves a graph from one node to another', () => {
    const choice = node(model, 'choice')
    const branch = choice.subgraph('then_branch')!
    const target = model.graph.addNode({ opType: 'Loop', inputs: [], outputs: ['l'] })
    expect(() => target.setAttribute('body', { type: 'graph', value: branch })).toThrow(invalidEdit)
    choice.removeAttribute('then_branch')
    expect(value(model, 'h').uses).toHaveLength(2)
    target.setAttribute('body', { type: 'graph', value: branch })
    expect(branch.owner).toBe(target)
    expect(value(model, 'h').uses).toHaveLength(3)
    check()
  })

  it('reaches from a nested graph up to the file', () => {
    const inner = node(model, 'choice').subgraph('else_branch')!.nodes[1]!
    inner.opType = 'Sigmoid'
    const read = node(readModel(encodeModel(model, { external: 'keep' })), 'choice').subgraph('else_branch')!
    expect(read.nodes.map(({ opType }) => opType)).toEqual(['Add', 'Sigmoid'])
    check()
  })

  it('reaches up even where the nested graph came in two pieces', () => {
    // node { op_type: "If", attribute { name: "b", type: GRAPH, g { node { op_type: "A" } }, g { name: "n" } } }
    const [first, second] = [
      [0x0a, 3, 0x22, 1, 0x41],
      [0x12, 1, 0x6e],
    ]
    const attribute = [
      0x0a,
      1,
      0x62,
      0xa0,
      1,
      5,
      0x32,
      first.length,
      ...first,
      0x32,
      second.length,
      ...second,
    ]
    const owner = [0x22, 2, 0x49, 0x66, 0x2a, attribute.length, ...attribute]
    const graph = [0x0a, owner.length, ...owner]
    const pieces = readModel(Uint8Array.of(8, 8, 0x3a, graph.length, ...graph))
    const body = pieces.graph.nodes[0]!.subgraph('b')!
    expect(body.name).toBe('n')
    body.nodes[0]!.opType = 'B'
    expect([...readModel(encodeModel(pieces)).nodes()].map(({ opType }) => opType)).toEqual(['If', 'B'])
  })

  it('renames a value wherever it stands', () => {
    value(model, 'h').name = 'renamed'
    value(model, 'y').name = 'result'
    value(model, 'x').name = 'image'
    value(model, 'w').name = 'weights'
    expect(model.graph.outputs[0]?.name).toBe('result')
    const read = readModel(encodeModel(model, { external: 'keep' }))
    expect(read.graph.find('renamed')?.uses).toHaveLength(3)
    expect(read.graph.inputs[0]?.name).toBe('image')
    expect(read.graph.outputs[0]?.name).toBe('result')
    expect(read.graph.find('weights')?.initializer?.elements()).toEqual([1, 2, 3, 4])
    check()
  })

  it('cannot give a name twice, or one that is hidden from its uses, or that hides another', () => {
    expect(() => (value(model, 'h').name = 'x')).toThrow(
      expect.objectContaining({ code: 'ONNX_DUPLICATE_NAME' }),
    )
    expect(() => model.graph.addInitializer('x', one)).toThrow(
      expect.objectContaining({ code: 'ONNX_DUPLICATE_NAME' }),
    )
    expect(() => (value(model, 'h').name = 'then_sum')).toThrow(invalidEdit)
    const branch = node(model, 'choice').subgraph('then_branch')!
    expect(() => branch.addInitializer('h', one)).toThrow(invalidEdit)
    expect(() => (branch.find('then_w')!.name = 'h')).toThrow(invalidEdit)
    check()
  })

  it('cannot use a value out of its scope', () => {
    const inner = node(model, 'choice').subgraph('then_branch')!.find('then_sum')!
    expect(() => node(model, 'mul').setInput(0, inner)).toThrow(invalidEdit)
    expect(() => model.graph.addNode({ opType: 'Neg', inputs: [inner], outputs: ['o'] })).toThrow(invalidEdit)
    expect(() => model.graph.setOutput(0, inner)).toThrow(invalidEdit)
    expect(() => node(model, 'mul').setInput(0, readModel(richModel).graph.find('x'))).toThrow(invalidEdit)
    check()
  })

  it('finds names that are new in the whole model', () => {
    expect(model.graph.uniqueName('fresh')).toBe('fresh')
    expect(model.graph.uniqueName('then_sum')).toBe('then_sum_1')
    model.graph.addInitializer(model.graph.uniqueName('w'), one)
    expect(model.graph.uniqueName('w')).toBe('w_2')
    expect(value(model, 'w_1').initializer).toBe(one)
  })

  it('adds, replaces and removes initializers', () => {
    const { graph } = model
    value(model, 'w').initializer = Tensor.of('int8', [1], [5])
    expect(value(model, 'w').type).toMatchObject({ dataType: 'int8', shape: [1] })
    expect(() => graph.removeInitializer(value(model, 'w'))).toThrow(invalidEdit)
    const added = graph.addInitializer('added', one)
    graph.removeInitializer(added)
    expect(graph.find('added')).toBeUndefined()
    graph.removeInitializer(value(model, 'bias'))
    expect(value(model, 'bias')).toMatchObject({ isInput: true, initializer: undefined })
    value(model, 'words').sparseInitializer = {
      dims: [4],
      values: Tensor.of('float32', [1], [1]),
      indices: Tensor.of('int64', [1], [0]),
    }
    check()
  })

  it('changes outputs, inputs, types and value_info', () => {
    const { graph } = model
    graph.setOutput(1, value(model, 'h'))
    expect(value(model, 'z').isOutput).toBe(false)
    graph.addOutput(value(model, 'z'), float())
    graph.removeInput(value(model, 'table'))
    expect(() => graph.removeInput(value(model, 'x'))).toThrow(invalidEdit)
    graph.addInput('more', float(3))
    value(model, 'x').type = { kind: 'tensor', dataType: 'float16', shape: [1, undefined, 'M'] }
    value(model, 'chosen').type = float(2)
    const read = readModel(encodeModel(model, { external: 'keep' }))
    expect(read.graph.outputs.map(({ name }) => name)).toEqual(['y', 'h', 'z'])
    expect(read.graph.find('x')?.type).toMatchObject({ dataType: 'float16', shape: [1, undefined, 'M'] })
    expect(read.graph.find('chosen')?.type).toEqual(float(2))
    check()
    value(model, 'list').docString = ''
    value(model, 'z').setMetadata([['k', 'v']])
    check()
    const noted = readModel(encodeModel(model, { external: 'keep' })).graph
    expect(noted.find('list')?.docString).toBe('')
    expect([...(noted.find('z')?.metadata ?? [])]).toEqual([['k', 'v']])
    expect(graph.clearValueInfo()).toBe(3)
    expect(value(model, 'chosen').type).toBeUndefined()
    check()
  })

  it('keeps what it does not know of the node it changes', () => {
    node(model, 'mul').opType = 'Gemm'
    const written = readModel(encodeModel(model, { external: 'keep' }))
    const { doc_string, device_configurations, metadata_props } = node(written, 'mul')._message
    expect([doc_string, device_configurations?.length, metadata_props?.length]).toEqual(['node', 1, 1])
  })

  it('sets what the model says of itself', () => {
    model.irVersion = 9
    model.producerName = 'me'
    model.docString = ''
    model.opsetImports.set('', 20)
    model.metadata.delete('model')
    model.graph.docString = ''
    model.graph.setMetadata([])
    node(model, 'mul').docString = ''
    node(model, 'mul').setMetadata([['k', 'v']])
    const read = readModel(encodeModel(model, { external: 'keep' }))
    expect(read).toMatchObject({ irVersion: 9, producerName: 'me', docString: '' })
    expect([read.opset(), read.opset('org.example'), read.metadata.size]).toEqual([20, 1, 0])
    expect([read.graph.docString, read.graph.metadata.size, node(read, 'mul').docString]).toEqual(['', 0, ''])
    expect([...node(read, 'mul').metadata]).toEqual([['k', 'v']])
  })

  it('may walk the nodes while it adds and removes some', () => {
    let walked = 0
    for (const each of model.graph.nodes) {
      walked++
      const [input] = each.inputs
      if (input === undefined) continue
      const name = model.graph.uniqueName('copy')
      const copy = model.graph.addNode(
        { opType: 'Identity', inputs: [input], outputs: [name] },
        { before: each },
      )
      each.setInput(0, copy.outputs[0])
    }
    expect(walked).toBe(4)
    expect(model.graph.nodes).toHaveLength(8)
    check()
  })
})

describe('a model made from nothing', () => {
  it('is written and read like any other', () => {
    const model = Model.create({ opsetImports: { '': 17 }, name: 'made', inputs: { x: float(2) } })
    const { graph } = model
    const w = graph.addInitializer('w', Tensor.of('float32', [2], [3, 4]))
    const add = graph.addNode({ opType: 'Add', inputs: [graph.inputs[0], w], outputs: ['y'] })
    graph.addOutput(add.outputs[0]!, float(2))
    expectConsistent(model)
    expectWritesItself(model)
    const read = readModel(encodeModel(model))
    expect(read).toMatchObject({ irVersion: 8, parameterCount: 2 })
    expect(read.opset()).toBe(17)
    expect(read.graph.outputs[0]?.type).toEqual(float(2))
  })
})

/** One random edit; `pick` takes an element of a list. It may be refused, but only with an OnnxError. */
type Edit = (model: Model, pick: <T>(list: readonly T[]) => T | undefined) => void

const allGraphs = (model: Model): Graph[] => graphsIn(model.graph)
const allValues = (model: Model): Value[] => allGraphs(model).flatMap((graph) => [...graph.values()])
const edits: Record<string, Edit> = {
  addNode(model, pick) {
    const graph = pick(allGraphs(model))!
    const anchor = pick(graph.nodes)
    const available = allValues(model).filter((each) =>
      anchor ? isAvailable(each, anchor) : each.producer === undefined && graph.find(each.name) === each,
    )
    const outputs = [graph.uniqueName('new'), '', pick(['h', 'x', graph.uniqueName('w')])!]
    graph.addNode(
      { opType: 'Added', inputs: [pick(available), undefined, pick(available)], outputs },
      anchor && { before: anchor },
    )
  },
  addInitializer: (model, pick) =>
    void pick(allGraphs(model))?.addInitializer(pick(['h', 'k', 'then_w', 'x'])!, one),
  removeNode(model, pick) {
    const node = pick([...model.nodes()])
    node?.graph.removeNode(node)
  },
  replaceNode(model, pick) {
    const node = pick([...model.nodes()])
    node?.graph.replaceNode(node, { opType: 'Replaced', inputs: [...node.inputs] })
  },
  setInput(model, pick) {
    const node = pick([...model.nodes()])!
    const value = pick([undefined, ...allValues(model)])
    if (value === undefined || isAvailable(value, node) || node.graph.find(value.name) !== value)
      node.setInput(pick([0, 1, 4])!, value)
  },
  truncateInputs: (model, pick) => pick([...model.nodes()])?.truncateInputs(1),
  replaceUses(model, pick) {
    const [from, to] = [pick(allValues(model))!, pick(allValues(model))!]
    if (from.uses.every(({ node }) => isAvailable(to, node))) from.replaceAllUsesWith(to)
  },
  rename(model, pick) {
    pick(allValues(model))!.name = pick(['h', 'renamed', 'then_sum', 'x2'])!
  },
  setOutput(model, pick) {
    const graph = pick(allGraphs(model))!
    const value = pick(allValues(model))!
    if (graph.owner === undefined || value.graph === graph || isAvailable(value, graph.owner))
      graph.setOutput(0, value)
  },
  removeInitializer(model, pick) {
    const value = pick(allValues(model))!
    value.graph.removeInitializer(value)
  },
  setType(model, pick) {
    pick(allValues(model))!.type = pick([undefined, float(1), float()])
  },
  setAttribute: (model, pick) =>
    pick([...model.nodes()])?.setAttribute(pick(['then_branch', 'alpha'])!, { type: 'int', value: 1 }),
  moveGraph(model, pick) {
    const from = pick([...model.nodes()].filter((node) => node.subgraphs().length > 0))
    const to = pick([...model.nodes()])
    const attribute = from && [...from.attributes()].find(({ type }) => type === 'graph')
    if (attribute?.type !== 'graph' || to === undefined || attribute.value.encloses(to.graph)) return
    const captured = allValues(model).filter(
      (each) =>
        each.uses.some(({ node }) => attribute.value.encloses(node.graph)) ||
        attribute.value.outputs.includes(each),
    )
    if (!captured.every((each) => attribute.value.encloses(each.graph) || isAvailable(each, to))) return
    from!.removeAttribute(attribute.name)
    to.setAttribute('moved', attribute)
  },
  clearValueInfo: (model, pick) => void pick(allGraphs(model))?.clearValueInfo(),
}

describe('any sequence of edits', () => {
  it('leaves uses and producers right, and a model that is written as it stands in memory', () => {
    const done = new Map<string, number>()
    const steps = fc.array(
      fc.tuple(
        fc.constantFrom(...Object.keys(edits)),
        fc.array(fc.noBias(fc.nat(1 << 20)), { minLength: 6, maxLength: 6 }),
      ),
      { minLength: 5, maxLength: 30, size: 'max' },
    )
    fc.assert(
      fc.property(steps, (list) => {
        const model = readModel(richModel)
        for (const [name, choices] of list) {
          const rest = [...choices]
          try {
            edits[name]!(model, (options) => options[(rest.pop() ?? 0) % options.length])
            done.set(name, (done.get(name) ?? 0) + 1)
          } catch (error) {
            if (!(error instanceof OnnxError)) throw error
          }
          expectConsistent(model)
        }
        expectWritesItself(model)
      }),
      { numRuns: 300, seed: 7 },
    )
    for (const name of Object.keys(edits)) expect(done.get(name) ?? 0, name).toBeGreaterThan(20)
  })
})
