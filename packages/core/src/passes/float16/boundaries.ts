import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'

/** Values and places that a node with graphs inside ties together: all have one type. */
export interface Boundary {
  /** Outputs of the node, and inputs of its graphs. */
  readonly values: readonly Value[]
  /** Outputs of its graphs. */
  readonly slots: readonly { readonly graph: Graph; readonly index: number }[]
  /** Inputs of the node. */
  readonly uses: readonly { readonly node: Node; readonly index: number }[]
}

const present = (...values: (Value | undefined)[]): Value[] => values.filter((value) => value !== undefined)

/** Boundaries of If, Loop and Scan. Those of other nodes with graphs inside (Scan 8, SequenceMap) keep their types. */
export function boundariesOf(model: Model): Boundary[] {
  const boundaries: Boundary[] = []
  for (const node of model.nodes()) {
    if (node.domain !== '') continue
    if (node.opType === 'If') boundaries.push(...ofIf(node))
    if (node.opType === 'Loop') boundaries.push(...ofLoop(node))
    if (node.opType === 'Scan' && model.opset() >= 9) boundaries.push(...ofScan(node))
  }
  return boundaries
}

function ofIf(node: Node): Boundary[] {
  return node.outputs.map((output, index) => ({
    values: present(output),
    slots: node.subgraphs().map((graph) => ({ graph, index })),
    uses: [],
  }))
}

function ofLoop(node: Node): Boundary[] {
  const body = node.subgraph('body')
  if (body === undefined) return []
  return body.outputs.slice(1).map((_, index) => {
    const state = index + 2 < body.inputs.length
    return {
      values: present(node.outputs[index], state ? body.inputs[index + 2] : undefined),
      slots: [{ graph: body, index: index + 1 }],
      uses: state ? [{ node, index: index + 2 }] : [],
    }
  })
}

function ofScan(node: Node): Boundary[] {
  const body = node.subgraph('body')
  if (body === undefined) return []
  const states = body.inputs.length - node.int('num_scan_inputs', 1)
  const results = body.outputs.map((_, index) => ({
    values: present(node.outputs[index], index < states ? body.inputs[index] : undefined),
    slots: [{ graph: body, index }],
    uses: index < states ? [{ node, index }] : [],
  }))
  const scanned = body.inputs.slice(states).map((input, index) => ({
    values: [input],
    slots: [],
    uses: [{ node, index: states + index }],
  }))
  return [...results, ...scanned]
}
