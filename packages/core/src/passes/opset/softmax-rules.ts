import type { Node } from '../../graph/node'
import { rankOf } from '../facts'
import { addBefore, forEach, integer, type OpsetRule, replaceBy } from './rule'

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
    if (axis === -1 || axis + 1 === rank) node.setAttribute('axis', integer(-1))
    else flatten(node, axis)
  },
})

function flatten(node: Node, axis: number): void {
  const [input] = node.inputs
  const shape = addBefore(node, 'Shape', [input], 'shape')
  const matrix = addBefore(node, 'Flatten', [input], 'matrix', { axis: integer(axis) })
  const rows = addBefore(node, node.opType, [matrix], 'rows', { axis: integer(-1) })
  replaceBy(node, 'Reshape', [rows, shape])
}
