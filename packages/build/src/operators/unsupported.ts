import { type DataType, inferTypes, type Model, type Node, type Value } from '@unplugin-onnx/core'
import type { DeviceFeature } from '@unplugin-onnx/runtime'
import { factsOf } from './facts'
import { type OperatorTable, type Outcome, operatorName, ruleFor } from './table'

/** A node that a provider does not run as it should. */
export interface UnsupportedNode {
  /** Name of the node, or operator and output where it has none. */
  readonly node: string
  readonly opType: string
  readonly outcome: Exclude<Outcome, 'right'>
  /** What the provider does with it. */
  readonly reason: string
}

/**
 * The nodes of a model, those of its subgraphs included, that a provider refuses, computes on the CPU, or gets wrong.
 * @param device what the variant may take for granted
 */
export function unsupported(
  model: Model,
  { operators }: { readonly operators: OperatorTable },
  { requires = [] }: { readonly requires?: readonly DeviceFeature[] } = {},
): UnsupportedNode[] {
  const types = inferTypes(model)
  const found: UnsupportedNode[] = []
  for (const node of model.nodes()) {
    const problem = problemOf(node, types, operators, requires)
    if (problem !== undefined) found.push({ node: node.label, opType: node.opType, ...problem })
  }
  return found
}

const does: Readonly<Record<Exclude<Outcome, 'right'>, string>> = {
  refused: 'the provider refuses it',
  cpu: 'the provider leaves it to the CPU',
  wrong: 'the provider computes it wrongly',
}

function problemOf(
  node: Node,
  types: ReadonlyMap<Value, DataType | undefined>,
  operators: OperatorTable,
  requires: readonly DeviceFeature[],
) {
  // Constants are taken in when the model is read.
  if (node.opType === 'Constant' && node.domain === '') return undefined
  const rule = ruleFor(operators, operatorName(node), factsOf(node, types), requires)
  if (rule === undefined || rule.outcome === 'right') return undefined
  return { outcome: rule.outcome, reason: rule.reason ?? does[rule.outcome] }
}
