import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import { type IntegerLayer, integerLayer } from '../integer/layers'
import { operators, type Role } from './operators'

/** What becomes quantized, and which values share a scale. */
export interface Plan {
  readonly layers: ReadonlyMap<Node, IntegerLayer>
  /** Values that come out of integer operators: all their readers read them so. */
  readonly given: ReadonlySet<Value>
  /** Nodes that read quantized activations, and at which inputs. */
  readonly readers: ReadonlyMap<Node, readonly number[]>
  /** The value that stands for all that share a scale with it. */
  representative(value: Value): Value
}

export interface PlanOptions {
  kept(node: Node): boolean
  /** Why a layer stays although it could be quantized; undefined where it doesn't. */
  refuse(layer: IntegerLayer): string | undefined
  /** Values that 8 bits can't stand for, with the reason. */
  readonly unfit: ReadonlyMap<Value, string>
}

export interface Refused {
  readonly node: Node
  readonly reason: string
}

/**
 * Layers are quantized wherever they can be; cheap operators only where all that goes in comes out of integer operators
 * and what goes out is read by one, so that no number is rounded without need.
 */
export function planOf(model: Model, options: PlanOptions): { plan: Plan; refused: readonly Refused[] } {
  const planner = new Planner(options, model.opset())
  for (const graph of model.graphs()) planner.add(graph)
  return { plan: planner.finish(), refused: planner.refused }
}

class Planner {
  readonly refused: Refused[] = []
  readonly #options: PlanOptions
  readonly #opset: number
  readonly #layers = new Map<Node, IntegerLayer>()
  readonly #given = new Set<Value>()
  readonly #readers = new Map<Node, readonly number[]>()
  readonly #parents = new Map<Value, Value>()

  constructor(options: PlanOptions, opset: number) {
    this.#options = options
    this.#opset = opset
  }

  add(graph: Graph): void {
    const able = this.#able(graph)
    const wanted = new Set<Value>()
    for (const node of [...graph.nodes].reverse()) {
      const layer = this.#layers.get(node)
      if (layer !== undefined) {
        const end = endOf(node)
        // A matrix product gives float32 as well: integers only where nobody reads anything else.
        const integers =
          layer.kind === 'Conv' ||
          (wanted.has(end) && !end.isOutput && end.uses.every(({ node: user }) => this.#readers.has(user)))
        if (integers) this.#given.add(end)
        this.#read(node, [0], wanted)
        continue
      }
      const role = this.#role(node)
      const output = isCheap(role) ? endOfCheap(node, role) : undefined
      if (output === undefined || !able.has(output) || !wanted.has(output) || output.isOutput) continue
      this.#given.add(output)
      const indices = role === 'variadic' || role === 'binary' ? [...node.inputs.keys()] : [0]
      this.#read(node, indices, wanted)
      this.#share(node, role, output)
    }
  }

  finish(): Plan {
    return {
      layers: this.#layers,
      given: this.#given,
      readers: this.#readers,
      representative: (value) => this.#root(value),
    }
  }

  /** Values that could come out as integers, front to back. */
  #able(graph: Graph): ReadonlySet<Value> {
    const able = new Set<Value>()
    const { unfit } = this.#options
    const fits = (value: Value) => !unfit.has(value) && !leadsIntoGraph(value)
    for (const node of graph.nodes) {
      const reason = this.#layerReason(node)
      if (typeof reason === 'string') this.refused.push({ node, reason })
      if (this.#layers.has(node)) {
        if (fits(endOf(node))) able.add(endOf(node))
        continue
      }
      const role = this.#role(node)
      const end = isCheap(role) ? endOfCheap(node, role) : undefined
      if (end === undefined || this.#options.kept(node) || !fits(end)) continue
      const comesIn = (value: Value | undefined) => value !== undefined && able.has(value)
      const all = role === 'binary' || role === 'variadic'
      if (all ? node.inputs.every(comesIn) : comesIn(node.inputs[0])) able.add(end)
    }
    return able
  }

  /** Notes the layer that a node is, or says why it stays. */
  #layerReason(node: Node): string | undefined {
    const layer = integerLayer(node)
    if (layer === undefined || typeof layer === 'string') return layer
    if (this.#options.kept(node)) return 'is to be kept'
    const { unfit, refuse } = this.#options
    const end = endOf(node)
    const reason =
      refuse(layer) ??
      unfit.get(layer.input) ??
      (layer.kind === 'Conv' ? (unfit.get(end) ?? outputReason(end)) : undefined)
    if (reason === undefined) this.#layers.set(node, layer)
    return reason
  }

  #role(node: Node): Role {
    const choice = node.domain === '' ? operators[node.opType] : undefined
    if (choice === undefined || this.#opset < (choice.since ?? 0)) return 'never'
    for (const [attribute, value] of Object.entries(choice.where ?? {}))
      if (node.string(attribute, 'nearest') !== value) return 'never'
    return choice.role
  }

  #read(node: Node, indices: readonly number[], wanted: Set<Value>): void {
    this.#readers.set(node, indices)
    for (const index of indices) {
      const value = node.inputs[index]
      if (value !== undefined) wanted.add(value)
    }
  }

  /** Numbers that are only moved keep their scale; what only a Concat reads takes its scale, and isn't rounded twice. */
  #share(node: Node, role: Role, output: Value): void {
    if (role === 'pass-through' && node.inputs[0] !== undefined) this.#unite(node.inputs[0], output)
    if (role !== 'variadic') return
    for (const input of node.inputs) {
      if (input?.uses.every(({ node: user }) => user === node)) this.#unite(output, input)
    }
  }

