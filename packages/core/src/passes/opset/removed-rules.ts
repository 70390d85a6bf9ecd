import type { Node } from '../../graph/node'
import type { Value } from '../../graph/value'
import {
  addBefore,
  addConstant,
  floatTensor,
  floatTypeOf,
  forEach,
  int64,
  noFloatType,
  type OpsetRule,
  replaceBy,
  type Upgrade,
} from './rule'

/** A constant of the type that the node computes in. */
function parameter(node: Node, upgrade: Upgrade, name: string, fallback: number): Value {
  const type = floatTypeOf(node, upgrade) ?? 'float32'
  return addConstant(node, name, floatTensor(type, [node.float(name, fallback)]))
}

const TO_THE_END = 2n ** 63n - 1n

/**
 * Experimental operators that ONNX dropped before opset 7 and that exporters wrote until opset 9; onnxruntime knows
 * them up to there (onnxruntime/core/graph/contrib_ops/contrib_defs.cc).
 */
const rewritings: Readonly<Record<string, NonNullable<OpsetRule['apply']>>> = {
  Affine(node, upgrade) {
    const scaled = addBefore(node, 'Mul', [node.inputs[0], parameter(node, upgrade, 'alpha', 1)], 'scaled')
    replaceBy(node, 'Add', [scaled, parameter(node, upgrade, 'beta', 0)])
  },
  ImageScaler(node, upgrade) {
    const bias = node.floats('bias') ?? [0]
    const type = floatTypeOf(node, upgrade) ?? 'float32'
    const scaled = addBefore(node, 'Mul', [node.inputs[0], parameter(node, upgrade, 'scale', 1)], 'scaled')
    replaceBy(node, 'Add', [scaled, addConstant(node, 'bias', floatTensor(type, bias, [bias.length, 1, 1]))])
  },
  Scale(node, upgrade) {
    replaceBy(node, 'Mul', [node.inputs[0], parameter(node, upgrade, 'scale', 1)])
  },
  ScaledTanh(node, upgrade) {
    const scaled = addBefore(node, 'Mul', [node.inputs[0], parameter(node, upgrade, 'beta', 1)], 'scaled')
    const tanh = addBefore(node, 'Tanh', [scaled], 'tanh')
    replaceBy(node, 'Mul', [tanh, parameter(node, upgrade, 'alpha', 1)])
  },
  ParametricSoftplus(node, upgrade) {
    const scaled = addBefore(node, 'Mul', [node.inputs[0], parameter(node, upgrade, 'beta', 1)], 'scaled')
    const softplus = addBefore(node, 'Softplus', [scaled], 'softplus')
    replaceBy(node, 'Mul', [softplus, parameter(node, upgrade, 'alpha', 1)])
  },
  Crop(node) {
    const [left = 0, top = 0, right = 0, bottom = 0] = node.ints('border') ?? []
    const size = node.ints('scale')
    const end = (margin: number, from: number, length: number | undefined) =>
      length === undefined ? (margin === 0 ? TO_THE_END : -margin) : from + length
    const ends = [end(bottom, top, size?.[0]), end(right, left, size?.[1])]
    replaceBy(node, 'Slice', [
      node.inputs[0],
      addConstant(node, 'starts', int64([top, left])),
      addConstant(node, 'ends', int64(ends)),
      addConstant(node, 'axes', int64([2, 3])),
    ])
  },
}

export const removedRules: readonly OpsetRule[] = Object.entries(rewritings).flatMap(([operator, apply]) =>
  forEach(operator, {
    at: 10,
    refuse: (node, upgrade) => (floatTypeOf(node, upgrade) === undefined ? noFloatType : undefined),
    apply,
  }),
)
