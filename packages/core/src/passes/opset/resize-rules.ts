import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import { constantOf } from '../facts'
import { addConstant, type OpsetRule } from './rule'

/** The constant scales of an Upsample or a Resize of opset 10, by input or by attribute. */
const scalesOf = (node: Node): readonly number[] | undefined =>
  node.floats('scales') ?? constantOf(node.inputs[1])?.elements().map(Number)

/**
 * Opset 10 has no attributes for how coordinates map: onnxruntime computes them as asymmetric, and nearest by rounding
 * down when it enlarges and up when it reduces (upsamplebase.h, ResizeNearestMode::SIMPLE).
 */
function nearestMode(node: Node): 'floor' | 'ceil' | undefined {
  if (node.string('mode', 'nearest') !== 'nearest') return 'floor'
  const scales = scalesOf(node)
  if (scales?.every((scale) => scale >= 1)) return 'floor'
  return scales?.every((scale) => scale <= 1) ? 'ceil' : undefined
}

const refuseUnclear = (node: Node): string | undefined =>
  nearestMode(node) === undefined
    ? 'picks nearest pixels by scales that are not constant, or that enlarge and reduce'
    : undefined

export const resizeRules: readonly OpsetRule[] = [
  {
    operator: 'Upsample',
    at: 9,
    refuse: (node) => (node.floats('scales') === undefined ? 'has no scales' : undefined),
    apply(node) {
      const scales = node.floats('scales') ?? []
      node.removeAttribute('scales')
      if (node.string('mode', 'nearest') === 'bilinear')
        node.setAttribute('mode', { type: 'string', value: 'linear' })
      node.setInput(1, addConstant(node, 'scales', Tensor.of('float32', [scales.length], scales)))
    },
  },
  {
    operator: 'Upsample',
    at: 10,
    apply(node) {
      node.opType = 'Resize'
    },
  },
  {
    operator: 'Resize',
    at: 11,
    refuse: refuseUnclear,
    apply(node) {
      const nearest = nearestMode(node) ?? 'floor'
      const [, scales] = node.inputs
      node.setInput(1, undefined)
      node.setInput(2, scales)
      // Until opset 13 the region of interest is a required input, empty where it plays no part.
      node.setInput(1, addConstant(node, 'roi', Tensor.of('float32', [0], [])))
      node.setAttribute('coordinate_transformation_mode', { type: 'string', value: 'asymmetric' })
      node.setAttribute('nearest_mode', { type: 'string', value: nearest })
    },
  },
  {
    operator: 'Resize',
    at: 13,
    refuse(node) {
      const mode = node.string('coordinate_transformation_mode', 'half_pixel')
      return mode === 'tf_half_pixel_for_nn'
        ? 'maps coordinates as tf_half_pixel_for_nn, which opset 13 dropped'
        : undefined
    },
    apply(node) {
      // Empty tensors stood for absent inputs, and now only one of scales and sizes may be there.
      for (const index of [1, 2])
        if (constantOf(node.inputs[index])?.size === 0) node.setInput(index, undefined)
    },
  },
]
