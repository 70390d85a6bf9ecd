import type { Node } from '../graph/node'
import { constantOf } from './facts'

/** What becomes of a tensor's axes in a node that moves data and computes nothing. */
export interface MovedAxes {
  /** Sizes after it, NaN where unknown; undefined where not even the rank is known. */
  readonly dims: readonly number[] | undefined
  /** The axis that an axis of the result was before; undefined where it was none. */
  before(axis: number): number | undefined
}

/** @returns undefined for a node that computes, or takes the tensor as something else than data */
export function movedAxes(node: Node, index: number, dims: readonly number[]): MovedAxes | undefined {
  if (index !== 0 && node.opType !== 'Concat') return undefined
  const same = (axis: number) => axis
  switch (node.opType) {
    case 'Identity':
      return { dims, before: same }
    case 'Slice':
    case 'Split':
    case 'Concat':
      // Which sizes change is of no interest: channels stay channels.
      return { dims: dims.map(() => Number.NaN), before: same }
    case 'Transpose': {
      const perm = node.ints('perm') ?? dims.map((_, axis) => dims.length - 1 - axis)
      return { dims: perm.map((axis) => dims[axis] ?? Number.NaN), before: (axis) => perm[axis] }
    }
    case 'Squeeze': {
      const axes = axesOf(node)
      if (axes === undefined && node.inputs[1] !== undefined)
        return { dims: undefined, before: () => undefined }
      const gone = axes?.map((axis) => (axis < 0 ? axis + dims.length : axis))
      const kept = [...dims.keys()].filter((axis) =>
        gone === undefined ? dims[axis] !== 1 : !gone.includes(axis),
      )
      return { dims: kept.map((axis) => dims[axis] ?? Number.NaN), before: (axis) => kept[axis] }
    }
    case 'Unsqueeze': {
      const axes = axesOf(node)
      if (axes === undefined) return { dims: undefined, before: () => undefined }
      const rank = dims.length + axes.length
      const added = axes.map((axis) => (axis < 0 ? axis + rank : axis))
      const origins: (number | undefined)[] = []
      for (let axis = 0, next = 0; axis < rank; axis++)
        origins.push(added.includes(axis) ? undefined : next++)
      const after = origins.map((origin) => (origin === undefined ? 1 : (dims[origin] ?? Number.NaN)))
      return { dims: after, before: (axis) => origins[axis] }
    }
    case 'Reshape':
    case 'Flatten': {
      const after = reshaped(node, dims)
      return {
        dims: after,
        before: (axis) => (after === undefined ? undefined : sameAxis(after, axis, dims)),
      }
    }
    default:
      return undefined
  }
}

/** An attribute before opset 13, an input since. */
const axesOf = (node: Node): readonly number[] | undefined =>
  node.ints('axes') ?? constantOf(node.inputs[1])?.ints()

const product = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1)

function reshaped(node: Node, dims: readonly number[]): number[] | undefined {
  const size = product(dims)
  if (node.opType === 'Flatten') {
    const axis = node.int('axis', 1)
    const outer = product(dims.slice(0, axis < 0 ? axis + dims.length : axis))
    return [outer, size / outer]
  }
  const zeros = node.int('allowzero', 0) === 1
  const shape = constantOf(node.inputs[1])
    ?.ints()
    .map((dim, axis) => (dim === 0 && !zeros ? (dims[axis] ?? 0) : dim))
  const known = shape && product(shape.filter((dim) => dim !== -1))
  return shape?.map((dim) => (dim === -1 ? size / (known || 1) : dim))
}

/** The axis of `before` that runs through the data in the same steps as `axis` of `after`. */
function sameAxis(after: readonly number[], axis: number, before: readonly number[]): number | undefined {
  const stride = (dims: readonly number[], of: number) => product(dims.slice(of + 1))
  const found = before.findIndex(
    (dim, index) => dim === after[axis] && stride(before, index) === stride(after, axis),
  )
  return found < 0 ? undefined : found
}
