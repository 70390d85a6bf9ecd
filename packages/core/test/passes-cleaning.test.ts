import { describe, expect, it } from 'vitest'
import {
  applyPasses,
  encodeModel,
  type Graph,
  Model,
  type Node,
  type PassContext,
  printModel,
  readModel,
  Tensor,
  type Value,
} from '../src/index'
import { digest, equalBytes, orderlessDigest } from '../src/passes/same-bytes'
import { add, body, build, floats, int, intList, ints, run, tensorType } from './build-model'
import { float, runModel } from './engine'
import { weights } from './random'

const x = tensorType('float32', 1, 4)
const opTypes = (graph: Graph) => graph.nodes.map(({ opType }) => opType)
const ifNode = (graph: Graph, condition: Value, output: string): Node =>
  graph.addNode({ opType: 'If', inputs: [condition], outputs: [output] })

describe('fold-constants', () => {
  const all = () =>
    build(17, { x, flag: tensorType('bool') }, (graph, input) => {
      const constants = {
        tensor: { value: { type: 'tensor', value: floats([4], [1, 2, 3, 4]) } },
        float: { value_float: { type: 'float', value: 0.5 } },
        floats: { value_floats: { type: 'floats', value: [1, 2, 3, 4] } },
      } as const
      let sum = input('x')
      for (const [name, attributes] of Object.entries(constants)) {
        sum = add(graph, 'Add', [sum, add(graph, 'Constant', [], name, attributes)], `plus_${name}`)
      }
      const axes = add(graph, 'Constant', [], 'axes', { value_ints: { type: 'ints', value: [0, 2] } })
      const shaped = add(graph, 'Unsqueeze', [sum, axes], 'shaped')
      const choice = ifNode(graph, input('flag'), 'y')
      body(choice, 'then_branch', (inside) => {
        const weight = add(inside, 'Constant', [], 'weight', { value_float: { type: 'float', value: 2 } })
        return [add(inside, 'Mul', [shaped, weight], 'twice')]
      })
      body(choice, 'else_branch', (inside) => {
        const result = add(inside, 'Constant', [], 'zero', {
          value: { type: 'tensor', value: floats([1, 1, 1, 4], [0, 0, 0, 0]) },
        })
        return [result]
      })
      graph.addOutput(choice.outputs[0]!, tensorType('float32', 1, 1, 1, 4))
    })

  it('makes initializers of Constant nodes of every kind, in branches too, and keeps their names', async () => {
    const model = all()
    expect(await run(model, 'fold-constants')).toEqual({
      pass: 'fold-constants',
      changed: 5,
      skipped: [{ node: 'zero_node', reason: 'is an output of its graph' }],
    })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/fold-constants.txt')
  })

  it('leaves results as they are', async () => {
    const source = encodeModel(all())
    const model = readModel(source)
    await run(model, 'fold-constants')
    const feeds = [1, 0].map((flag) => ({
      x: float([1, 4], [1, -2, 3, 0.5]),
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    expect(await runModel(encodeModel(model), feeds)).toEqual(await runModel(source, feeds))
  })

  it('reads strings and integers, and says why a sparse constant stays', async () => {
    const model = build(17, {}, (graph) => {
      const values = { values: floats([1], [3]), indices: ints(2), dims: [4] }
      const parts = {
        text: { value_string: { type: 'string', value: 'a' } },
        texts: { value_strings: { type: 'strings', value: ['b', 'c'] } },
        number: { value_int: { type: 'int', value: 7n } },
        sparse: { sparse_value: { type: 'sparse-tensor', value: values } },
      } as const
      for (const [name, attributes] of Object.entries(parts)) {
        graph.addOutput(add(graph, 'Identity', [add(graph, 'Constant', [], name, attributes)], `${name}_out`))
      }
    })
    expect(await run(model, 'fold-constants')).toMatchObject({
      changed: 3,
      skipped: [{ node: 'sparse_node', reason: 'is sparse' }],
    })
    const tensors = ['text', 'texts', 'number'].map((name) => model.graph.find(name)!.initializer!)
    expect(
      tensors.map((tensor) => [
        tensor.dataType,
        tensor.dims,
        tensor.dataType === 'string' ? tensor.strings() : tensor.elements(),
      ]),
    ).toEqual([
      ['string', [], ['a']],
      ['string', [2], ['b', 'c']],
      ['int64', [], [7]],
    ])
  })
})

describe('fold-constants with an evaluator', () => {
  /** Runs nodes in the real engine, as a model of their own with the value as its output. */
  const evaluate: PassContext['evaluate'] = async (nodes, values) => {
    const model = Model.create({ opsetImports: { '': 17 } })
    const copies = new Map<Value, Value>()
    const copied = (value: Value | undefined) => {
      if (value === undefined) return undefined
      const copy = copies.get(value) ?? model.graph.addInitializer(value.name, value.initializer!)
      copies.set(value, copy)
      return copy
    }
    for (const node of nodes) {
      const { outputs } = model.graph.addNode({
        opType: node.opType,
        inputs: node.inputs.map(copied),
        outputs: node.outputs.map((value) => value?.name ?? ''),
        attributes: Object.fromEntries([...node.attributes()].map((each) => [each.name, each])),
      })
      for (const [index, value] of node.outputs.entries())
        if (value !== undefined) copies.set(value, outputs[index]!)
    }
    for (const value of values) model.graph.addOutput(copies.get(value)!)
    const [results] = await runModel(encodeModel(model), [{}])
    return values.map((value) => floats(results![value.name]!.dims, results![value.name]!.data))
  }

  const computed = (shared = false) =>
    build(17, { x: tensorType('float32', 8) }, (graph, input) => {
      const a = graph.addInitializer('a', floats([4], [1, 2, 3, 4]))
      const b = graph.addInitializer('b', floats([4], [5, 6, 7, 8]))
      const minus = add(graph, 'Neg', [a], 'minus')
      const both = add(graph, 'Concat', [minus, b], 'both', { axis: int(0) })
      if (shared)
        graph.addOutput(add(graph, 'Mul', [add(graph, 'ReduceSum', [input('x')], 'total'), minus], 'z'))
      const sum = add(graph, 'Add', [input('x'), both], 'sum')
      const many = add(
        graph,
        'Expand',
        [graph.addInitializer('one', floats([1], [1])), graph.addInitializer('eight', ints(8))],
        'many',
      )
      graph.addOutput(add(graph, 'Mul', [sum, many], 'y'))
    })
  const folded = async (options: Record<string, unknown> = {}, shared = false) => {
    const model = computed(shared)
    const source = encodeModel(model)
    const [result] = await applyPasses(model, [{ pass: 'fold-constants', options }], { evaluate })
    const feeds = [{ x: float([8], weights(8, 1)) }]
    expect(await runModel(encodeModel(model), feeds)).toEqual(await runModel(source, feeds))
    return { result: result!, operators: opTypes(model.graph) }
  }

  it('makes constants of what constants alone lead to, unless the model would grow', async () => {
    expect(await folded()).toEqual({
      result: {
        pass: 'fold-constants',
        changed: 1,
        skipped: [{ node: 'many', reason: 'would be 20 bytes larger as a constant' }],
      },
      operators: ['Add', 'Expand', 'Mul'],
    })
  })

  it('counts on from what it has folded, and does not count what others still read', async () => {
    const { result, operators } = await folded({}, true)
    expect(result).toMatchObject({ changed: 1, skipped: [{ node: 'both' }, { node: 'many' }] })
    expect(result.skipped[0]!.reason).toBe('would be 16 bytes larger as a constant')
    expect(operators).toEqual(['Concat', 'ReduceSum', 'Mul', 'Add', 'Expand', 'Mul'])
  })

  it('frees nothing with nodes that something else still needs', async () => {
    const model = build(17, { x: tensorType('float32', 8) }, (graph, input) => {
      const one = graph.addInitializer('one', floats([1], [1]))
      const many = add(graph, 'Expand', [one, graph.addInitializer('eight', ints(8))], 'many')
      const total = add(graph, 'ReduceSum', [many], 'total')
      graph.addOutput(add(graph, 'Mul', [add(graph, 'Mul', [input('x'), many], 'scaled'), total], 'y'))
    })
    const [result] = await applyPasses(model, [{ pass: 'fold-constants' }], { evaluate })
    expect(result).toMatchObject({
      changed: 0,
      skipped: [{ node: 'many' }, { node: 'total', reason: 'would be 4 bytes larger as a constant' }],
    })
  })

  it('lets the model grow by as much as it is told', async () => {
    const { result, operators } = await folded({ maxGrowth: 20 })
    expect([result.changed, operators]).toEqual([2, ['Add', 'Mul']])
  })
})

describe('eliminate-identity', () => {
  const identities = () =>
    build(17, { x }, (graph, input) => {
      const relu = add(graph, 'Relu', [input('x')], 'relu')
      const cast = add(graph, 'Cast', [relu], 'cast', { to: int(1) })
      const dropout = add(graph, 'Dropout', [cast], 'dropout')
      const transposed = add(graph, 'Transpose', [dropout], 'transposed', { perm: intList(0, 1) })
      const one = add(graph, 'Concat', [transposed], 'one', { axis: int(0) })
      const tanh = add(graph, 'Tanh', [one], 'tanh')
      tanh.type = tensorType('float32', 'n', 4)
      graph.addOutput(add(graph, 'Identity', [tanh], 'y'), x)
      graph.addOutput(add(graph, 'Identity', [input('x')], 'same'), x)
    })

  it('takes out what gives back its input, and keeps names of outputs', async () => {
    const model = identities()
    expect(await run(model, 'eliminate-identity')).toMatchObject({
      changed: 5,
      skipped: [{ node: 'same_node', reason: 'makes an output of what the graph is given' }],
    })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/eliminate-identity.txt')
    expect(model.graph.outputs.map(({ name, type }) => [name, type])).toEqual([
      ['y', x],
      ['same', x],
    ])
  })

  it('keeps Cast to another or an unknown type, Dropout in training or with a mask that is read, and real Transpose', async () => {
    const model = build(17, { x }, (graph, input) => {
      const custom = graph.addNode({
        opType: 'Mystery',
        domain: 'my.own',
        inputs: [input('x')],
        outputs: ['mystery'],
      }).outputs[0]!
      const cast = add(graph, 'Cast', [custom], 'cast', { to: int(1) })
      const double = add(graph, 'Cast', [input('x')], 'double', { to: int(11) })
      const training = graph.addInitializer('training', Tensor.of('bool', [], [1]))
      const trained = add(graph, 'Dropout', [cast, undefined, training], 'trained')
      const masked = graph.addNode({ opType: 'Dropout', inputs: [trained], outputs: ['masked', 'mask'] })
      const turned = add(graph, 'Transpose', [masked.outputs[0]], 'turned', { perm: intList(1, 0) })
      for (const value of [turned, masked.outputs[1]!, double])
        graph.addOutput(add(graph, 'Neg', [value], `${value.name}_out`))
    })
    expect(await run(model, 'eliminate-identity')).toMatchObject({ changed: 0, skipped: [] })
  })

  it('leaves an Identity by which a branch gives a value from outside', async () => {
    const model = build(17, { x, flag: tensorType('bool') }, (graph, input) => {
      const relu = add(graph, 'Relu', [input('x')], 'relu')
      const choice = ifNode(graph, input('flag'), 'y')
      body(choice, 'then_branch', (inside) => [add(inside, 'Identity', [relu], 'given')])
      body(choice, 'else_branch', (inside) => [
        add(inside, 'Identity', [add(inside, 'Neg', [relu], 'negative')], 'made'),
      ])
      graph.addOutput(choice.outputs[0]!, x)
    })
    expect(await run(model, 'eliminate-identity')).toMatchObject({
      changed: 1,
      skipped: [{ node: 'given_node', reason: 'makes an output of what the graph is given' }],
    })
    const [thenBranch, elseBranch] = model.graph.nodes[1]!.subgraphs()
    expect([opTypes(thenBranch!), opTypes(elseBranch!)]).toEqual([['Identity'], ['Neg']])
    expect(elseBranch!.outputs[0]!.name).toBe('made')
  })
})

describe('eliminate-identity, of nodes that undo each other', () => {
  const cube = tensorType('float32', 2, 3, 4)
  const axes = (graph: Graph, ...values: number[]) =>
    graph.addInitializer(graph.uniqueName('axes'), ints(...values))
  /** What follows the input, and whether its last node gives back something earlier. */
  const chains: Record<string, [boolean, (graph: Graph, value: Value) => Value]> = {
    'Cast to double and back': [
      true,
      (g, v) => add(g, 'Cast', [add(g, 'Cast', [v], 'a', { to: int(11) })], 'b', { to: int(1) }),
    ],
    'Cast to half and back': [
      false,
      (g, v) => add(g, 'Cast', [add(g, 'Cast', [v], 'a', { to: int(10) })], 'b', { to: int(1) }),
    ],
    'Transpose there and back': [
      true,
      (g, v) =>
        add(g, 'Transpose', [add(g, 'Transpose', [v], 'a', { perm: intList(2, 0, 1) })], 'b', {
          perm: intList(1, 2, 0),
        }),
    ],
    'Transpose twice the same way': [
      false,
      (g, v) =>
        add(g, 'Transpose', [add(g, 'Transpose', [v], 'a', { perm: intList(2, 0, 1) })], 'b', {
          perm: intList(2, 0, 1),
        }),
    ],
    'Transpose twice without perm': [
      true,
      (g, v) => add(g, 'Transpose', [add(g, 'Transpose', [v], 'a')], 'b'),
    ],
    'Unsqueeze and Squeeze': [
      true,
      (g, v) => add(g, 'Squeeze', [add(g, 'Unsqueeze', [v, axes(g, 1, 3)], 'a'), axes(g, 3, 1)], 'b'),
    ],
    'Unsqueeze and Squeeze of another axis': [
      false,
      (g, v) => add(g, 'Squeeze', [add(g, 'Unsqueeze', [v, axes(g, 0, 1)], 'a'), axes(g, 0)], 'b'),
    ],
    'Reshape to the shape that is there': [true, (g, v) => add(g, 'Reshape', [v, axes(g, 2, -1, 4)], 'b')],
    'Reshape that copies all but one size': [
      true,
      (g, v) => add(g, 'Reshape', [add(g, 'Abs', [v], 'a'), axes(g, 0, 0, -1)], 'b'),
    ],
    'Reshape to another rank': [false, (g, v) => add(g, 'Reshape', [v, axes(g, 0, -1)], 'b')],
    'Reshape to other sizes': [false, (g, v) => add(g, 'Reshape', [v, axes(g, 3, 2, 4)], 'b')],
    'Pad by nothing': [true, (g, v) => add(g, 'Pad', [v, axes(g, 0, 0, 0, 0, 0, 0)], 'b')],
    'Pad by one': [false, (g, v) => add(g, 'Pad', [v, axes(g, 0, 0, 0, 0, 0, 1)], 'b')],
  }

  it.each(Object.entries(chains))('%s', async (_, [gone, fill]) => {
    const model = build(13, { x: cube }, (graph, input) => {
      const first = add(graph, 'Neg', [input('x')], 'first')
      first.type = cube
      graph.addOutput(add(graph, 'Neg', [fill(graph, first)], 'y'))
    })
    const source = encodeModel(model)
    expect(await run(model, 'eliminate-identity')).toMatchObject({ changed: gone ? 1 : 0 })
    const feeds = [{ x: float([2, 3, 4], weights(24, 3)) }]
    expect(await runModel(encodeModel(model), feeds)).toEqual(await runModel(source, feeds))
  })
})

describe('remove-unused', () => {
  it('removes nodes and initializers that nothing reads, captured or not, and keeps outputs', async () => {
    const model = build(17, { x, flag: tensorType('bool') }, (graph, input) => {
      const scale = graph.addInitializer('scale', floats([1], [2]))
      graph.addInitializer('lonely', floats([1], [3]))
      const dead = add(
        graph,
        'Mul',
        [input('x'), graph.addInitializer('dead_scale', floats([1], [4]))],
        'dead',
      )
      add(graph, 'Relu', [dead], 'dead_too')
      const captured = add(graph, 'Mul', [input('x'), scale], 'captured')
      const choice = ifNode(graph, input('flag'), 'y')
      body(choice, 'then_branch', (inside) => {
        inside.addInitializer('lonely_inside', floats([1], [5]))
        add(inside, 'Neg', [captured], 'dead_inside')
        return [add(inside, 'Relu', [captured], 'then')]
      })
      body(choice, 'else_branch', (inside) => [add(inside, 'Neg', [input('x')], 'else')])
      graph.addOutput(choice.outputs[0]!, x)
    })
    expect(await run(model, 'remove-unused')).toMatchObject({ changed: 6, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/remove-unused.txt')
  })

  it('keeps initializers that are inputs or outputs, and nodes that make nothing', async () => {
    const model = build(17, { x }, (graph, input) => {
      graph.addInput('default', tensorType('float32', 1)).initializer = floats([1], [1])
      graph.addOutput(graph.addInitializer('constant', floats([1], [2])))
      graph.addNode({ opType: 'Log', domain: 'my.own', inputs: [input('x')], outputs: [] })
      graph.addOutput(add(graph, 'Relu', [input('x')], 'y'), x)
    })
    expect(await run(model, 'remove-unused')).toMatchObject({ changed: 0 })
  })
})

describe('dedupe-initializers', () => {
  const matrix = weights(40 * 60, 1)
  const turned = Float32Array.from(
    { length: 2400 },
    (_, index) => matrix[(index % 40) * 60 + Math.floor(index / 40)]!,
  )

  const tied = () =>
    build(17, { ids: tensorType('int64', 2), flag: tensorType('bool') }, (graph, input) => {
      const embedding = graph.addInitializer('embedding', floats([40, 60], matrix))
      const first = graph.addInitializer('first', floats([60], matrix.subarray(0, 60)))
      const second = graph.addInitializer('second', floats([60], matrix.subarray(0, 60)))
      const output = graph.addInitializer('output', floats([60, 40], turned))
      const looked = add(graph, 'Gather', [embedding, input('ids')], 'looked')
      const sum = add(graph, 'Add', [add(graph, 'Add', [looked, first], 'a'), second], 'b')
      const choice = ifNode(graph, input('flag'), 'chosen')
      for (const branch of ['then', 'else']) {
        body(choice, `${branch}_branch`, (inside) => {
          const bias = inside.addInitializer(`${branch}_bias`, floats([60], matrix.subarray(60, 120)))
          return [add(inside, branch === 'then' ? 'Add' : 'Sub', [sum, bias], `${branch}_sum`)]
        })
      }
      graph.addOutput(
        add(graph, 'MatMul', [choice.outputs[0]!, output], 'logits'),
        tensorType('float32', 2, 40),
      )
    })

  it('lets equal tensors be one, across branches, and ties a transposed copy to its original', async () => {
    const model = tied()
    expect(await run(model, 'dedupe-initializers')).toMatchObject({ changed: 3, skipped: [] })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/dedupe-initializers.txt')
  })

  it('leaves results as they are, bit by bit', async () => {
    const model = tied()
    const source = encodeModel(model)
    await run(model, 'dedupe-initializers')
    const feeds = [0, 1].map((flag) => ({
      ids: { type: 'int64', dims: [2], data: BigInt64Array.of(3n, 39n) } as const,
      flag: { type: 'bool', dims: [], data: Uint8Array.of(flag) } as const,
    }))
    expect(await runModel(encodeModel(model), feeds)).toEqual(await runModel(source, feeds))
  })

  it('keeps apart what differs in type, shape or one bit, what is small, and what callers may override', async () => {
    const data = matrix.subarray(0, 64)
    const other = data.slice()
    other[63] = -other[63]!
    const model = build(17, { x: tensorType('float32', 64) }, (graph, input) => {
      let sum = input('x')
      const plus = (name: string, tensor: Tensor) => {
        sum = add(graph, 'Add', [sum, graph.addInitializer(name, tensor)], `plus_${name}`)
      }
      plus('data', floats([64], data))
      plus('one_bit', floats([64], other))
      plus('shape', floats([1, 64], data))
      plus('small', floats([1], [1]))
      plus('small_too', floats([1], [1]))
      const overridable = graph.addInput('overridable', tensorType('float32', 64))
      overridable.initializer = floats([64], data)
      sum = add(graph, 'Add', [sum, overridable], 'last')
      graph.addOutput(sum)
    })
    expect(await run(model, 'dedupe-initializers')).toMatchObject({ changed: 0 })
    expect(await run(model, 'dedupe-initializers', { minBytes: 0 })).toMatchObject({ changed: 1 })
  })
})

describe('the digest of dedupe-initializers', () => {
  /** One step of the digest's lane for even words. */
  const step = (state: number, word: number) => {
    const mixed = Math.imul(state ^ word, 0x01000193)
    return mixed ^ (mixed >>> 15)
  }

  /** 32 words whose digest is the same for every `first`: the third word undoes what the first one did. */
  function colliding(first: number): Int32Array {
    const words = new Int32Array(32).fill(7)
    words[0] = first
    words[2] = 7 ^ step(0x811c9dc5, 7) ^ step(0x811c9dc5, first)
    return words
  }

  it('is not the last word: tensors whose digests collide stay apart', async () => {
    const [a, b] = [colliding(1), colliding(2)].map((words) => new Uint8Array(words.buffer))
    expect(digest(a!)).toBe(digest(b!))
    const model = build(17, { x: tensorType('float32', 32) }, (graph, input) => {
      const first = graph.addInitializer('a', Tensor.fromBytes('float32', [32], a!))
      const second = graph.addInitializer('b', Tensor.fromBytes('float32', [32], b!))
      graph.addOutput(add(graph, 'Add', [add(graph, 'Add', [input('x'), first], 's'), second], 'y'))
    })
    expect(await run(model, 'dedupe-initializers')).toMatchObject({ changed: 0 })
  })

  it('sees every byte, wherever the bytes begin', () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => index * 37)
    for (const length of [0, 1, 7, 8, 23]) {
      const original = bytes.subarray(1, 1 + length)
      const copy = original.slice()
      expect([digest(copy), orderlessDigest(copy), equalBytes(original, copy)]).toEqual([
        digest(original),
        orderlessDigest(original),
        true,
      ])
      for (let index = 0; index < length; index++) {
        copy[index]! ^= 0x40
        expect([digest(copy) === digest(original), equalBytes(original, copy)]).toEqual([false, false])
        copy[index]! ^= 0x40
      }
    }
    expect(equalBytes(bytes, bytes.subarray(1))).toBe(false)
  })
})

describe('strip-metadata', () => {
  const noted = () =>
    build(17, { x }, (graph, input) => {
      const relu = add(graph, 'Relu', [input('x')], 'relu')
      relu.type = x
      relu.producer!.docString = 'at model.py:12'
      relu.producer!.setMetadata([
        ['pkg.torch.onnx.stack_trace', 'File "model.py"'],
        ['mine', 'kept'],
      ])
      graph.docString = 'exported'
      graph.addOutput(add(graph, 'Tanh', [relu], 'y'), x)
      graph.model.docString = 'reads digits'
      graph.model.metadata.set('author', 'me')
    })

  it("drops types of intermediates, doc strings and the exporter's notes, and keeps what is the user's", async () => {
    const model = noted()
    expect(await run(model, 'strip-metadata')).toMatchObject({ changed: 4 })
    await expect(printModel(model)).toMatchFileSnapshot('golden/passes/strip-metadata.txt')
    expect([model.docString, model.metadata.get('author')]).toEqual(['reads digits', 'me'])
    expect([...model.graph.nodes[0]!.metadata]).toEqual([['mine', 'kept']])
  })

  it('drops only what it is told to', async () => {
    const model = noted()
    expect(
      await run(model, 'strip-metadata', { valueInfo: false, docStrings: false, metadata: ['mi*'] }),
    ).toMatchObject({ changed: 1 })
    expect([...model.graph.nodes[0]!.metadata.keys()]).toEqual(['pkg.torch.onnx.stack_trace'])
    expect(model.graph.find('relu')!.type).toEqual(x)
  })

  it('keeps the types in a graph with operators that engines know nothing about', async () => {
    const model = build(17, { x }, (graph, input) => {
      const output = graph.addNode({
        opType: 'Mystery',
        domain: 'my.own',
        inputs: [input('x')],
        outputs: ['m'],
      }).outputs[0]!
      output.type = x
      graph.addOutput(add(graph, 'Relu', [output], 'y'), x)
    })
    expect(await run(model, 'strip-metadata')).toMatchObject({ changed: 0 })
    expect(model.graph.find('m')!.type).toEqual(x)
  })
})
