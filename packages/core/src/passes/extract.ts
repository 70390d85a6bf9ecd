import { Model } from '../graph/model'
import type { Node } from '../graph/node'
import type { Value } from '../graph/value'
import { encodeModel } from '../graph/write'

/**
 * A model of its own, without inputs, made of nodes that read constants alone: an engine that runs it computes what they
 * give (see PassContext.evaluate).
 * @param nodes nodes of one graph, without subgraphs, in topological order
 * @param values what they make; the outputs of the model have their names
 */
export function extractConstants(nodes: readonly Node[], values: readonly Value[]): Uint8Array {
  const source = (nodes[0]?.graph ?? values[0]?.graph)?.model
  const model = Model.create({
    opsetImports: Object.fromEntries(source?.opsetImports ?? [['', 21]]),
    irVersion: source?.irVersion ?? 8,
  })
  const { graph } = model
  const copies = new Map<Value, Value>()
  const copied = (value: Value | undefined) => {
    if (value === undefined) return undefined
    const before = copies.get(value)
    if (before !== undefined) return before
    if (value.initializer === undefined) throw new Error(`The value ${value.name} is not constant`)
    const copy = graph.addInitializer(graph.uniqueName(value.name), value.initializer)
    copies.set(value, copy)
    return copy
  }
  for (const node of nodes) {
    const { outputs } = graph.addNode({
      opType: node.opType,
      domain: node.domain,
      inputs: node.inputs.map(copied),
      outputs: node.outputs.map((value) => value?.name ?? ''),
      attributes: Object.fromEntries([...node.attributes()].map((each) => [each.name, each])),
    })
    for (const [index, value] of node.outputs.entries()) {
      const output = outputs[index]
      if (value !== undefined && output !== undefined) copies.set(value, output)
    }
  }
  for (const value of values) {
    const output = copies.get(value)
    if (output !== undefined) graph.addOutput(output, value.type)
  }
  return encodeModel(model)
}
