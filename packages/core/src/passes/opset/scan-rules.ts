import { Graph } from '../../graph/graph'
import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import type { ValueType } from '../../graph/value-type'
import { integer, type OpsetRule, type Upgrade } from './rule'

const stateful = (node: Node): readonly (Value | undefined)[] => node.inputs.slice(1)

/**
 * Opset 8 has a batch dimension in front of all, states included, and scans along the one after it. Opset 9 has none: a
 * Scan over the batch, with a Scan over what was scanned inside.
 */
export const scanRules: readonly OpsetRule[] = [
  {
    operator: 'Scan',
    at: 9,
    refuse(node) {
      if (node.inputs[0] !== undefined) return 'is a Scan of opset 8 with lengths of its sequences'
      if (node.subgraph('body') === undefined || node.int('num_scan_inputs') === undefined)
        return 'has no body or no num_scan_inputs'
      return undefined
    },
    apply: scanBatch,
  },
]

function scanBatch(node: Node, { model }: Upgrade): void {
  const body = node.subgraph('body')
  if (body === undefined) return
  const inputs = stateful(node)
  const scanned = node.int('num_scan_inputs', 0)
  const directions = node.ints('directions')
  node.removeAttribute('body')
  const outer = node.graph.replaceNode(node, {
    opType: 'Scan',
    name: node.name,
    inputs,
    attributes: { num_scan_inputs: integer(inputs.length) },
  })
  const sample = new Graph(model, outer, { name: `${body.name}_sample` })
  const ofSample = inputs.map((value) =>
    sample.addInput(model.graph.uniqueName(`${value?.name}_sample`), withoutBatch(value?.type)),
  )
  const inner = sample.addNode({
    opType: 'Scan',
    inputs: ofSample,
    outputs: outer.outputs.map((value) => model.graph.uniqueName(`${value?.name ?? 'unused'}_sample`)),
    attributes: {
      num_scan_inputs: integer(scanned),
      ...(directions && { scan_input_directions: { type: 'ints', value: directions } }),
    },
  })
  inner.setAttribute('body', { type: 'graph', value: body })
  for (const [index, value] of inner.outputs.entries())
    if (value !== undefined) sample.addOutput(value, withoutBatch(outer.outputs[index]?.type))
  outer.setAttribute('body', { type: 'graph', value: sample })
}

function withoutBatch(type: ValueType | undefined): ValueType | undefined {
  if (type?.kind !== 'tensor' || type.shape === undefined) return undefined
  return { ...type, shape: type.shape.slice(1) }
}
