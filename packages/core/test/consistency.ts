/** What must hold for a model in memory after any edit. */
import { expect } from 'vitest'
import {
  encodeModel,
  type Graph,
  type Model,
  type Node,
  printModel,
  readModel,
  type Use,
  type Value,
} from '../src/index'

function roots(model: Model): Graph[] {
  return [model.graph, ...model.functions.map(({ body }) => body)]
}

export function graphsIn(root: Graph): Graph[] {
  return [root, ...root.nodes.flatMap((node) => node.subgraphs().flatMap(graphsIn))]
}

/** Where a node, or the node around it, stands in the graph of a value. */
function placeIn(graph: Graph, node: Node): number {
  let at: Node | undefined = node
  while (at !== undefined && at.graph !== graph) at = at.graph.owner
  return at === undefined ? -1 : graph.nodes.indexOf(at)
}

/** The value exists before the node runs, and the node sees it. */
export function isAvailable(value: Value, node: Node): boolean {
  if (node.graph.find(value.name) !== value) return false
  return (
    value.producer === undefined || value.graph.nodes.indexOf(value.producer) < placeIn(value.graph, node)
  )
}

/** Uses and producers, counted afresh from the nodes, are what the values say. */
export function expectConsistent(model: Model): void {
  const graphs = roots(model).flatMap(graphsIn)
  const uses = new Map<Value, Use[]>()
  const outputs = new Set<Value>()
  for (const graph of graphs) {
    const names = [...graph.values()].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const value of graph.values()) {
      expect(value.graph).toBe(graph)
      expect(graph.find(value.name)).toBe(value)
    }
    for (const value of graph.outputs) outputs.add(value)
    for (const node of graph.nodes) {
      expect(node.graph).toBe(graph)
      for (const subgraph of node.subgraphs()) expect(subgraph.owner).toBe(node)
      for (const [index, value] of node.inputs.entries()) {
        if (value === undefined) continue
        expect(isAvailable(value, node), `${value.name} for ${node.label}`).toBe(true)
        uses.set(value, [...(uses.get(value) ?? []), { node, index }])
      }
      for (const value of node.outputs) if (value !== undefined) expect(value.producer).toBe(node)
    }
  }
  const order = ({ node, index }: Use) =>
    `${graphs.indexOf(node.graph)} ${node.graph.nodes.indexOf(node)} ${index}`
  const sorted = (list: readonly Use[]) => list.map(order).sort()
  for (const value of graphs.flatMap((graph) => [...graph.values()])) {
    expect(sorted(value.uses)).toEqual(sorted(uses.get(value) ?? []))
    expect(value.isOutput).toBe(outputs.has(value))
    if (value.producer !== undefined) expect(value.producer.outputs).toContain(value)
  }
}

/** What is written is what is in memory: read again, it prints the same. */
export function expectWritesItself(model: Model): void {
  const again = readModel(encodeModel(model, { external: 'keep' }))
  expectConsistent(again)
  expect(printModel(again)).toBe(printModel(model))
}
