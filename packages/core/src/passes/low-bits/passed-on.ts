import type { Use } from '../../graph/value'

/** Operators that onnxruntime's QDQ propagation moves DequantizeLinear across. */
const moving: ReadonlySet<string> = new Set([
  'Expand',
  'Flatten',
  'MaxPool',
  'Reshape',
  'Slice',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
])

/**
 * Whether an int8 weight needs a zero point written out, though it is zero: up to onnxruntime 1.26 a DequantizeLinear that is
 * moved across one of these leaves a QuantizeLinear behind that takes a missing zero point for uint8, and the model is
 * refused ("Type (tensor(int8)) of output arg (QuantizeLinear_out0) …").
 */
export const isPassedOn = (uses: readonly Use[]): boolean => uses.some(({ node }) => moving.has(node.opType))
