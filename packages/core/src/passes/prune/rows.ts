import type { Node } from '../../graph/node'

/**
 * How the weights of a layer lie in their tensor, seen as rows of which each makes one output: `batches` matrices of
 * [outputs, features], or of [features, outputs] where they are transposed. The features are what a product sums over.
 */
export interface RowLayout {
  readonly batches: number
  readonly outputs: number
  readonly features: number
  readonly transposed: boolean
}

const product = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1)

/** How a node reads a weight of these dimensions at this input; undefined where it doesn't multiply with it. */
export function rowLayout(node: Node, index: number, dims: readonly number[]): RowLayout | undefined {
  if (node.domain !== '' || dims.length < 2) return undefined
  const [rows = 0, columns = 0] = dims.slice(-2)
  const matrix = (transposed: boolean): RowLayout => ({
    batches: product(dims.slice(0, -2)),
    outputs: transposed ? columns : rows,
    features: transposed ? rows : columns,
    transposed,
  })
  switch (node.opType) {
    case 'MatMul':
      return matrix(index === 1)
    case 'Gemm':
      if (index === 0) return matrix(node.int('transA', 0) === 1)
      return index === 1 ? matrix(node.int('transB', 0) === 0) : undefined
    case 'Conv': {
      const features = product(dims.slice(1))
      return index === 1 ? { batches: 1, outputs: dims[0] ?? 0, features, transposed: false } : undefined
    }
    case 'ConvTranspose': {
      // [in, out / group, …]: each place of the kernel of each output channel sums over the input channels of its group.
      const groups = node.int('group', 1)
      const features = (dims[0] ?? 0) / groups
      return index === 1
        ? { batches: groups, outputs: product(dims.slice(1)), features, transposed: true }
        : undefined
    }
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return index === 1 || index === 2 ? matrix(false) : undefined
    default:
      return undefined
  }
}

/** The weights with one row after the other; the data itself where it lies so. */
export function toRows(data: Float32Array, layout: RowLayout): Float32Array {
  return layout.transposed ? transposed(data, layout.batches, layout.features, layout.outputs) : data
}

/** Back to the tensor's own order. */
export function fromRows(rows: Float32Array, layout: RowLayout): Float32Array {
  return layout.transposed ? transposed(rows, layout.batches, layout.outputs, layout.features) : rows
}

function transposed(data: Float32Array, batches: number, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length)
  for (let batch = 0; batch < batches; batch++) {
    const start = batch * rows * columns
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++)
        out[start + column * rows + row] = data[start + row * columns + column] ?? 0
    }
  }
  return out
}
