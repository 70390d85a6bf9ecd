import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import type { Value } from '../graph/value'
import type { Calibrator, CalibratorOptions } from '../kernels/calibrators'
import { constantOf } from './facts'
import type { IntegerLayer } from './integer/layers'
import { Maxima } from './integer/maxima'
import type { WeightType } from './integer/weights'
import { keepMatcher } from './keep'
import {
  between,
  definePass,
  needsCalibration,
  type PassContext,
  type PassResult,
  type Skipped,
} from './pass'
import { type PlanOptions, planOf } from './static/plan'
import {
  type ActivationType,
  countValues,
  quantizations,
  quantizedValues,
  stepsOf,
  unfitness,
} from './static/ranges'
import { QdqWriter, type WriteOptions } from './static/write'

/**
 * Lets layers compute in 8-bit integers with ranges of activations taken from calibration, written as QuantizeLinear and
 * DequantizeLinear around the operators, of which onnxruntime makes QLinearConv, QGemm, QLinearMatMul and
 * MatMulIntegerToFloat (core/optimizer/qdq_transformer).
 *
 * Weights are symmetric, with one scale per output channel; a bias is int32 with the product of the scales of input and
 * weight. Activations are asymmetric, with a step that is exactly 0. Besides layers, cheap operators between layers are
 * quantized; which, and why, stands in static/operators.ts. Softmax, normalizations and what leads to them stay in
 * float32, and so does a layer whose activations are too uneven for the bits they would get.
 */
export const quantizeStatic = definePass({
  name: 'quantize-static',
  version: 2,
  summary: 'Lets layers compute in 8-bit integers, with ranges of activations from calibration.',
  source:
    'Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"; Nagel et al. 2021, "A White Paper on Neural Network Quantization"',
  options: {
    calibrator: 'mse',
    /** Of the percentile calibrator: per cent of the numbers that the range holds. */
    percentile: 99.999,
    activations: 'uint8',
    weights: 'int8',
    granularity: 'channel',
    /**
     * Layers whose activations would keep less than so many dB stay in float32: a few numbers are far larger than all
     * others. Normally distributed numbers keep 40 dB in eight bits, evenly spread ones 59. 0 leaves none.
     */
    least: 34,
    /** Names of nodes that stay as they are. */
    keep: [],
  },
  describe: {
    calibrator: 'how ranges are chosen from what was counted',
    percentile: "per cent of the numbers that a range holds, 50 to 100; of the calibrator 'percentile'",
    activations: 'type of the activations; uint16 is exact but not faster than float32',
    weights: 'type of the weights',
    granularity: 'which weights share a scale',
    least:
      'layers whose activations would keep less than so many dB in these bits stay in float32; 0 for none',
    keep: 'names of nodes that stay; * for any characters',
  },
  choices: {
    calibrator: ['min-max', 'percentile', 'entropy', 'mse'],
    activations: ['uint8', 'int8', 'uint16'],
    weights: ['int8', 'uint8'],
    granularity: ['channel', 'tensor'],
  },
  expects: { percentile: between(50, 100) },
  needs: 'calibration',
  fidelity: 10,
  async run(model, options, { calibration }: PassContext): Promise<PassResult> {
    const kept = keepMatcher(options.keep)
    const activations = options.activations as ActivationType
    const weights = options.weights as WeightType
    const perChannel = options.granularity === 'channel'
    const unfit = new Map<Value, string>()
    const maxima = new Maxima()
    const planning: PlanOptions = {
      kept,
      unfit,
      refuse: (layer) => refusal(layer, { opset: model.opset(), perChannel, activations, weights, maxima }),
    }
    const skippedOf = (refused: readonly { node: Node; reason: string }[]): Skipped[] =>
      refused.map(({ node, reason }) => ({ node: node.label, reason }))
    const first = planOf(model, planning)
    if (first.plan.layers.size === 0) return { changed: 0, skipped: skippedOf(first.refused) }
    if (calibration === undefined) return { changed: 0, skipped: [needsCalibration(model.graph.name)] }
    if (options.least > 0 && hasQuantizedActivations(model)) {
      const left = [...first.plan.layers.keys()].map((node) => ({ node, reason: 'an earlier run left it' }))
      return { changed: 0, skipped: skippedOf([...first.refused, ...left]) }
    }
    const calibrator: CalibratorOptions = {
      calibrator: options.calibrator as Calibrator,
      percentile: options.percentile,
      steps: stepsOf(activations),
    }
    const histograms = await countValues(model, quantizedValues(first.plan), calibration)
    for (const [value, histogram] of histograms) {
      const reason = unfitness(value, histogram, calibrator, options.least)
      if (reason !== undefined) unfit.set(value, reason)
    }
    const { plan, refused } = unfit.size === 0 ? first : planOf(model, planning)
    const scales = quantizations(plan, histograms, activations, calibrator)
    new QdqWriter(model, plan, scales, { weights, perChannel, maxima }).write()
    return { changed: plan.layers.size, skipped: skippedOf(refused) }
  },
})

/** Activations that were rounded once keep more when they are rounded again: what was left would come in, run by run. */
function hasQuantizedActivations(model: Model): boolean {
  for (const { opType, inputs } of model.nodes())
    if (opType === 'QuantizeLinear' && inputs[0]?.isConstant === false) return true
  return false
}

/** Why a layer can't be quantized whatever its activations are. */
function refusal(
  { node, kind, bias, tensor, channels, axis }: IntegerLayer,
  {
    opset,
    perChannel,
    activations,
    weights,
    maxima,
  }: WriteOptions & {
    readonly opset: number
    readonly activations: ActivationType
  },
): string | undefined {
  const needed = perChannel ? 13 : 10
  if (opset < needed)
    return `opset ${opset} can't dequantize${perChannel ? ' per channel' : ''}: upgrade-opset to ${needed} first`
  if (activations === 'int8' && weights !== 'int8') return 'int8 activations need int8 weights'
  if (maxima.of(tensor, perChannel ? axis : undefined).includes(Number.NaN))
    return 'its weight holds NaN or infinity'
  if (bias === undefined) return undefined
  const constant = constantOf(bias)
  if (constant?.dataType !== 'float32') return 'its bias is not constant'
  if (constant.size !== channels || constant.dims.at(-1) !== channels)
    return 'its bias is not one number a channel'
  if (!constant.float32().every(Number.isFinite)) return 'its bias holds NaN or infinity'
  if (kind === 'Gemm' && (node.float('beta', 1) !== 1 || node.float('alpha', 1) !== 1))
    return 'it scales its operands'
  return undefined
}
