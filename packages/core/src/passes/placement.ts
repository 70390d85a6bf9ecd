import type { Graph } from '../graph/graph'
import type { Node } from '../graph/node'
import type { Value } from '../graph/value'

/** The node of `graph` that is `node` or in whose subgraphs it lies. */
export function ancestorIn(graph: Graph, node: Node): Node | undefined {
  let current: Node | undefined = node
  while (current !== undefined && current.graph !== graph) current = current.graph.owner
  return current
}

/**
 * Answers which node of a value's own graph needs it first, so that what makes it can be put just before. Positions are
 * counted once: nodes that are added meanwhile are not looked for.
 */
export class Placement {
  readonly #positions = new Map<Graph, ReadonlyMap<Node, number>>()

  firstUser(value: Value): Node | undefined {
    const positions = this.#of(value.graph)
    let first: Node | undefined
    let least = Number.POSITIVE_INFINITY
    for (const { node } of value.uses) {
      const user = ancestorIn(value.graph, node)
      const position = user && positions.get(user)
      if (position !== undefined && position < least) {
        first = user
        least = position
      }
    }
    return first
  }

  #of(graph: Graph): ReadonlyMap<Node, number> {
    let positions = this.#positions.get(graph)
    if (positions === undefined) {
      positions = new Map(graph.nodes.map((node, index) => [node, index]))
      this.#positions.set(graph, positions)
    }
    return positions
  }
}

/** Where a value is an output: of its own graph, or, captured, of graphs inside. */
export function outputSlots(value: Value): { readonly graph: Graph; readonly index: number }[] {
  const slots: { graph: Graph; index: number }[] = []
  if (!value.isOutput) return slots
  const stack: Graph[] = [value.graph]
  for (let graph = stack.pop(); graph !== undefined; graph = stack.pop()) {
    for (const [index, output] of graph.outputs.entries()) if (output === value) slots.push({ graph, index })
    for (const node of graph.nodes) stack.push(...node.subgraphs())
  }
  return slots
}

/** Every node that reads `from` can read `to` in its place: it is in scope there and not hidden by its name. */
export function canReplaceUses(from: Value, to: Value): boolean {
  return from.uses.every(({ node }) => node.graph.find(to.name) === to)
}
