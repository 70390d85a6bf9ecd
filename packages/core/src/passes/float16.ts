import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { float16Fit, toFloat16 } from '../kernels/float16'
import { keepMatcher, nameMatcher } from './keep'
import { definePass, type Skipped } from './pass'
import { Placement } from './placement'

/**
 * Stores float32 weights as float16, with one Cast to float32 before the first node that reads them: half the bytes,
 * while everything computes as before. Engines fold the Cast when they load the model (onnxruntime's ConstantFolding),
 * so that it costs nothing afterwards.
 *
 * A tensor stays as it is where a finite value would overflow, where all its values are so small that float16 would
 * lose their bits, where it is an output or the default of an input, and where the bytes of the Cast would eat up what
 * is saved. Scales of DequantizeLinear stay exact.
 */
export const float16 = definePass({
  name: 'float16',
  version: 1,
  summary: 'Stores weights as float16.',
  source: 'IEEE 754 binary16; onnxruntime/core/optimizer/constant_folding.cc',
  options: {
    mode: 'storage',
    /** Names of weights, or of nodes whose weights, stay float32. */
    keep: [],
    /** Smaller tensors stay. */
    minBytes: 1024,
  },
  describe: {
    mode: "'storage': weights are stored so, nothing computes so",
    keep: 'names of weights, or of nodes whose weights, stay float32; * for any characters',
    minBytes: 'smaller tensors stay',
  },
  fidelity: 40,
  choices: { mode: ['storage'] },
  run(model, { keep, minBytes }) {
    const kept = keepMatcher(keep)
    const keptByName = nameMatcher(keep)
    const placement = new Placement()
    const skipped: Skipped[] = []
    let changed = 0
    for (const value of [...model.initializers()]) {
      const tensor = value.initializer
      if (tensor?.dataType !== 'float32' || tensor.byteLength < minBytes || value.uses.length === 0) continue
      if (tensor.byteLength / 2 <= castBytes(value)) continue
      if (value.uses.some(({ node, index }) => node.opType === 'DequantizeLinear' && index === 1)) continue
      const isKept = keptByName(value.name) || value.uses.some(({ node }) => kept(node))
      const reason = isKept ? 'is to be kept' : unfit(value, tensor)
      if (reason !== undefined) skipped.push({ node: value.name, reason })
      else if (store(value, tensor, placement)) changed++
    }
    return { changed, skipped }
  },
})

/** About what the Cast takes in the file: its frame, and three times the name. */
const castBytes = (value: Value): number => 48 + 3 * value.name.length

/** Below 2^-13, half a step of a subnormal float16 is more than the 2^-12 that a normal one loses at most. */
const SMALLEST_MAX = 2 ** -13

function unfit(value: Value, tensor: Tensor): string | undefined {
  if (value.isOutput) return 'is an output of its graph'
  if (!value.isConstant) return 'is the default of an input'
  const { overflows, largest } = float16Fit(tensor.float32())
  if (overflows > 0) return `${overflows} of ${tensor.size} values are too large for float16`
  if (largest > 0 && largest < SMALLEST_MAX)
    return `its values, up to ${largest.toExponential(1)}, are too small for float16`
  return undefined
}

function store(value: Value, tensor: Tensor, placement: Placement): boolean {
  const user = placement.firstUser(value)
  if (user === undefined) return false
  const { graph } = value
  value.initializer = Tensor.lazy(
    'float16',
    tensor.dims,
    () => new Uint8Array(toFloat16(tensor.float32()).buffer),
  )
  const uses = [...value.uses]
  const [output] = graph.addNode(
    {
      opType: 'Cast',
      inputs: [value],
      outputs: [graph.uniqueName(`${value.name}_float32`)],
      attributes: { to: { type: 'int', value: 1 } },
    },
    { before: user },
  ).outputs
  for (const { node, index } of uses) node.setInput(index, output)
  return true
}
