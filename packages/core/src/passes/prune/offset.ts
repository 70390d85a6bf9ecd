import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import type { Gram } from '../../kernels/gram'

/** A constant that is added to every output of a layer, so that what pruning does to the mean can be put right in it. */
export interface Offset {
  readonly value: Value
  readonly tensor: Tensor
  /** -1 where it is subtracted. */
  readonly sign: 1 | -1
}

/**
 * The bias of Conv and Gemm, what an Add puts on top of a MatMul, or the mean that a BatchNormalization takes off.
 * Undefined where there is none, or where it is somebody else's as well.
 */
export function offsetOf(node: Node, outputs: number): Offset | undefined {
  const { opType } = node
  if (
    (opType === 'Conv' || (opType === 'Gemm' && node.float('beta', 1) === 1)) &&
    node.inputs[2] !== undefined
  )
    return own(node.inputs[2], outputs, 1)
  const [made] = node.outputs
  const [use] = made?.uses ?? []
  if (made === undefined || use === undefined || made.uses.length !== 1 || made.isOutput) return undefined
  const { node: next, index } = use
  if (next.domain !== '' || next.graph !== node.graph) return undefined
  if (opType === 'MatMul' && index < 2 && next.opType === 'Add')
    return own(next.inputs[1 - index], outputs, 1)
  if (opType === 'Conv' && index === 0 && next.opType === 'BatchNormalization')
    return own(next.inputs[3], outputs, -1)
  return undefined
}

function own(value: Value | undefined, outputs: number, sign: 1 | -1): Offset | undefined {
  const tensor = value?.initializer
  if (value === undefined || tensor?.dataType !== 'float32' || !value.isConstant) return undefined
  if (value.uses.length !== 1 || value.isOutput) return undefined
  return tensor.dims.length === 1 && tensor.size === outputs ? { value, tensor, sign } : undefined
}

/** Adds to the layer's outputs. */
export function shift({ value, tensor, sign }: Offset, by: ArrayLike<number>): void {
  const moved = tensor.float32().map((element, index) => element + sign * (by[index] ?? 0))
  value.initializer = Tensor.fromBytes('float32', tensor.dims, new Uint8Array(moved.buffer))
}

/** Second moments about the mean, for layers whose offset makes up for the mean; [features, features] for each row. */
export function centered({ matrix, sum, count, features: n }: Gram): Float64Array {
  const result = matrix.slice()
  for (let i = 0; i < n; i++) {
    const mean = (sum[i] ?? 0) / count
    for (let j = 0; j < n; j++) result[i * n + j] = (matrix[i * n + j] ?? 0) - mean * (sum[j] ?? 0)
  }
  return result
}
