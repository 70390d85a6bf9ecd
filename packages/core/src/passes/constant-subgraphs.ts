import type { Graph } from '../graph/graph'
import type { Node } from '../graph/node'
import type { Value } from '../graph/value'

/** A value that only constants lead to, and what would go if it were one. */
export interface ConstantSubgraph {
  readonly value: Value
  /** The nodes that lead to it, in order. */
  readonly nodes: readonly Node[]
  /** Bytes of the constants that nothing else reads. */
  readonly freedBytes: number
}

/** Operators that give something else each time. */
const random = /^(Random|Multinomial$|Bernoulli$)/

/** Values of a graph that could be constants: nodes with constant inputs alone make them, and another node reads them. */
export function constantSubgraphs(graph: Graph): ConstantSubgraph[] {
  const foldable = new Set<Node>()
  for (const node of graph.nodes) if (isFoldable(node, foldable)) foldable.add(node)
  const found: ConstantSubgraph[] = []
  for (const node of foldable) {
    for (const value of node.outputs) {
      if (value === undefined || value.uses.every((use) => foldable.has(use.node))) continue
      const nodes = leadingTo(value, foldable)
      found.push({ value, nodes, freedBytes: freedBytes(value, nodes) })
    }
  }
  return found
}

function isFoldable(node: Node, foldable: ReadonlySet<Node>): boolean {
  if (
    node.domain !== '' ||
    node.inputs.length === 0 ||
    random.test(node.opType) ||
    node.subgraphs().length > 0
  )
    return false
  if (node.outputs.some((value) => value?.isOutput)) return false
  return node.inputs.every((value) => {
    if (value === undefined || (value.isConstant && value.initializer !== undefined)) return true
    return value.producer !== undefined && foldable.has(value.producer)
  })
}

function leadingTo(value: Value, foldable: ReadonlySet<Node>): Node[] {
  const needed = new Set<Node>()
  const stack: (Value | undefined)[] = [value]
  while (stack.length > 0) {
    const producer = stack.pop()?.producer
    if (producer === undefined || needed.has(producer)) continue
    needed.add(producer)
    stack.push(...producer.inputs)
  }
  return [...foldable].filter((node) => needed.has(node))
}

function freedBytes(value: Value, nodes: readonly Node[]): number {
  const inside = new Set(nodes)
  // Nodes stay as long as something else reads what they make.
  const dying = nodes.every((node) =>
    node.outputs.every(
      (output) =>
        output === undefined || output === value || output.uses.every((use) => inside.has(use.node)),
    ),
  )
  if (!dying) return 0
  const constants = new Set(nodes.flatMap((node) => node.inputs).filter((input) => input?.isConstant))
  let freed = 0
  for (const constant of constants) {
    if (constant?.uses.every((use) => inside.has(use.node)) && !constant.isOutput)
      freed += constant.initializer?.byteLength ?? 0
  }
  return freed
}
