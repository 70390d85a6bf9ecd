import type { Graph } from '../graph/graph'
import type { Model } from '../graph/model'
import { definePass } from './pass'

/**
 * Removes nodes that nothing reads, then initializers that nothing reads, in all graphs, and functions that nothing
 * calls. Outputs and inputs of graphs stay, initializers that are defaults of inputs as well.
 *
 * Operators are pure, so a node counts only for what it makes; a node that makes nothing is taken to be there for
 * something else.
 */
export const removeUnused = definePass({
  name: 'remove-unused',
  version: 1,
  summary: 'Removes nodes, initializers and functions that nothing reads.',
  source: 'onnx/ir-py, passes/common/unused_removal.py',
  options: {},
  describe: {},
  fidelity: 100,
  run(model) {
    let changed = removeNodes(model.graph) + removeFunctions(model)
    for (const graph of model.graphs()) changed += removeInitializers(graph)
    return { changed, skipped: [] }
  },
})

/** Backwards, so that what only a removed node reads is met later and goes as well. */
function removeNodes(graph: Graph): number {
  let removed = 0
  for (const node of [...graph.nodes].reverse()) {
    const outputs = node.outputs.filter((value) => value !== undefined)
    if (outputs.length > 0 && outputs.every((value) => value.uses.length === 0 && !value.isOutput)) {
      graph.removeNode(node)
      removed++
    } else {
      for (const inside of node.subgraphs()) removed += removeNodes(inside)
    }
  }
  return removed
}

function removeInitializers(graph: Graph): number {
  let removed = 0
  for (const value of [...graph.initializers(), ...graph.sparseInitializers()]) {
    if (value.uses.length > 0 || value.isOutput || value.isInput) continue
    graph.removeInitializer(value)
    removed++
  }
  return removed
}

/** Functions that the graphs call, and those that such functions call. */
function removeFunctions(model: Model): number {
  if (model.functions.length === 0) return 0
  const key = (domain: string, name: string, overload: string) => JSON.stringify([domain, name, overload])
  const functions = new Map(model.functions.map((each) => [key(each.domain, each.name, each.overload), each]))
  const used = new Set<string>()
  const stack: Graph[] = [model.graph]
  for (let graph = stack.pop(); graph !== undefined; graph = stack.pop()) {
    for (const node of graph.nodes) {
      stack.push(...node.subgraphs())
      const called = key(node.domain, node.opType, node.overload)
      const definition = functions.get(called)
      if (definition === undefined || used.has(called)) continue
      used.add(called)
      stack.push(definition.body)
    }
  }
  if (used.size === functions.size) return 0
  const kept = model.functions.filter((each) => used.has(key(each.domain, each.name, each.overload)))
  const removed = model.functions.length - kept.length
  model._setGraph(model.graph, kept)
  return removed
}
