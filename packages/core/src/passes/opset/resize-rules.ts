import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import { addBefore, addConstant, type OpsetRule, text } from './rule'

const scaleVector = (scales: readonly number[]): Tensor => Tensor.of('float32', [scales.length], scales)

const scalesOf = (value: Value | undefined): readonly number[] | undefined =>
  constantOf(value)?.elements().map(Number)

/**
 * Writes a Resize as opset 11 has it: coordinates map as asymmetric, which is what onnxruntime computes where opset 10
 * and Upsample are silent.
 */
function mapAsymmetric(node: Node, scales: Value | undefined, nearest: 'floor' | 'ceil'): void {
  node.setInput(1, undefined)
  node.setInput(2, scales)
  // Until opset 13 the region of interest is a required input, empty where it plays no part.
  node.setInput(1, addConstant(node, 'roi', Tensor.of('float32', [0], [])))
  node.setAttribute('coordinate_transformation_mode', text('asymmetric'))
  node.setAttribute('nearest_mode', text(nearest))
}

/**
 * Nearest pixels of opset 10: onnxruntime rounds down along an axis that grows and up along one that shrinks
 * (upsamplebase.h, ResizeNearestMode::SIMPLE). Where both happen, or the scales are not known, the axes that grow go
 * first, in a node of their own.
 */
function mapNearest(node: Node): void {
  const [x, scales] = node.inputs
  const known = scalesOf(scales)
  if (known?.every((scale) => scale >= 1)) {
    mapAsymmetric(node, scales, 'floor')
    return
  }
  if (known?.every((scale) => scale <= 1)) {
    mapAsymmetric(node, scales, 'ceil')
    return
  }
  const one = known === undefined ? addConstant(node, 'one', scaleVector([1])) : undefined
  const limited = (opType: 'Max' | 'Min', suffix: string) =>
    known === undefined
      ? addBefore(node, opType, [scales, one], suffix)
      : addConstant(
          node,
          suffix,
          scaleVector(known.map((scale) => Math[opType === 'Max' ? 'max' : 'min'](scale, 1))),
        )
  const growth = limited('Max', 'growth')
  const larger = addBefore(node, 'Resize', [x], 'larger', { mode: text('nearest') })
  if (larger.producer !== undefined) mapAsymmetric(larger.producer, growth, 'floor')
  node.setInput(0, larger)
  mapAsymmetric(node, limited('Min', 'shrinkage'), 'ceil')
}

const nearest = (node: Node): boolean => node.string('mode', 'nearest') === 'nearest'

export const resizeRules: readonly OpsetRule[] = [
  {
    operator: 'Upsample',
    at: 9,
    refuse: (node) => (node.floats('scales') === undefined ? 'has no scales' : undefined),
    apply(node) {
      const scales = node.floats('scales') ?? []
      node.removeAttribute('scales')
      if (node.string('mode', 'nearest') === 'bilinear') node.setAttribute('mode', text('linear'))
      node.setInput(1, addConstant(node, 'scales', scaleVector(scales)))
    },
  },
  {
    operator: 'Upsample',
    at: 10,
    apply(node, { to }) {
      if (to === 10) node.opType = 'Resize'
    },
  },
  {
    operator: 'Upsample',
    at: 11,
    apply(node) {
      node.opType = 'Resize'
      // Its scales are 1 or more.
      mapAsymmetric(node, node.inputs[1], 'floor')
    },
  },
  {
    operator: 'Resize',
    at: 11,
    apply(node) {
      if (nearest(node)) mapNearest(node)
      else mapAsymmetric(node, node.inputs[1], 'floor')
    },
  },
  {
    operator: 'Resize',
    at: 13,
    refuse(node) {
      if (!tensorflow(node) || (nearest(node) && node.string('nearest_mode') === 'floor')) return undefined
      return 'maps coordinates as tf_half_pixel_for_nn, which opset 13 dropped'
    },
    apply(node) {
      // Empty tensors stood for absent inputs, and now only one of scales and sizes may be there.
      for (const index of [1, 2])
        if (constantOf(node.inputs[index])?.size === 0) node.setInput(index, undefined)
      if (!tensorflow(node)) return
      // floor((x + 0.5) / scale) is round((x + 0.5) / scale - 0.5), halves up.
      node.setAttribute('coordinate_transformation_mode', text('half_pixel'))
      node.setAttribute('nearest_mode', text('round_prefer_ceil'))
    },
  },
]

function tensorflow(node: Node): boolean {
  return node.string('coordinate_transformation_mode') === 'tf_half_pixel_for_nn'
}
