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
  expect(problems(model)).toEqual([])
}

function problems(model: Model): string[] {
  const found: string[] = []
  const check = (right: boolean, problem: string) => {
    if (!right) found.push(problem)
  }
  const graphs = roots(model).flatMap(graphsIn)
  const uses = new Map<Value, Use[]>()
  for (const graph of graphs) {
    const names = [...graph.values()].map(({ name }) => name)
    check(new Set(names).size === names.length, `a name twice in ${graph.name}`)
    for (const value of graph.values()) {
      check(
        value.graph === graph && graph.find(value.name) === value,
        `${value.name} is not in ${graph.name}`,
      )
    }
    for (const node of graph.nodes) {
      check(node.graph === graph, `${node.label} is not in ${graph.name}`)
      check(
        node.subgraphs().every(({ owner }) => owner === node),
        `graphs of ${node.label}`,
      )
      for (const [index, value] of node.inputs.entries()) {
        if (value === undefined) continue
        check(isAvailable(value, node), `${value.name} is not available to ${node.label}`)
        uses.set(value, [...(uses.get(value) ?? []), { node, index }])
      }
      for (const value of node.outputs)
        check((value?.producer ?? node) === node, `producer of ${value?.name}`)
    }
  }
  const outputs = new Set(graphs.flatMap(({ outputs }) => outputs))
  for (const value of graphs.flatMap((graph) => [...graph.values()])) {
    const { name, producer } = value
    const wanted = uses.get(value) ?? []
    const same = ({ node, index }: Use) => value.uses.some((use) => use.node === node && use.index === index)
    check(value.uses.length === wanted.length && wanted.every(same), `uses of ${name}`)
    check(value.isOutput === outputs.has(value), `${name} and the outputs`)
    check(producer === undefined || producer.outputs.includes(value), `${name} and its producer`)
  }
  return found
}

/** What is written is what is in memory: read again, it prints the same. */
export function expectWritesItself(model: Model): void {
  const again = readModel(encodeModel(model, { external: 'keep' }))
  expectConsistent(again)
  expect(printModel(again)).toBe(printModel(model))
}
