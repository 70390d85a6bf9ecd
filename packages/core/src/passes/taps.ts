import type { ExternalLocation } from '../graph/external'
import type { Graph } from '../graph/graph'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { readModel } from '../graph/read'
import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import type { ValueType } from '../graph/value-type'
import { encodeModel } from '../graph/write'

/** An output that shows what a value holds. */
export interface Tap {
  /** Name of the output. */
  readonly output: string
  /**
   * Whether it gives the value itself, or records of all that it held one after the other, each [rank, dims…, elements…]:
   * a value in a branch that isn't taken holds nothing, one in a loop something in every round.
   */
  readonly form: 'value' | 'records'
}

/** A copy of a model with more outputs. */
export interface TappedModel {
  readonly bytes: Uint8Array
  /** For each value, in their order. */
  readonly taps: readonly Tap[]
}

export interface TapOptions {
  /**
   * Where an engine finds the data of an initializer of the main graph, so that the copy goes without it; undefined for
   * one that becomes part of the copy. By default all do.
   */
  readonly place?: (weight: Tensor) => ExternalLocation | undefined
}

/**
 * Writes a copy of the model in which the values are outputs of the main graph as well, as float32, so that an engine shows
 * what they hold. The model itself stays as it is. Out of If and Loop records are carried; out of Scan, whose states keep
 * their shape, values come stacked along a new first axis.
 */
export function tapModel(model: Model, values: readonly Value[], { place }: TapOptions = {}): TappedModel {
  const places = new Map<Tensor, ExternalLocation>()
  for (const { initializer } of place === undefined ? [] : model.graph.initializers()) {
    const location = initializer && !places.has(initializer) ? place?.(initializer) : undefined
    if (initializer !== undefined && location !== undefined) places.set(initializer, location)
  }
  const copy = readModel(encodeModel(model, { places }))
  const graphs = [...model.graphs()]
  const copies = [...copy.graphs()]
  const taps = values.map((value) => {
    const graph = copies[graphs.indexOf(value.graph)]
    const found = graph?.find(value.name)
    if (graph === undefined || found === undefined)
      throw new Error(`The value ${value.name} is not in the model`)
    return tap(copy.graph, graph, found)
  })
  return { bytes: encodeModel(copy, { external: 'keep' }), taps }
}

/** What a value held in one run, from what its tap gave. */
export function* tapped(
  { form }: Tap,
  data: Float32Array,
  dims: readonly number[],
): Iterable<{ readonly data: Float32Array; readonly dims: readonly number[] }> {
  if (form === 'value') {
    yield { data, dims }
    return
  }
  for (let at = 0; at < data.length; ) {
    const rank = data[at] ?? 0
    const shape = Array.from(data.subarray(at + 1, at + 1 + rank))
    const start = at + 1 + rank
    at = start + shape.reduce((size, dim) => size * dim, 1)
    yield { data: data.subarray(start, at), dims: shape }
  }
}

const FLOATS: ValueType = { kind: 'tensor', dataType: 'float32' }
const LIST: ValueType = { kind: 'tensor', dataType: 'float32', shape: [undefined] }

function tap(main: Graph, graph: Graph, value: Value): Tap {
  const owners: Node[] = []
  for (let { owner } = graph; owner !== undefined; owner = owner.graph.owner) owners.unshift(owner)
  const carries = owners.length > 0 && owners.every(({ opType }) => opType === 'If' || opType === 'Loop')
  const output = carries ? carry(main, graph, value, owners) : stack(graph, value)
  main.addOutput(output, carries ? LIST : FLOATS)
  return { output: output.name, form: carries ? 'records' : 'value' }
}

/** Adds a node with one output at the end of a graph, where everything of the graph is known. */
function append(graph: Graph, opType: string, inputs: readonly Value[], attributes = {}): Value {
  const node = graph.addNode({ opType, inputs, outputs: [graph.uniqueName('tap')], attributes })
  const [output] = node.outputs
  if (output === undefined) throw new Error(`${opType} gave no output`)
  return output
}

const toFloat = (graph: Graph, value: Value): Value =>
  append(graph, 'Cast', [value], { to: { type: 'int', value: 1 } })

function carry(main: Graph, graph: Graph, value: Value, owners: readonly Node[]): Value {
  const empty = main.addInitializer(main.uniqueName('tap'), Tensor.of('float32', [0], []))
  const flat = main.addInitializer(main.uniqueName('tap'), Tensor.of('int64', [1], [-1]))

  const extended = (records: Value): Value => {
    const shape = append(graph, 'Shape', [value])
    const rank = append(graph, 'Shape', [shape])
    const elements = append(graph, 'Reshape', [toFloat(graph, value), flat])
    const parts = [records, toFloat(graph, rank), toFloat(graph, shape), elements]
    return append(graph, 'Concat', parts, { axis: { type: 'int', value: 0 } })
  }

  /** Leads records into the graph at this depth and out again, longer by what the value held there. */
  const through = (depth: number, records: Value): Value => {
    const owner = owners[depth]
    if (owner === undefined) return extended(records)
    const inside = owners[depth + 1]?.graph ?? graph
    if (owner.opType === 'If') {
      inside.addOutput(through(depth + 1, records), LIST)
      for (const other of owner.subgraphs())
        if (other !== inside) other.addOutput(append(other, 'Identity', [records]), LIST)
      return addNodeOutput(owner, owner.outputs.length)
    }
    // A loop's body reads round and condition before what it carries, and gives the condition before that.
    const carried = inside.inputs.length - 2
    const state = inside.addInput(inside.uniqueName('tap'), LIST)
    owner.setInput(2 + carried, records)
    inside.addOutput(through(depth + 1, state), LIST, 1 + carried)
    return addNodeOutput(owner, carried)
  }
  return through(0, empty)
}

/** Leads a value out to the main graph as a scan output of every Scan around it. */
function stack(graph: Graph, value: Value): Value {
  let output = toFloat(graph, value)
  let inside = graph
  for (let { owner } = graph; owner !== undefined; owner = inside.owner) {
    inside.addOutput(output, FLOATS)
    for (const other of owner.subgraphs()) {
      if (other === inside) continue
      const empty = { type: 'tensor', value: Tensor.of('float32', [0], []) }
      other.addOutput(append(other, 'Constant', [], { value: empty }), FLOATS)
    }
    for (const name of ['scan_output_axes', 'scan_output_directions']) {
      const given = owner.ints(name)
      if (given !== undefined) owner.setAttribute(name, { type: 'ints', value: [...given, 0] })
    }
    output = addNodeOutput(owner, owner.outputs.length)
    inside = owner.graph
  }
  return output
}

function addNodeOutput(node: Node, index: number): Value {
  const output = node.graph._scope.create(node.graph.uniqueName('tap'))
  node._setOutputs([...node.outputs.slice(0, index), output, ...node.outputs.slice(index)])
  node._touch()
  return output
}
