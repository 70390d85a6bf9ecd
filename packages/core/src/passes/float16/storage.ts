import { Tensor } from '../../graph/tensor'
import type { Use, Value } from '../../graph/value'
import { float16Fit, toFloat16 } from '../../kernels/float16'
import type { Scratch } from '../low-bits/scratch'
import type { Skipped } from '../pass'
import type { Placement } from '../placement'

/** About what the Cast takes in the file: its frame, and three times the name. */
const castBytes = (value: Value): number => 48 + 3 * value.name.length

/** Below 2^-13, half a step of a subnormal float16 is more than the 2^-12 that a normal one loses at most. */
const SMALLEST_MAX = 2 ** -13

const isScale = ({ node, index }: Use): boolean =>
  node.domain === '' && node.opType === 'DequantizeLinear' && index === 1

/** Whether a weight is a table or a matrix, which have a scale for each of many rows, columns or blocks. */
const readsMatrix = ({ node, index }: Use): boolean => {
  if (node.domain !== '') return false
  if (node.opType === 'Gather') return index === 0
  // Where both sides come from integers, engines fuse, and look for the scale.
  const fused = node.inputs[0]?.producer?.opType === 'DequantizeLinear'
  return /^(MatMul|Gemm)$/.test(node.opType) && index === 1 && !fused
}

/** Below this a scale saves too little. */
const LEAST_SAVED = 512

/**
 * Scales of tables and matrices add up. Rounded to float16 they are off by 2^-12 of themselves at most, where integers of 8
 * bits are off by 2^-8 of the largest weight, and of fewer bits by more.
 */
const scaleFits = (value: Value, bytes: number): boolean =>
  bytes / 2 >= LEAST_SAVED &&
  value.uses.every(
    (use) =>
      isScale(use) &&
      use.node.outputs.every((output) => output && !output.isOutput && output.uses.every(readsMatrix)),
  )

export interface StorageOptions {
  kept(value: Value): boolean
  readonly minBytes: number
}

/** Stores a float32 constant as float16 where that pays. @returns whether it did */
export function storeHalf(
  value: Value,
  { kept, minBytes }: StorageOptions,
  placement: Placement,
  skipped: Skipped[],
  scratch: Scratch,
): boolean {
  const tensor = value.initializer
  if (tensor?.dataType !== 'float32' || tensor.byteLength < minBytes || value.uses.length === 0) return false
  if (tensor.byteLength / 2 <= castBytes(value)) return false
  if (value.uses.some(isScale))
    return (
      scaleFits(value, tensor.byteLength) &&
      !kept(value) &&
      unfit(value, tensor, scratch) === undefined &&
      store(value, tensor, placement, scratch)
    )
  const reason = kept(value) ? 'is to be kept' : unfit(value, tensor, scratch)
  if (reason === undefined) return store(value, tensor, placement, scratch)
  skipped.push({ node: value.name, reason })
  return false
}

function unfit(value: Value, tensor: Tensor, scratch: Scratch): string | undefined {
  if (value.isOutput) return 'is an output of its graph'
  if (!value.isConstant) return 'is the default of an input'
  const { overflows, largest } = float16Fit(scratch.float32(tensor))
  if (overflows > 0) return `${overflows} of ${tensor.size} values are too large for float16`
  if (largest > 0 && largest < SMALLEST_MAX)
    return `its values, up to ${largest.toExponential(1)}, are too small for float16`
  return undefined
}

function store(value: Value, tensor: Tensor, placement: Placement, scratch: Scratch): boolean {
  const user = placement.firstUser(value)
  if (user === undefined) return false
  const { graph } = value
  value.initializer = halfTensor(tensor, scratch)
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

/** The tensor rounded to float16 when the writer comes to it. */
export function halfTensor(tensor: Tensor, scratch: Scratch): Tensor {
  return Tensor.lazy('float16', tensor.dims, () => new Uint8Array(toFloat16(scratch.float32(tensor)).buffer))
}
