import { calibrated } from './low-bits/calibrated'
import { isPlainInt8, storeInt8 } from './low-bits/int8'
import type { WeightOptions } from './low-bits/options'
import { decibels, noisiest, type Plan, plansFor } from './low-bits/plan'
import { gridsOf, type Prepared, rounded } from './low-bits/prepared'
import { Scratch } from './low-bits/scratch'
import { store } from './low-bits/store'
import { between, definePass, needsCalibration, type PassContext, type Skipped } from './pass'
import { Placement } from './placement'

/**
 * Stores the float32 weights of layers as integers of 8, 4 or 2 bits, w' = (q - zero point) * scale, while everything
 * computes in float32 as before. By default q = round(w / scale) with scale = max|w| / 127 per channel, as
 * DequantizeLinear before the first node that reads the weight: a quarter of the bytes.
 *
 * Weights are constants that MatMul, Gemm, Conv, ConvTranspose, LSTM, GRU, RNN, Gather or Einsum multiply with or look
 * up, directly or through nodes that only move data (Transpose, Reshape, Slice, Concat, …), in the same graph or in one
 * inside. A weight with several readers is quantized once. Biases and other 1-d tensors stay, and so does what isn't
 * finite, is an output or the default of an input, or would be no smaller than as float16.
 *
 * Rounding to nearest per channel: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient
 * inference", sections 2.3 and 3.1. The other methods say their sources where they are: rtn in blocks in
 * kernels/range-grid.ts, mse in scale-search.ts, hqq in hqq.ts, k-quant in k-quant.ts, gptq in gptq.ts, awq in
 * passes/low-bits/awq.ts, powers of two in power-of-two.ts.
 */
export const quantizeWeights = definePass({
  name: 'quantize-weights',
  version: 4,
  summary: 'Stores the weights of layers in few bits.',
  source: 'Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference"',
  options: {
    bits: 8,
    granularity: 'channel',
    blockSize: 32,
    symmetric: true,
    scale: 'float',
    method: 'rtn',
    format: 'auto',
    /** Names of weights, or of nodes whose weights, stay as they are. */
    keep: [],
    /** Only weights that no other operators than these read; none: all. */
    operators: [],
    /** Weights with fewer elements stay. */
    minElements: 256,
    /**
     * Share of the weights, 0 to 1, that may stay as they are to save accuracy: those with the most rounding noise for
     * their size, which are small layers and such with outliers.
     */
    spare: 0,
  },
  describe: {
    bits: 'bits a weight',
    granularity: 'what shares a scale',
    blockSize: 'with blocks, how many weights share a scale; narrow matrices take less',
    symmetric: 'no zero points',
    scale: "'power-of-two': 2^k, with k of least squared error",
    method: 'how scales, and with gptq the integers, are chosen',
    format:
      "operator that gives the weights back; 'auto' takes MatMulNBits and GatherBlockQuantized for blocks",
    keep: 'names of weights, or of nodes whose weights, stay; * for any characters',
    operators: 'only weights that no other operators than these read; none: all',
    minElements: 'weights with fewer elements stay',
    spare:
      'share of the weights, 0 to 1, that may stay to save accuracy: those with the most rounding noise for their size',
  },
  fidelity: 10,
  choices: {
    bits: [8, 4, 2],
    granularity: ['channel', 'tensor', 'block'],
    blockSize: [16, 32, 64, 128, 256],
    symmetric: [true, false],
    scale: ['float', 'power-of-two'],
    method: ['rtn', 'mse', 'hqq', 'k-quant', 'gptq', 'awq'],
    format: ['auto', 'dequantize', 'nbits'],
  },
  expects: { spare: between(0, 1) },
  async run(model, options, context) {
    const weightOptions = options as unknown as WeightOptions
    const skipped: Skipped[] = []
    const scratch = new Scratch()
    const plans = plansFor(model, weightOptions, skipped, scratch, context.weightsAreFinite === true)
    const spared = noisiest(plans, options.spare)
    const chosen = plans.filter((plan) => !spared.has(plan))
    for (const plan of spared)
      skipped.push({ node: plan.value.name, reason: `is spared: noise at ${decibels(plan.noise)} dB` })
    let prepared: ReadonlyMap<Plan, Prepared> = new Map()
    if (options.method === 'gptq' || options.method === 'awq') {
      if (context.calibration === undefined) {
        for (const { value } of chosen) skipped.push(needsCalibration(value.name))
        return { changed: 0, skipped }
      }
      prepared = await calibrated(model, chosen, weightOptions, context.calibration, skipped)
    }
    const placement = new Placement()
    for (const chosenPlan of chosen) {
      // awq may have divided it.
      const { initializer: tensor = chosenPlan.tensor } = chosenPlan.value
      const plan = { ...chosenPlan, tensor }
      if (isPlainInt8(weightOptions)) storeInt8(plan, placement, scratch)
      else {
        const ready = prepared.get(chosenPlan) ?? remember(context, plan, weightOptions)
        store(
          plan.value,
          plan.form,
          options.symmetric,
          placement,
          rounded(plan, weightOptions, ready, scratch),
        )
      }
    }
    return { changed: chosen.length, skipped }
  },
})

/** Scales depend on the weight and on these options alone, whatever else is kept or changed. */
function remember({ remembered }: PassContext, plan: Plan, options: WeightOptions): Prepared {
  const { method, scale, symmetric } = options
  const key = JSON.stringify([plan.value.name, plan.form.layout, plan.form.order, method, scale, symmetric])
  const known = remembered?.get(key) as Prepared | undefined
  if (known !== undefined) return known
  const found = gridsOf(plan, options)
  remembered?.set(key, found)
  return found
}