  #unite(a: Value, b: Value): void {
    const [first, second] = [this.#root(a), this.#root(b)]
    if (first !== second) this.#parents.set(second, first)
  }

  #root(value: Value): Value {
    let root = value
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root))
      root = parent
    return root
  }
}

/** Why a value can't be integers with all its readers. */
function outputReason(end: Value): string | undefined {
  if (end.isOutput) return 'makes an output'
  return leadsIntoGraph(end) ? 'leads into a graph inside, where onnxruntime fails with integers' : undefined
}

/** Operators that onnxruntime moves DequantizeLinear over (CanNodePropagate in qdq_propagation.cc). */
const crossed = new Set(['MaxPool', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice'])

/**
 * What a value becomes by moving is captured by a graph inside. onnxruntime 1.30 moves DequantizeLinear along there,
 * takes the node that holds the graph for one with an input more than it has, and dies of it (InsertQDQPairs; silero VAD,
 * legacy).
 */
function leadsIntoGraph(value: Value): boolean {
  return value.uses.some(({ node, index }) => {
    const [output] = node.outputs
    if (index !== 0 || node.domain !== '' || output === undefined || !crossed.has(node.opType)) return false
    return output.uses.some((use) => use.node.graph !== node.graph) || leadsIntoGraph(output)
  })
}

const isCheap = (role: Role): boolean =>
  role === 'pass-through' || role === 'unary' || role === 'binary' || role === 'variadic'

/** What a cheap operator gives; one that only moves numbers takes no Relu in. */
const endOfCheap = (node: Node, role: Role): Value | undefined =>
  node.outputs[0] === undefined || role === 'pass-through' ? node.outputs[0] : endOf(node)

/** What a layer gives: behind a Relu or Clip that reads it alone, the output of that. */
export function endOf(node: Node): Value {
  const [output] = node.outputs as readonly [Value]
  const [use, ...others] = output.uses
  if (output.isOutput || use === undefined || others.length > 0 || use.index !== 0) return output
  const next = use.node
  if (next.domain !== '' || next.graph !== node.graph || operators[next.opType]?.role !== 'clamp')
    return output
  const [clamped] = next.outputs
  if (clamped === undefined || clamped.isOutput || boundsOfClamp(next) === undefined) return output
  return clamped
}

/** Bounds of a Relu, or of a Clip whose bounds are constant, from 0 on: the lowest step is then exactly 0. */
export function boundsOfClamp(node: Node): readonly [number, number] | undefined {
  if (node.opType === 'Relu') return [0, Number.POSITIVE_INFINITY]
  const bound = (index: number, attribute: string, none: number) => {
    const value = node.inputs[index]
    if (value === undefined) return node.float(attribute, none)
    const tensor = constantOf(value)
    return tensor?.dataType === 'float32' ? tensor.float32()[0] : undefined
  }
  const low = bound(1, 'min', Number.NEGATIVE_INFINITY)
  const high = bound(2, 'max', Number.POSITIVE_INFINITY)
  return low === undefined || high === undefined || low !== 0 || high < 0 ? undefined : [low, high]
}
