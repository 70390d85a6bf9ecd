import type { Graph } from '../graph/graph'
import type { Node } from '../graph/node'
import { Tensor } from '../graph/tensor'
import { definePass, type Skipped } from './pass'

/**
 * Turns Constant nodes into initializers, in the bodies of If, Loop and Scan too: several exporters (Paddle2ONNX,
 * torch.jit) leave weights there, and tools that look for initializers find none. What a Constant gives as an output of
 * its graph stays.
 *
 * Source of the forms: onnx/defs/generator/defs.cc, Constant 1 to 13.
 */
export const foldConstants = definePass({
  name: 'fold-constants',
  version: 1,
  options: {},
  run(model) {
    const skipped: Skipped[] = []
    let changed = 0
    for (const graph of model.graphs()) {
      for (const node of graph.nodes) {
        if (node.opType !== 'Constant' || node.domain !== '') continue
        const reason = foldConstant(graph, node)
        if (reason === undefined) changed++
        else skipped.push({ node: node.label, reason })
      }
    }
    return { changed, skipped }
  },
})

/** @returns why it stays, if it does */
function foldConstant(graph: Graph, node: Node): string | undefined {
  const [output] = node.outputs
  if (output === undefined) return 'makes nothing'
  if (output.isOutput) return 'is an output of its graph'
  const tensor = constantTensor(node)
  if (typeof tensor === 'string') return tensor
  const { name } = output
  const initializer = graph.addInitializer(graph.uniqueName(name), tensor)
  output.replaceAllUsesWith(initializer)
  graph.removeNode(node)
  initializer.name = name
  return undefined
}

/** The tensor that a Constant node gives, or why there is none. */
function constantTensor(node: Node): Tensor | string {
  const [attribute] = node.attributes()
  switch (attribute?.type) {
    case 'tensor':
      return attribute.value
    case 'float':
      return Tensor.of('float32', [], [attribute.value])
    case 'floats':
      return Tensor.of('float32', [attribute.value.length], attribute.value)
    case 'int':
      return Tensor.of('int64', [], [attribute.value])
    case 'ints':
      return Tensor.of('int64', [attribute.value.length], attribute.value)
    case 'string':
      return Tensor.fromStrings([], [attribute.value])
    case 'strings':
      return Tensor.fromStrings([attribute.value.length], attribute.value)
    case 'sparse-tensor':
      return 'is sparse'
    default:
      return 'has no value that could be folded'
  }
}
