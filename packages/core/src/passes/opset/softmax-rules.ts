import type { Node } from '../../graph/node'
import { rankOf } from '../facts'
import { forEach, type OpsetRule } from './rule'

/**
 * Until opset 12, Softmax flattens its input to a matrix at `axis` (1 by default) and works along all that is right of
 * it; from 13 on it works along `axis` (-1 by default) alone. The two are the same for the last axis. Else, or where the
 * rank is unknown, the flattening is written out: Shape, Flatten, Softmax, Reshape (as onnx/version_converter does,
 * softmax_12_13.h).
 */
export const softmaxRules: readonly OpsetRule[] = forEach('Softmax LogSoftmax Hardmax', {
  at: 13,
  apply(node) {
    const [input] = node.inputs
    const axis = node.int('axis', 1)
    const rank = input && rankOf(input)
    if (axis === -1 || axis + 1 === rank) node.setAttribute('axis', { type: 'int', value: -1 })
    else flatten(node, axis)
  },
})

function flatten(node: Node, axis: number): void {
  const { graph } = node
  const [input] = node.inputs
  const [output] = node.outputs
  if (input === undefined || output === undefined) return
  const name = (suffix: string) => graph.uniqueName(`${output.name}_${suffix}`)
  const add = (opType: string, inputs: Node['inputs'], suffix: string, value?: number) => {
    const attributes = value === undefined ? {} : { axis: { type: 'int', value } as const }
    return graph.addNode({ opType, inputs, outputs: [name(suffix)], attributes }, { before: node }).outputs[0]
  }
  const shape = add('Shape', [input], 'shape')
  const matrix = add('Flatten', [input], 'matrix', axis)
  const result = add(node.opType, [matrix], 'rows', -1)
  graph.replaceNode(node, { opType: 'Reshape', name: node.name, inputs: [result, shape] })
}
