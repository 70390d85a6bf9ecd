/**
 * How the types of operators' outputs follow from inputs and attributes, as data.
 *
 * A rule has a word for each output; `*` behind the last says that all further outputs are like it. A word is a list of
 * ways separated by `|`, of which the first that applies counts:
 * - a number: as the input of this index
 * - `@name`: the type whose code stands in the attribute of this name
 * - a data type
 *
 * Operators whose types follow from graphs, sequences or tensors inside of attributes are in passes/types/special.ts.
 *
 * Source: the schemas of onnx 1.22 (onnx.defs.get_all_schemas_with_history) of ai.onnx 1 to 27 and ai.onnx.ml 1 to 5;
 * onnxruntime/core/graph/contrib_ops for com.microsoft.
 */

/** Rule of a version of an operator and all later ones. */
export interface TypeRule {
  readonly since: number
  readonly outputs: readonly string[]
}

/** All outputs as the first input. */
const likeFirst =
  'Abs Acos Acosh Add AffineGrid Asin Asinh Atan Atanh AveragePool BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CausalConvWithState Ceil Celu CenterCropPad Clip Col2Im Compress Concat Conv ConvTranspose Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace Det Div Einsum Elu Erf Exp Expand Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization LRN LSTM LeakyRelu Log LogSoftmax LpNormalization LpPool MatMul Max MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NegativeLogLikelihoodLoss Not PRelu Pad Pow RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scatter ScatterElements ScatterND Selu SequenceErase SequenceInsert Shrink Sigmoid Sign Sin Sinh Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split Sqrt Squeeze StringConcat Sub Sum Swish Tan Tanh TensorScatter ThresholdedRelu Tile Transpose Trilu Unsqueeze Upsample ai.onnx.ml.ArrayFeatureExtractor ai.onnx.ml.Binarizer ai.onnx.ml.Imputer ai.onnx.ml.TreeEnsemble ai.onnx.preview.FlexAttention ai.onnx.preview.training.Gradient SimplifiedLayerNormalization'

/** The same of com.microsoft: what onnxruntime's tools and this project's passes write. */
const likeFirstMicrosoft =
  'Attention BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu ComplexMul ComplexMulConj Conv DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention EfficientNMS FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation Gelu GemmaRotaryEmbedding GroupNorm GroupQueryAttention Inverse Irfft LongformerAttention MatMulBnb4 MatMulFpQ4 MatMulNBits MoE MultiHeadAttention NhwcConv NhwcMaxPool PackedAttention PackedMultiHeadAttention Pad PagedAttention QAttention QLinearAdd QLinearAveragePool QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QMoE QuickGelu RelativePositionBias RemovePadding Rfft RotaryEmbedding SampleOp SimplifiedLayerNormalization SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization SparseAttention TransposeMatMul Trilu UnfoldTensor Unique'

const bool =
  'Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual OptionalHasElement Or RegexFullMatch Xor And'
const int64 = 'ArgMax ArgMin NonMaxSuppression NonZero SequenceLength Shape Size'
const float32 =
  'TfIdfVectorizer ai.onnx.ml.FeatureVectorizer ai.onnx.ml.LinearRegressor ai.onnx.ml.Normalizer ai.onnx.ml.OneHotEncoder ai.onnx.ml.SVMRegressor ai.onnx.ml.Scaler ai.onnx.ml.TreeEnsembleRegressor com.microsoft.DynamicQuantizeMatMul com.microsoft.DynamicQuantizeLSTM com.microsoft.CDist com.microsoft.Tokenizer'

/** Everything else: operator, `@` and the version from which the rule holds where an earlier one differs, and the rule. */
const others = `
ai.onnx.preview.training.Adagrad 2*
ai.onnx.preview.training.Adam  2*
ai.onnx.preview.training.Momentum 2*
Attention                      0 0 2 0
BatchNormalization             0*
BatchNormalization@14          0 3 3
Bernoulli                      @dtype|0
BitCast                        @to
BlackmanWindow                 @output_datatype|float32
Cast                           @to
CastLike                       1
ConvInteger                    int32
DequantizeLinear               @output_dtype|1
Dropout                        0*
Dropout@10                     0 bool
DynamicQuantizeLinear          uint8 float32 uint8
EyeLike                        @dtype|0
HammingWindow                  @output_datatype|float32
HannWindow                     @output_datatype|float32
ImageDecoder                   uint8
LayerNormalization             0 @stash_type|float32 @stash_type|float32
LinearAttention                0 3|0
MatMulInteger                  int32
MaxPool                        0 int64
MelWeightMatrix                @output_datatype|float32
Multinomial                    @dtype|int32
OneHot                         2
QLinearConv                    7
QLinearMatMul                  7
QuantizeLinear                 @output_dtype|2|uint8
RMSNormalization               1
RandomNormal                   @dtype|float32
RandomNormalLike               @dtype|0
RandomUniform                  @dtype|float32
RandomUniformLike              @dtype|0
StringNormalizer               string
StringSplit                    string int64
TopK                           0 int64
Unique                         0 int64 int64 int64
Where                          1
com.microsoft.BitmaskBiasDropout 0 0 bool
com.microsoft.ConvTransposeWithDynamicPads 0
com.microsoft.CropAndResize    0
com.microsoft.DequantizeLinear 1
com.microsoft.DynamicTimeWarping int32
com.microsoft.EmbedLayerNormalization 2 int32 2
com.microsoft.ExpandDims       0
com.microsoft.GatherBlockQuantized 2
com.microsoft.GatherND         0
com.microsoft.GridSample       0
com.microsoft.MatMulInteger16  int32
com.microsoft.MatMulIntegerToFloat 2
com.microsoft.MulInteger       int32
com.microsoft.QEmbedLayerNormalization float32 int32
com.microsoft.QGemm            8|float32
com.microsoft.QLinearConcat    1
com.microsoft.QLinearConv      7
com.microsoft.QLinearWhere     7
com.microsoft.QOrderedMatMul   0
com.microsoft.QuantizeLinear   2|uint8
com.microsoft.ReduceSumInteger @data_type|int32
com.microsoft.BifurcationDetector int64 int64
`

const table = new Map<string, TypeRule[]>()

function enter(operator: string, outputs: readonly string[], since = 1): void {
  const rules = table.get(operator)
  if (rules === undefined) table.set(operator, [{ since, outputs }])
  else rules.push({ since, outputs })
}

for (const operator of likeFirst.split(' ')) enter(operator, ['0*'])
for (const operator of likeFirstMicrosoft.split(' ')) enter(`com.microsoft.${operator}`, ['0*'])
for (const operator of bool.split(' ')) enter(operator, ['bool'])
for (const operator of int64.split(' ')) enter(operator, ['int64'])
for (const operator of float32.split(' ')) enter(operator, ['float32'])
for (const line of others.trim().split('\n')) {
  const [operator = '', ...outputs] = line.split(/\s+/)
  const [name = '', since = '1'] = operator.split('@')
  enter(name, outputs, Number(since))
}

/**
 * The word for one output of an operator.
 * @param opset version of the operator's domain
 * @returns undefined where the table doesn't have the operator
 */
export function typeRule(domain: string, opType: string, opset: number, output: number): string | undefined {
  const rules = table.get(domain === '' ? opType : `${domain}.${opType}`)
  const rule = rules?.findLast(({ since }) => since <= opset) ?? rules?.[0]
  if (rule === undefined) return undefined
  const word = rule.outputs[output]
  if (word !== undefined) return word.replace('*', '')
  const last = rule.outputs.at(-1)
  return last?.endsWith('*') ? last.slice(0, -1) : undefined
}
