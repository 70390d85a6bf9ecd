import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import {
  addBefore,
  addConstant,
  floatTensor,
  floatTypeOf,
  int64,
  integer,
  noFloatType,
  type OpsetRule,
  outputsUsed,
  replaceBy,
  type Upgrade,
} from './rule'

const inTraining = (node: Node): boolean => node.outputs.slice(1).some((value) => value !== undefined)
const spatial = (node: Node): boolean => node.int('spatial', 1) !== 0
const readMask = 'has a mask that is read, which engines fill in another way from opset 12 on'

/** Operators that normalize, or that do something in training only. */
export const normalizationRules: readonly OpsetRule[] = [
  {
    operator: 'BatchNormalization',
    at: 9,
    refuse(node, upgrade) {
      if (spatial(node)) return undefined
      if (inTraining(node)) return 'has spatial 0, which opset 9 dropped, and trains'
      return floatTypeOf(node, upgrade) === undefined ? noFloatType : undefined
    },
    apply(node, upgrade) {
      if (spatial(node)) node.removeAttribute('spatial')
      else normalizeElements(node, upgrade)
    },
  },
  {
    operator: 'BatchNormalization',
    at: 14,
    // More than one output means training; from 14 on an attribute says so, and the saved statistics are gone.
    refuse: (node) => (outputsUsed(node, 3) ? 'gives saved statistics, which opset 14 dropped' : undefined),
    apply(node) {
      if (!inTraining(node)) return
      node.truncateOutputs(3)
      node.setAttribute('training_mode', integer(1))
    },
  },
  { operator: 'Dropout', at: 10, refuse: (node) => (outputsUsed(node, 1) ? readMask : undefined) },
  {
    operator: 'Dropout',
    at: 12,
    refuse: (node) => (outputsUsed(node, 1) ? readMask : undefined),
    // Without the input that says training, the ratio plays no part.
    apply: (node) => node.removeAttribute('ratio'),
  },
  {
    operator: 'GroupNormalization',
    at: 21,
    refuse: (node) => (node.int('num_groups') === undefined ? 'has no num_groups' : undefined),
    apply: repeatForChannels,
  },
]

/** `spatial` 0 normalizes each element of a sample by statistics of its own: (x - mean) / sqrt(var + epsilon) * scale + b. */
function normalizeElements(node: Node, upgrade: Upgrade): void {
  const [x, scale, bias, mean, variance] = node.inputs
  const type = floatTypeOf(node, upgrade) ?? 'float32'
  const epsilon = addConstant(node, 'epsilon', floatTensor(type, [node.float('epsilon', 1e-5)]))
  const shifted = addBefore(node, 'Add', [variance, epsilon], 'variance')
  const deviation = addBefore(node, 'Sqrt', [shifted], 'deviation')
  const centred = addBefore(node, 'Sub', [x, mean], 'centred')
  const normal = addBefore(node, 'Div', [centred, deviation], 'normal')
  replaceBy(node, 'Add', [addBefore(node, 'Mul', [normal, scale], 'scaled'), bias])
}

/** Scale and bias were one number a group and are one a channel from opset 21 on. */
function repeatForChannels(node: Node): void {
  const [x, ...parameters] = node.inputs
  const groups = node.int('num_groups', 1)
  const dims = x?.type?.kind === 'tensor' ? x.type.shape : undefined
  const channels = dims?.[1]
  let shape: Value | undefined
  for (const [index, parameter] of parameters.entries()) {
    if (parameter === undefined) continue
    const constant = constantOf(parameter)
    const name = ['scale', 'bias'][index] ?? 'parameter'
    if (constant !== undefined && typeof channels === 'number') {
      const repeated = repeat(constant, channels / groups)
      node.setInput(index + 1, addConstant(node, name, repeated))
      continue
    }
    shape ??= groupShape(node, x, groups)
    const column = addConstant(node, `${name}_column`, int64([groups, 1]))
    const matrix = addBefore(node, 'Reshape', [parameter, column], `${name}_by_group`)
    const wide = addBefore(node, 'Expand', [matrix, shape], `${name}_wide`)
    node.setInput(
      index + 1,
      addBefore(node, 'Reshape', [wide, addConstant(node, `${name}_vector`, int64([-1]))], name),
    )
  }
}

/** [groups, channels of a group], as far as it is known only when the model runs. */
function groupShape(node: Node, x: Value | undefined, groups: number): Value {
  const count = addConstant(node, 'groups', int64([groups]))
  const channels = addBefore(node, 'Shape', [x], 'channels', { start: integer(1), end: integer(2) })
  const size = addBefore(node, 'Div', [channels, count], 'group_size')
  return addBefore(node, 'Concat', [count, size], 'group_shape', { axis: integer(0) })
}

/** Each element `times` times, one after the other. */
function repeat(tensor: Tensor, times: number): Tensor {
  const width = tensor.byteLength / tensor.size
  return Tensor.lazy(tensor.dataType, [tensor.size * times], () => {
    const source = tensor.bytes()
    const bytes = new Uint8Array(source.length * times)
    for (let at = 0; at < bytes.length; at += width) {
      const from = Math.floor(at / width / times) * width
      bytes.set(source.subarray(from, from + width), at)
    }
    return bytes
  })
}
