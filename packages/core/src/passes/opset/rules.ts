import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import { resizeRules } from './resize-rules'
import { addConstant, floatToInput, floatTypeOf, forEach, intsToInput, type OpsetRule } from './rule'
import { softmaxRules } from './softmax-rules'

const used = (node: Node, index: number): boolean => {
  const output = node.outputs[index]
  return output !== undefined && (output.isOutput || output.uses.length > 0)
}

const reductions =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare'
const noFloatType = 'has an input of unknown type, which a new constant input would have to match'

/** Every change between opset 7 and 21 that a node can't just live with. */
export const opsetRules: readonly OpsetRule[] = [
  ...resizeRules,
  ...softmaxRules,
  {
    operator: 'BatchNormalization',
    at: 9,
    refuse: (node) => (node.int('spatial', 1) === 1 ? undefined : 'has spatial 0, which opset 9 dropped'),
    apply: (node) => node.removeAttribute('spatial'),
  },
  {
    operator: 'BatchNormalization',
    at: 14,
    // Five outputs mean training; from 14 on there are three, and an attribute says so.
    refuse: (node) =>
      node.outputs.slice(1).some((value) => value !== undefined)
        ? 'is a node of a training graph'
        : undefined,
  },
  { operator: 'Scan', at: 9, refuse: () => 'is a Scan of opset 8, which has a batch dimension' },
  {
    operator: 'Slice',
    at: 10,
    apply(node) {
      for (const [index, name] of ['starts', 'ends', 'axes'].entries()) intsToInput(node, name, index + 1)
    },
  },
  {
    operator: 'TopK',
    at: 10,
    refuse: (node) => (node.int('k') === undefined ? 'has no k' : undefined),
    apply: (node) => intsToInput(node, 'k', 1),
  },
  {
    operator: 'Dropout',
    at: 10,
    refuse: (node) => (used(node, 1) ? 'has a mask that is read, whose type changed' : undefined),
  },
  // Without the input that says training, the ratio plays no part.
  { operator: 'Dropout', at: 12, apply: (node) => node.removeAttribute('ratio') },
  {
    operator: 'Clip',
    at: 11,
    refuse(node, model) {
      const plain = node.attribute('min') === undefined && node.attribute('max') === undefined
      return plain || floatTypeOf(node, model) !== undefined ? undefined : noFloatType
    },
    apply(node, model) {
      const type = floatTypeOf(node, model) ?? 'float32'
      floatToInput(node, 'min', 1, type)
      floatToInput(node, 'max', 2, type)
    },
  },
  {
    operator: 'Pad',
    at: 11,
    refuse(node, model) {
      if (node.ints('pads') === undefined) return 'has no pads'
      return node.float('value', 0) === 0 || floatTypeOf(node, model) !== undefined ? undefined : noFloatType
    },
    apply(node, model) {
      const type = floatTypeOf(node, model) ?? 'float32'
      intsToInput(node, 'pads', 1)
      // Zero is the default of the input as well.
      if (node.float('value', 0) === 0) node.removeAttribute('value')
      else floatToInput(node, 'value', 2, type)
    },
  },
  {
    operator: 'Scatter',
    at: 11,
    apply(node) {
      node.opType = 'ScatterElements'
    },
  },
  ...forEach('Squeeze Unsqueeze ReduceSum', { at: 13, apply: (node) => intsToInput(node, 'axes', 1) }),
  { operator: 'Split', at: 13, apply: (node) => intsToInput(node, 'split', 1) },
  {
    operator: 'Split',
    at: 18,
    apply(node) {
      if (node.inputs[1] === undefined)
        node.setAttribute('num_outputs', { type: 'int', value: node.outputs.length })
    },
  },
  ...forEach(reductions, { at: 18, apply: (node) => intsToInput(node, 'axes', 1) }),
  {
    operator: 'RoiAlign',
    at: 16,
    apply: (node) =>
      node.setAttribute('coordinate_transformation_mode', { type: 'string', value: 'output_half_pixel' }),
  },
  {
    operator: 'GridSample',
    at: 20,
    apply(node) {
      const mode = node.string('mode', 'bilinear')
      const renamed = mode === 'bilinear' ? 'linear' : mode === 'bicubic' ? 'cubic' : mode
      node.setAttribute('mode', { type: 'string', value: renamed })
    },
  },
  {
    operator: 'DFT',
    at: 20,
    apply(node) {
      const axis = node.int('axis', 1)
      node.removeAttribute('axis')
      node.setInput(2, addConstant(node, 'axis', Tensor.of('int64', [], [axis])))
    },
  },
  {
    operator: 'GroupNormalization',
    at: 21,
    refuse: () => 'scales groups, and from opset 21 on it scales channels',
  },
]

/** Chains of rules that meet an operator under another name. */
export const renamedTo: Readonly<Record<string, { readonly at: number; readonly operator: string }>> = {
  Upsample: { at: 10, operator: 'Resize' },
  Scatter: { at: 11, operator: 'ScatterElements' },
}
