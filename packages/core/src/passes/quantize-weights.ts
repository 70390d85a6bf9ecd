import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { absMaxPerChannel, channelLayout, quantizeInt8, symmetricScales } from '../kernels/int8'
import { keepMatcher } from './keep'
import { definePass, type Skipped } from './pass'
import { Placement } from './placement'
import { channelsOf } from './weight-axis'

/**
 * Stores the float32 weights of layers as int8, w = q * scale with q = round(w / scale) and scale = max|w| / 127 per
 * channel, written as DequantizeLinear before the first node that reads them: a quarter of the bytes, while everything
 * computes in float32 as before.
 *
 * Weights are constants that MatMul, Gemm, Conv, ConvTranspose, LSTM, GRU, RNN, Gather or Einsum multiply with or look
 * up, directly or through Transpose, Reshape, Squeeze, Unsqueeze, Flatten or Identity, in the same graph or in one
 * inside. A weight with several readers is quantized once. Biases and other 1-d tensors stay, and so does what isn't
 * finite, is an output or the default of an input, or would not get smaller.
 *
 * Rounding to nearest per channel: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient
 * inference", sections 2.3 and 3.1.
 */
export const quantizeWeights = definePass({
  name: 'quantize-weights',
  version: 1,
  options: {
    bits: 8,
    granularity: 'channel',
    symmetric: true,
    scale: 'float',
    method: 'rtn',
    format: 'dequantize',
    /** Names of nodes whose weights stay as they are. */
    keep: [],
    /** Weights with fewer elements stay. */
    minElements: 256,
  },
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
    const placement = new Placement()
    const skipped: Skipped[] = []
    const perTensor = options.granularity === 'tensor'
    let changed = 0
    for (const value of [...model.initializers()]) {
      const tensor = value.initializer
      if (tensor?.dataType !== 'float32' || tensor.dims.length < 2 || tensor.size < options.minElements)
        continue
      const channels = channelsOf(value, tensor.dims)
      const axis = perTensor ? undefined : channels.axis
      const refusal =
        channels.reason ??
        (value.isConstant ? undefined : 'is the default of an input') ??
        (value.uses.some(({ node }) => kept(node)) ? 'is read by a node to keep' : undefined) ??
        opsetReason(model.opset(), axis) ??
        (saves(value, tensor, axis) ? undefined : 'would not get smaller') ??
        quantize(value, tensor, axis, placement)
      if (refusal === undefined) changed++
      else skipped.push({ node: value.name, reason: refusal })
    }
    return { changed, skipped }
  },
})

function opsetReason(opset: number, axis: number | undefined): string | undefined {
  const needed = axis === undefined ? 10 : 13
  if (opset >= needed) return undefined
  return `opset ${opset} can't dequantize ${axis === undefined ? '' : 'per channel'}: upgrade-opset to ${needed} first`
}

/** Bytes of node and tensors around the data, and four times the name: less than what is really written. */
function saves(value: Value, { size, dims }: Tensor, axis: number | undefined): boolean {
  const scales = axis === undefined ? 1 : (dims[axis] ?? 1)
  return size * 4 > size + scales * 4 + 96 + 4 * value.name.length
}

/** @returns why the weight stays, if it does */
function quantize(
  value: Value,
  tensor: Tensor,
  axis: number | undefined,
  placement: Placement,
): string | undefined {
  const user = placement.firstUser(value)
  if (user === undefined) return 'is read by nothing'
  const { dims } = tensor
  const layout = channelLayout(dims, axis)
  const maxima = absMaxPerChannel(tensor.float32(), layout)
  if (maxima.includes(Number.NaN)) return 'holds NaN or infinity'
  const scales = symmetricScales(maxima)
  const uses = [...value.uses]
  const { graph } = value
  value.initializer = Tensor.lazy('int8', dims, () => {
    const { buffer } = quantizeInt8(tensor.float32(), layout, scales)
    return new Uint8Array(buffer)
  })
  const scaleTensor = Tensor.fromBytes(
    'float32',
    axis === undefined ? [] : [scales.length],
    new Uint8Array(scales.buffer),
  )
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
  return undefined
}
