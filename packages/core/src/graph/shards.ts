import type { Model } from './model'
import type { Tensor } from './tensor'

/** Initializers that go into one file, one after the other. */
export interface Shard {
  readonly tensors: readonly { readonly tensor: Tensor; readonly offset: number }[]
  readonly byteLength: number
}

/** Tensors begin at multiples of this: wider than any element, and less than pages, of which small tensors would fill few. */
const ALIGNMENT = 64

/**
 * Deals initializers of a model's main graph out to files of bounded size, in the order of the model. Where a file ends is up to the
 * content of the tensor it ends with, as in content-defined chunking (FastCDC, Xia et al. 2016): a tensor that changes, grows
 * or goes moves no borders but its own, and all other files of the next version are the same, byte by byte.
 * @param digest hash of bytes in hexadecimal digits, evenly distributed
 * @param maxBytes of a file; a larger tensor has one of its own, since ONNX has no tensor in several files
 * @param minBytes smaller tensors stay in the model, and so do strings, tensors in attributes, and initializers of subgraphs,
 *   for which onnxruntime 1.30 looks on disk only
 */
export function shardsOf(
  model: Model,
  digest: (bytes: Uint8Array) => string,
  maxBytes: number,
  minBytes = 1024,
): Shard[] {
  const shards: Shard[] = []
  const placed = new Set<Tensor>()
  let tensors: { tensor: Tensor; offset: number }[] = []
  let end = 0
  const close = () => {
    if (tensors.length > 0) shards.push({ tensors, byteLength: end })
    tensors = []
    end = 0
  }
  for (const { initializer: tensor } of model.graph.initializers()) {
    if (tensor === undefined || tensor.dataType === 'string') continue
    if (tensor.byteLength < minBytes || placed.has(tensor)) continue
    placed.add(tensor)
    const { byteLength } = tensor
    if (aligned(end) + byteLength > maxBytes) close()
    const offset = aligned(end)
    tensors.push({ tensor, offset })
    end = offset + byteLength
    // On average a border every quarter, and none before the first quarter: files come to half of what they may have.
    const quarter = maxBytes / 4
    if (end >= quarter && fraction(digest(tensor.bytes())) < byteLength / quarter) close()
  }
  close()
  return shards
}

/** The bytes of a file, pulled one tensor at a time. */
export function* shardBytes({ tensors }: Shard): Iterable<Uint8Array> {
  let end = 0
  for (const { tensor, offset } of tensors) {
    if (offset > end) yield new Uint8Array(offset - end)
    yield tensor.bytes()
    end = offset + tensor.byteLength
  }
}

const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT

/** From 0 to below 1. */
const fraction = (hex: string): number => Number.parseInt(hex.slice(0, 12), 16) / 2 ** 48
