/**
 * What quantize-static does with an operator:
 * - weights: it multiplies with weights, which is where integers pay;
 * - pass-through: it moves numbers and makes none, so that its output has the scale of its input;
 * - unary, binary, variadic: it has an integer form in onnxruntime, taken where integers come in and go on as integers;
 * - clamp: after a layer it does what the quantized range does anyway, and vanishes in it;
 * - never: it stays in float32.
 */
export type Role = 'weights' | 'pass-through' | 'unary' | 'binary' | 'variadic' | 'clamp' | 'never'

export interface OperatorChoice {
  readonly role: Role
  readonly reason: string
  /** Bounds of the output whatever goes in. */
  readonly bounds?: readonly [low: number, high: number]
  /** The first opset whose definition takes 8-bit integers. */
  readonly since?: number
  /** Values of attributes with which alone the role holds. */
  readonly where?: Readonly<Record<string, string>>
}

/**
 * The operators with an integer form in onnxruntime's qdq_selector_action_transformer.cc, and those that must not have
 * one. Operators that aren't listed stay in float32 because there is no integer form.
 */
export const operators: Readonly<Record<string, OperatorChoice>> = {
  Conv: { role: 'weights', reason: 'becomes QLinearConv' },
  Gemm: { role: 'weights', reason: 'becomes QGemm' },
  MatMul: {
    role: 'weights',
    reason:
      'becomes MatMulIntegerToFloat, or QLinearMatMul between integers; between two activations it stays',
  },
  MaxPool: { role: 'pass-through', reason: 'picks numbers', since: 12 },
  Reshape: { role: 'pass-through', reason: 'moves numbers' },
  Transpose: { role: 'pass-through', reason: 'moves numbers' },
  Flatten: { role: 'pass-through', reason: 'moves numbers' },
  Squeeze: { role: 'pass-through', reason: 'moves numbers' },
  Unsqueeze: { role: 'pass-through', reason: 'moves numbers' },
  Slice: { role: 'pass-through', reason: 'picks numbers' },
  Resize: { role: 'pass-through', reason: 'picks numbers', since: 11, where: { mode: 'nearest' } },
  AveragePool: { role: 'unary', reason: 'becomes QLinearAveragePool' },
  GlobalAveragePool: { role: 'unary', reason: 'becomes QLinearGlobalAveragePool' },
  LeakyRelu: { role: 'unary', reason: 'becomes QLinearLeakyRelu' },
  Sigmoid: { role: 'unary', reason: 'becomes QLinearSigmoid', bounds: [0, 1] },
  Add: { role: 'binary', reason: 'becomes QLinearAdd: residual connections between layers' },
  Mul: { role: 'binary', reason: 'becomes QLinearMul: gates of squeeze-and-excitation' },
  Concat: { role: 'variadic', reason: 'becomes QLinearConcat' },
  Relu: { role: 'clamp', reason: 'the quantized range ends at 0' },
  Clip: { role: 'clamp', reason: 'the quantized range ends where it does' },
  HardSigmoid: { role: 'never', reason: 'has no integer form', bounds: [0, 1] },
  Softmax: {
    role: 'never',
    reason: 'masks of -1e4 or -infinity before it leave 8 bits nothing to tell scores apart with',
    bounds: [0, 1],
  },
  LayerNormalization: { role: 'never', reason: 'its sums of squares need the range of float32' },
  BatchNormalization: { role: 'never', reason: 'is to be fused into its layer first: fuse-batch-norm' },
  Pow: { role: 'never', reason: 'squares outgrow 8 bits' },
}
