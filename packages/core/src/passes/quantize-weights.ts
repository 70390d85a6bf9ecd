import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import {
  absMaxPerChannel,
  type ChannelLayout,
  channelLayout,
  int8Noise,
  quantizeInt8,
  symmetricScales,
} from '../kernels/int8'
import { keepMatcher, nameMatcher } from './keep'
import { definePass, type Skipped } from './pass'
import { Placement } from './placement'
import { channelsOf } from './weight-axis'

/**
 * Stores the float32 weights of layers as int8, w = q * scale with q = round(w / scale) and scale = max|w| / 127 per
 * channel, written as DequantizeLinear before the first node that reads them: a quarter of the bytes, while everything
 * computes in float32 as before.
 *
 * Weights are constants that MatMul, Gemm, Conv, ConvTranspose, LSTM, GRU, RNN, Gather or Einsum multiply with or look
 * up, directly or through nodes that only move data (Transpose, Reshape, Slice, Concat, …), in the same graph or in one
 * inside. A weight with several readers is quantized once. Biases and other 1-d tensors stay, and so does what isn't
 * finite, is an output or the default of an input, or would be no smaller than as float16.
 *
 * Rounding to nearest per channel: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient
 * inference", sections 2.3 and 3.1.
 */
export const quantizeWeights = definePass({
  name: 'quantize-weights',
  version: 1,
  summary: 'Stores the weights of layers in few bits.',
  source: 'Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference"',
  options: {
    bits: 8,
    granularity: 'channel',
    symmetric: true,
    scale: 'float',
    method: 'rtn',
    format: 'dequantize',
    /** Names of weights, or of nodes whose weights, stay as they are. */
    keep: [],
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
    symmetric: 'no zero points',
    scale: 'kind of scale',
    method: 'how scales are chosen',
    format: 'operator that gives the weights back',
    keep: 'names of weights, or of nodes whose weights, stay; * for any characters',
    minElements: 'weights with fewer elements stay',
    spare:
      'share of the weights, 0 to 1, that may stay to save accuracy: those with the most rounding noise for their size',
  },
  fidelity: 10,
  choices: {
    bits: [8],
    granularity: ['channel', 'tensor'],
    symmetric: [true],
    scale: ['float'],
    method: ['rtn'],
    format: ['dequantize'],
  },
  run(model, options) {
    const kept = keepMatcher(options.keep)
    const keptByName = nameMatcher(options.keep)
    const skipped: Skipped[] = []
    const plans: Plan[] = []
    for (const value of model.initializers()) {
      const tensor = value.initializer
      if (tensor?.dataType !== 'float32' || tensor.dims.length < 2 || tensor.size < options.minElements)
        continue
      const channels = channelsOf(value, tensor.dims)
      const axis = options.granularity === 'tensor' ? undefined : channels.axis
      const reason =
        channels.reason ??
        (value.isConstant ? undefined : 'is the default of an input') ??
        (keptByName(value.name) || value.uses.some(({ node }) => kept(node)) ? 'is to be kept' : undefined) ??
        opsetReason(model.opset(), axis) ??
        (saves(value, tensor, axis) ? undefined : 'would be no smaller than as float16')
      const plan = reason ?? planFor(value, tensor, axis)
      if (typeof plan === 'string') skipped.push({ node: value.name, reason: plan })
      else plans.push(plan)
    }
    const spared = noisiest(plans, options.spare)
    const placement = new Placement()
    for (const plan of plans) {
      if (spared.has(plan))
        skipped.push({ node: plan.value.name, reason: `is spared: noise at ${decibels(plan.noise)} dB` })
      else quantize(plan, placement)
    }
    return { changed: plans.length - spared.size, skipped }
  },
})

interface Plan {
  readonly value: Value
  readonly tensor: Tensor
  readonly axis: number | undefined
  readonly layout: ChannelLayout
  readonly scales: Float32Array
  /** Power of the rounding noise, as a share of the power of the weights. */
  readonly noise: number
}

function opsetReason(opset: number, axis: number | undefined): string | undefined {
  const needed = axis === undefined ? 10 : 13
  if (opset >= needed) return undefined
  return `opset ${opset} can't dequantize${axis === undefined ? '' : ' per channel'}: upgrade-opset to ${needed} first`
}

/**
 * Smaller than as float16 with a Cast, which would be more exact: each scale has to serve more than four elements. The
 * node and the scale's tensor take about 48 bytes and a name more than a Cast does.
 */
function saves(value: Value, { size, dims }: Tensor, axis: number | undefined): boolean {
  const scales = axis === undefined ? 1 : (dims[axis] ?? 1)
  return size > scales * 4 + 48 + value.name.length
}

function planFor(value: Value, tensor: Tensor, axis: number | undefined): Plan | string {
  const layout = channelLayout(tensor.dims, axis)
  const data = tensor.float32()
  const maxima = absMaxPerChannel(data, layout)
  if (maxima.includes(Number.NaN)) return 'holds NaN or infinity'
  const scales = symmetricScales(maxima)
  return { value, tensor, axis, layout, scales, noise: int8Noise(data, layout, maxima) }
}

const decibels = (noise: number): string => (-10 * Math.log10(noise)).toFixed(1)

/**
 * Rounding noises of layers are independent, so their powers add up on the way to the output; that every layer's share
 * of it is as large as its weights' noise is the best guess without data. A weight that stays takes its noise out of the
 * sum for the bytes that it costs.
 */
function noisiest(plans: readonly Plan[], share: number): ReadonlySet<Plan> {
  let left = share * plans.reduce((size, { tensor }) => size + tensor.size, 0)
  const spared = new Set<Plan>()
  for (const plan of [...plans].sort((a, b) => b.noise / b.tensor.size - a.noise / a.tensor.size)) {
    if (plan.tensor.size > left) continue
    spared.add(plan)
    left -= plan.tensor.size
  }
  return spared
}

function quantize({ value, tensor, axis, layout, scales }: Plan, placement: Placement): void {
  const user = placement.firstUser(value)
  if (user === undefined) return
  const { graph } = value
  const uses = [...value.uses]
  value.initializer = Tensor.lazy('int8', tensor.dims, () => {
    return new Uint8Array(quantizeInt8(tensor.float32(), layout, scales).buffer)
  })
  const dims = axis === undefined ? [] : [scales.length]
  const scaleTensor = Tensor.fromBytes('float32', dims, new Uint8Array(scales.buffer))
  const scale = graph.addInitializer(graph.uniqueName(`${value.name}_scale`), scaleTensor)
  const [output] = graph.addNode(
    {
      opType: 'DequantizeLinear',
      inputs: [value, scale],
      outputs: [graph.uniqueName(`${value.name}_dequantized`)],
      attributes: axis === undefined ? {} : { axis: { type: 'int', value: axis } },
    },
    { before: user },
  ).outputs
  for (const { node, index } of uses) node.setInput(index, output)
}
