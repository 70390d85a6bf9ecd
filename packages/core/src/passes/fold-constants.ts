import type { Graph } from '../graph/graph'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { constantSubgraphs } from './constant-subgraphs'
import { definePass, type PassContext, type Skipped } from './pass'

/**
 * Turns Constant nodes into initializers, in the bodies of If, Loop and Scan too: several exporters (Paddle2ONNX,
 * torch.jit) leave weights there, and tools that look for initializers find none. What a Constant gives as an output of
 * its graph stays. Where the context can evaluate nodes, what they make of constants alone becomes a constant as well.
 *
 * Source of the forms: onnx/defs/generator/defs.cc, Constant 1 to 13.
 */
export const foldConstants = definePass({
  name: 'fold-constants',
  version: 1,
  summary: 'Turns Constant nodes, and what is computed from constants alone, into initializers.',
  source: 'onnx/defs/generator/defs.cc, Constant 1 to 13; onnxruntime/core/optimizer/constant_folding.cc',
  options: {
    /** Bytes by which an evaluated constant may be larger than the constants that it takes the place of. */
    maxGrowth: 0,
  },
  describe: {
    maxGrowth:
      'bytes by which an evaluated constant may be larger than the constants that it takes the place of',
  },
  fidelity: 100,
  async run(model, { maxGrowth }, { evaluate }) {
    const skipped: Skipped[] = []
    let changed = constantsToInitializers(model, skipped)
    if (evaluate !== undefined) {
      for (const graph of model.graphs()) changed += await foldSubgraphs(graph, evaluate, maxGrowth, skipped)
    }
    return { changed, skipped }
  },
})

/** Makes initializers of Constant nodes. @returns how many */
export function constantsToInitializers(model: Model, skipped: Skipped[] = []): number {
  let changed = 0
  for (const graph of model.graphs()) {
    for (const node of graph.nodes) {
      if (node.opType !== 'Constant' || node.domain !== '') continue
      const reason = foldConstant(graph, node)
      if (reason === undefined) changed++
      else skipped.push({ node: node.label, reason })
    }
  }
  return changed
}

async function foldSubgraphs(
  graph: Graph,
  evaluate: NonNullable<PassContext['evaluate']>,
  maxGrowth: number,
  skipped: Skipped[],
): Promise<number> {
  let folded = 0
  const tried = new Set<Value>()
  // Looked for anew each time, because one that is folded is a constant for the next.
  for (;;) {
    const next = constantSubgraphs(graph).find(({ value }) => !tried.has(value))
    if (next === undefined) return folded
    const { value, nodes, freedBytes } = next
    tried.add(value)
    const [tensor] = await evaluate(nodes, [value])
    const growth = (tensor?.byteLength ?? Number.POSITIVE_INFINITY) - freedBytes
    if (tensor === undefined || growth > maxGrowth) {
      const reason =
        tensor === undefined ? 'could not be evaluated' : `would be ${growth} bytes larger as a constant`
      skipped.push({ node: value.name, reason })
      continue
    }
    const constant = graph.addInitializer(graph.uniqueName(`${value.name}_folded`), tensor)
    value.replaceAllUsesWith(constant)
    for (const node of [...nodes].reverse()) {
      if (node.outputs.every((output) => output === undefined || output.uses.length === 0))
        graph.removeNode(node)
    }
    folded++
  }
}

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
