import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import { type Amount, amount, fixed, type Length, sumAmounts, times } from './amount'
import { macRules } from './mac-rules'
import { inferShapes, operatorOf, type ShapeOf } from './shapes'

/** A node that multiplies and adds. */
export interface CountedNode {
  readonly node: Node
  /** Operator, its domain before a dot where it isn't ONNX's own. */
  readonly operator: string
  /** In all its runs during one of the model; undefined where shapes aren't known. */
  readonly macs: Amount | undefined
}

export interface MacCount {
  /** Added up, what scales with the same lengths together; one number alone where all lengths are known. */
  readonly total: readonly Amount[]
  readonly nodes: readonly CountedNode[]
}

/** What a run showed. */
export interface Seen {
  readonly shapes: ReadonlyMap<Value, readonly number[]>
  /** How often each graph inside of a node ran: 0 for a branch that wasn't taken. */
  readonly runs: ReadonlyMap<Graph, number>
}

/**
 * Counts multiplications with additions (MACs) of one run of the model: of matrix products, convolutions, recurrent layers
 * and attention, in floats or integers. Element by element operators, normalizations and pooling aren't counted, as usual.
 * Lengths that the model leaves open stay names. Without a run to go by, of two branches the one with more counts, and the
 * rounds of a loop are a length of their own; all its rounds are taken to be as long as the longest that was seen.
 */
export function countMacs(model: Model, seen?: Seen): MacCount {
  const shapeOf = inferShapes(model, seen?.shapes)
  const nodes = [...countGraph(model.graph, amount(1), shapeOf, seen)]
  return { total: sumAmounts(nodes.flatMap(({ macs }) => (macs === undefined ? [] : [macs]))), nodes }
}

function* countGraph(
  graph: Graph,
  rounds: Length,
  shapeOf: ShapeOf,
  seen: Seen | undefined,
): Generator<CountedNode> {
  for (const node of graph.nodes) {
    const operator = operatorOf(node)
    const rule = macRules.get(operator)
    if (rule !== undefined) {
      const input = (index: number) => shapeOf(node.inputs[index])
      yield { node, operator, macs: times(rule(node, { input, output: shapeOf(node.outputs[0]) }), rounds) }
    } else if (callsMacs(node)) yield { node, operator, macs: undefined }
    const inside = node.subgraphs()
    if (inside.length === 0) continue
    const counts = inside.map((each) => {
      const run = seen?.runs.get(each)
      if (run === 0) return []
      return [
        ...countGraph(
          each,
          run === undefined ? times(rounds, roundsOf(node, shapeOf)) : amount(run),
          shapeOf,
          seen,
        ),
      ]
    })
    if (node.opType !== 'If') yield* counts.flat()
    else yield* counts.reduce((most, each) => (weight(each) > weight(most) ? each : most))
  }
}

/** Functions of the model are counted where they are inlined; of a call no shapes inside are known. */
const callsMacs = ({ graph: { model }, domain, opType }: Node): boolean =>
  model.functions.some(
    (each) =>
      each.name === opType &&
      each.domain === domain &&
      each.body.nodes.some((node) => macRules.has(operatorOf(node))),
  )

/** Names of lengths are taken for 1, which tells branches apart well enough. */
const weight = (nodes: readonly CountedNode[]): number =>
  nodes.reduce((sum, { macs }) => sum + (macs?.factor ?? 0), 0)

function roundsOf(node: Node, shapeOf: ShapeOf): Length {
  switch (node.opType) {
    case 'If':
      return amount(1)
    case 'Scan': {
      // The states come first; what is scanned is cut along its first axis, or the one that is said.
      const scanned = node.int('num_scan_inputs', 0)
      const axis = node.ints('scan_input_axes')?.[0] ?? 0
      const shape = shapeOf(node.inputs.at(-scanned))
      return shape?.at(axis)
    }
    case 'Loop': {
      const most = constantOf(node.inputs[0])
      const [body] = node.subgraphs()
      if (most?.size === 1 && body !== undefined && goesOn(body)) return amount(Number(most.elements()[0]))
      return amount(1, `rounds of ${node.label}`)
    }
    default:
      return amount(1, `rounds of ${node.label}`)
  }
}

/** Whether a loop's body hands its condition on, so that only the number of rounds ends it. */
function goesOn(body: Graph): boolean {
  let [condition] = body.outputs
  while (condition?.producer?.opType === 'Identity') condition = condition.producer.inputs[0]
  const constant = constantOf(condition)
  return condition === body.inputs[1] || (constant?.dataType === 'bool' && constant.bytes()[0] === 1)
}

/** Values whose shapes a run has to show for everything to be counted in numbers, in whatever branch it lies. */
export function uncounted(model: Model): Value[] {
  const shapeOf = inferShapes(model)
  const values = new Set<Value>()
  for (const node of model.nodes()) {
    const rule = macRules.get(operatorOf(node))
    if (rule === undefined) continue
    const input = (index: number) => shapeOf(node.inputs[index])
    if (fixed(rule(node, { input, output: shapeOf(node.outputs[0]) })) !== undefined) continue
    for (const value of [...node.inputs, node.outputs[0]])
      if (value !== undefined && !value.isConstant && constantOf(value) === undefined) values.add(value)
  }
  return [...values]
}
