import type { Node } from '../graph/node'
import type { Value } from '../graph/value'
import { givenBack } from './given-back'
import { definePass, type Skipped } from './pass'
import { canReplaceUses, outputSlots } from './placement'

/**
 * Takes out nodes that give back what they read: Identity, Dropout in inference, Cast to the type that is there,
 * Transpose that moves nothing, Reshape to the shape that is there, Pad by nothing, Concat, Sum, Max, Min and Mean of one
 * input; and the second of two that undo each other: Cast to a type that holds more and back, Transpose, Squeeze and
 * Unsqueeze. Names and types of outputs stay: where such
 * a node makes an output, the value before it takes over the name.
 */
export const eliminateIdentity = definePass({
  name: 'eliminate-identity',
  version: 2,
  summary: 'Takes out nodes that give back what they read.',
  source: 'onnxruntime/core/optimizer/identity_elimination.cc and its neighbours',
  options: {},
  describe: {},
  fidelity: 100,
  run(model) {
    const skipped: Skipped[] = []
    let changed = 0
    for (const graph of model.graphs()) {
      for (const node of graph.nodes) {
        const input = givenBack(node, model.opset())
        const [output, ...others] = node.outputs
        if (input === undefined || output === undefined) continue
        if (others.some((value) => value !== undefined && (value.isOutput || value.uses.length > 0))) continue
        const reason = bypass(node, input, output)
        if (reason === undefined) changed++
        else skipped.push({ node: node.label, reason })
      }
    }
    return { changed, skipped }
  },
})

/** @returns why it stays, if it does */
function bypass(node: Node, input: Value, output: Value): string | undefined {
  if (!canReplaceUses(output, input))
    return 'what it reads is hidden by another value of its name where it is needed'
  const { graph } = node
  const slots = outputSlots(output)
  if (slots.length === 0) {
    output.replaceAllUsesWith(input)
    graph.removeNode(node)
    return undefined
  }
  // An output keeps its name, so the value before must be one that can be renamed and isn't an output itself.
  if (slots.some((slot) => slot.graph !== graph)) return 'makes an output of a graph inside'
  if (input.graph !== graph || input.producer === undefined)
    return 'makes an output of what the graph is given'
  if (input.isOutput) return 'makes a second output of the same value'
  const { name, type } = output
  if (!input.uses.every((use) => use.node.graph.find(name) === output))
    return 'its name is hidden where it would be needed'
  output.replaceAllUsesWith(input)
  for (const { index } of slots) graph.setOutput(index, input)
  graph.removeNode(node)
  input.name = name
  if (type !== undefined) {
    // What was recorded about the value before goes first, or it would be written beside the output's own type.
    input.type = undefined
    input.type = type
  }
  return undefined
}
