import * as errors from '../errors'
import type { Message } from '../onnx/message'
import type { ExternalReader } from './external'
import { Tensor } from './tensor'

/** A tensor in coordinate form; everything that isn't listed is zero. */
export interface SparseTensor {
  /** The values that are listed, [n]. */
  readonly values: Tensor
  /** int64: places in the flattened tensor, [n], or coordinates, [n, rank]; ascending. */
  readonly indices: Tensor
  /** Of the dense tensor. */
  readonly dims: readonly number[]
  /** @internal */
  readonly _message?: Message<'SparseTensorProto'>
}

/** @internal */
export function sparseFromMessage(
  message: Message<'SparseTensorProto'>,
  open: ExternalReader | undefined,
  maxBytes: number,
): SparseTensor {
  const name = message.values?.name ?? ''
  const { values, indices } = message
  if (values === undefined) throw errors.invalidSparseTensor(name, 'has no values')
  const dims = (message.dims ?? []).map((dim) => {
    if (typeof dim === 'bigint' || dim < 0) throw errors.invalidDims(name, String(message.dims))
    return dim
  })
  return {
    values: Tensor.fromMessage(values, open, maxBytes),
    // The checker lets indices be absent where there is no value.
    indices: Tensor.fromMessage(indices ?? { data_type: 7, dims: [0] }, open, maxBytes),
    dims,
    _message: message,
  }
}
