/**
 * What operators do in float16, as data. Operators that aren't named compute in float16.
 *
 * Sources: onnx.defs of onnx 1.22 for what has no float16 form; DEFAULT_OP_BLOCK_LIST of onnxconverter_common/float16.py
 * for what runtimes have no float16 kernel for; onnxruntime inserts casts on its own where only its CPU provider has none
 * (core/optimizer/insert_cast_transformer.cc).
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

/** Stay float32: no float16 form, results that are counted or sorted, or quantization whose scales must stay exact. */
export const float32Operators = words(`
  ArgMax ArgMin BatchNormalization Bernoulli BitCast BlackmanWindow CastLike Celu Col2Im ConvInteger CumProd CumSum DFT
  DequantizeLinear Det DynamicQuantizeLinear Equal EyeLike Greater GreaterOrEqual HammingWindow HannWindow ImageDecoder
  IsInf IsNaN Less LessOrEqual LinearAttention MatMulInteger MaxRoiPool MaxUnpool MeanVarianceNormalization MelWeightMatrix
  Mod Multinomial NegativeLogLikelihoodLoss NonMaxSuppression NonZero OneHot Optional OptionalGetElement QLinearConv
  QLinearMatMul QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range ReduceProd
  RoiAlign STFT SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceMap
  SoftmaxCrossEntropyLoss SplitToSequence ConcatFromSequence TfIdfVectorizer TopK Unique Upsample
`)

/** Stay float32 because what they make, or what is made of it, spans more powers of two than float16 has. */
export const wideOperators = words(
  'Exp Log Pow ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare Reciprocal Sqrt',
)

/** Stay float32 as well where no calibration says how large values get: sums over many, and what normalization is made of. */
export const unsureOperators = words(`
  Attention Div GroupNormalization InstanceNormalization LayerNormalization LogSoftmax LpNormalization ReduceL1
  ReduceMean ReduceSum RMSNormalization SimplifiedLayerNormalization Softmax
`)

/** Square their input inside, so that less of it fits. */
export const squaringOperators = words(
  'GroupNormalization InstanceNormalization LayerNormalization LpNormalization LRN RMSNormalization SimplifiedLayerNormalization',
)

/** Only move elements: they take the type of what they move. */
export const movingOperators = words(`
  CenterCropPad Compress Concat DepthToSpace Expand Flatten Gather GatherElements GatherND Identity MaxPool Pad Reshape
  ReverseSequence Slice SpaceToDepth Split Squeeze Tile Transpose Trilu Unsqueeze
`)

/** Add little of their own: beside float32 alone they are float32, which saves casts and rounding. */
export const lightOperators = words(
  'Abs Add Div Erf Max Mean Min Mul Neg ReduceMax ReduceMean ReduceMin ReduceSum Sub Sum',
)

/** Read any type and make one of their own. */
export const indifferentOperators = words('Cast Shape Size')

/** Of com.microsoft, compute in float16; all others stay. */
export const microsoftHalf = words('BiasGelu FastGelu Gelu QuickGelu MatMulNBits FusedMatMul RotaryEmbedding')

/** Inputs that are float32 in any case. */
export const float32Inputs: Readonly<Record<string, readonly number[]>> = { Resize: [1, 2] }

/** Inputs whose constants are bounds: beyond what float16 holds, its largest number means the same. */
export const boundInputs: Readonly<Record<string, readonly number[]>> = {
  Clip: [1, 2],
  Max: [0, 1],
  Min: [0, 1],
  Pad: [2],
}
