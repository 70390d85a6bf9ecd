import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { countNonzero, nonzeroPlaces, nonzeroValues } from '../kernels/coordinates'
import type { DataType } from '../onnx/data-types'
import { between, definePass, type Skipped } from './pass'

/** Bytes of an element of the types that onnxruntime takes sparse initializers of. */
const widths: ReadonlyMap<DataType, number> = new Map([
  ['float32', 4],
  ['float16', 2],
  ['int8', 1],
  ['uint8', 1],
])

/** What the form costs a file beside values and places: fields of two tensors, dimensions twice. */
const OVERHEAD = 32

/**
 * Stores constants whose zeros pay for it in coordinate form: the values that aren't zero, and their places in the
 * flattened tensor as int64, which is the smaller of the two forms that ONNX has. Engines make them dense when they load
 * the model, so that it is the file that gets smaller, not the computing.
 *
 * onnx.proto, SparseTensorProto and GraphProto.sparse_initializer; onnxruntime's SparseTensorProtoToDenseTensorProto.
 */
export const sparsifyWeights = definePass({
  name: 'sparsify-weights',
  version: 1,
  summary: 'Stores weights that are mostly zeros as places and values.',
  source: 'onnx.proto, SparseTensorProto and GraphProto.sparse_initializer',
  options: { minSparsity: 0.7 },
  describe: { minSparsity: 'share of zeros, 0 to 1, below which a tensor stays dense' },
  expects: { minSparsity: between(0, 1) },
  fidelity: 200,
  run(model, { minSparsity }) {
    const skipped: Skipped[] = []
    let changed = 0
    for (const value of model.initializers()) {
      const tensor = value.initializer
      const width = tensor && widths.get(tensor.dataType)
      if (tensor === undefined || width === undefined || tensor.byteLength < OVERHEAD) continue
      const count = countNonzero(tensor.bytes(), width)
      const sparsity = 1 - count / tensor.size
      if (sparsity < minSparsity) continue
      const reason = reasonAgainst(value, model.irVersion) ?? noSmaller(tensor, width, count)
      if (reason !== undefined) skipped.push({ node: value.name, reason })
      else {
        value.sparseInitializer = {
          values: Tensor.lazy(tensor.dataType, [count], () => nonzeroValues(tensor.bytes(), width, count)),
          indices: Tensor.lazy('int64', [count], () => nonzeroPlaces(tensor.bytes(), width, count)),
          dims: tensor.dims,
        }
        changed++
      }
    }
    // Sparse initializers are of IR version 6.
    if (changed > 0 && model.irVersion < 6) model.irVersion = 6
    return { changed, skipped }
  },
})

function reasonAgainst(value: Value, irVersion: number): string | undefined {
  // In IR version 3 every initializer is an input; a higher version would let callers override them.
  if (irVersion < 4) return `IR version ${irVersion} has no sparse initializers: upgrade-opset first`
  if (!value.isConstant) return 'is the default of an input'
  return value.isOutput ? 'is, or becomes, an output of its graph' : undefined
}

function noSmaller(tensor: Tensor, width: number, count: number): string | undefined {
  const bytes = count * (width + 8) + OVERHEAD
  if (bytes < tensor.byteLength) return undefined
  const share = Math.floor((100 * (tensor.size - count)) / tensor.size)
  return `would be no smaller: ${share} % zeros, ${bytes} bytes for ${tensor.byteLength}`
}
