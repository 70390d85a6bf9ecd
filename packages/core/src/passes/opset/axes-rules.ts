import { Tensor } from '../../graph/tensor'
import { addConstant, forEach, integer, intsToInput, type OpsetRule } from './rule'

const reductions =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare'

/** Axes, sizes and counts that were attributes and became inputs. */
export const axesRules: readonly OpsetRule[] = [
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
    refuse: (node) => (node.attribute('k') === undefined ? 'has no k' : undefined),
    apply: (node) => intsToInput(node, 'k', 1),
  },
  ...forEach('Squeeze Unsqueeze ReduceSum', { at: 13, apply: (node) => intsToInput(node, 'axes', 1) }),
  ...forEach(reductions, { at: 18, apply: (node) => intsToInput(node, 'axes', 1) }),
  { operator: 'Split', at: 13, apply: (node) => intsToInput(node, 'split', 1) },
  {
    operator: 'Split',
    at: 18,
    apply(node) {
      if (node.inputs[1] === undefined) node.setAttribute('num_outputs', integer(node.outputs.length))
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
]
