import * as errors from '../errors'

/** Bounds on what a model may ask for, so that a hostile file ends in an error and not in a crash. */
export interface Limits {
  /** Bytes of the model file, without external data. Protobuf itself ends at 2 GiB. */
  readonly bytes: number
  /** Messages inside one another, 1000 at most; a subgraph takes 3. */
  readonly depth: number
  /**
   * Messages, strings and byte fields of the file, 16 numbers of a list counting as one: what memory a file takes beyond
   * its own bytes.
   */
  readonly messages: number
  /** Nodes of all graphs together. */
  readonly nodes: number
  /** Bytes of one tensor, external ones included. */
  readonly tensorBytes: number
}

export const defaultLimits: Limits = {
  bytes: 2 ** 31 - 1,
  depth: 100,
  messages: 10_000_000,
  nodes: 1_000_000,
  tensorBytes: 2 ** 33,
}

/**
 * For who is about to read a model's file, and knows its size.
 * @throws OnnxError ONNX_LIMIT_EXCEEDED
 */
export function checkModelBytes(
  bytes: number,
  { bytes: max = defaultLimits.bytes }: Partial<Limits> = {},
): void {
  if (bytes > max) throw errors.limitExceeded('bytes', 'Bytes of the model', bytes, max)
}
