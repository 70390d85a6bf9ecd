import type { AttributeValue } from '../graph/attribute'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import {
  type ChannelAffine,
  type ChannelPlace,
  channelAffine,
  onlyReader,
  perChannel,
} from './channel-affine'
import { constantOf, rankOf } from './facts'
import { type LinearLayer, linearLayer } from './linear-layers'
import { definePass, type Skipped } from './pass'

/**
 * Folds BatchNormalization, and Add, Sub, Mul and Div with constants of one element or one a channel, into weight and
 * bias of the Conv, ConvTranspose, Gemm or MatMul before it: w' = w * s and b' = b * s + t with s = scale / sqrt(variance
 * + epsilon) and t = shift - mean * s. Computed in float64 and rounded once.
 *
 * A layer stays where something else reads what it makes, or its weight, unless a copy of that is no larger than the
 * constants that go. MatMul gets its shift as an Add, so that it changes for a BatchNormalization only.
 */
export const fuseBatchNorm = definePass({
  name: 'fuse-batch-norm',
  version: 1,
  summary: 'Folds BatchNormalization, and scales and shifts of channels, into the layer before.',
  source:
    'Jacob et al. 2018, "Quantization and training of neural networks", section 3.2; onnxruntime/core/optimizer/conv_bn_fusion.cc',
  options: {},
  describe: {},
  fidelity: 90,
  run(model) {
    let changed = 0
    const reasons = new Map<Node, string>()
    for (const node of model.nodes()) {
      const plan = planFor(node, model.opset(), reasons)
      if (plan === undefined) continue
      fold(plan)
      changed++
    }
    return { changed, skipped: leftOver(model, reasons) }
  },
})

interface Plan {
  readonly layer: LinearLayer
  readonly chain: readonly Node[]
  readonly scale: Float64Array
  readonly bias: Float64Array
}

function planFor(node: Node, opset: number, reasons: Map<Node, string>): Plan | undefined {
  const layer = linearLayer(node)
  const place = layer && placeOf(layer)
  if (layer === undefined || place === undefined) return undefined
  const { channels } = place
  const bias = biasOf(layer, place)
  const chain: Node[] = []
  const scale = new Float64Array(channels).fill(1)
  let value = node.outputs[0]
  const shift = bias === undefined ? new Float64Array(channels) : bias
  for (let use = onlyReader(value); use !== undefined; use = onlyReader(value)) {
    const affine = channelAffine(use.node, use.index, place, opset)
    const reason = typeof affine === 'string' ? affine : affine && unusable(layer, affine, bias === undefined)
    if (reason !== undefined) reasons.set(use.node, reason)
    if (affine === undefined || typeof affine === 'string' || reason !== undefined) break
    for (let channel = 0; channel < channels; channel++) {
      const factor = affine.scale[channel] as number
      scale[channel] = (scale[channel] as number) * factor
      shift[channel] = (shift[channel] as number) * factor + (affine.shift[channel] as number)
    }
    chain.push(use.node)
    value = use.node.outputs[0]
  }
  const normalizes = chain.some(({ opType }) => opType === 'BatchNormalization')
  if (chain.length === 0 || (layer.kind === 'MatMul' && !normalizes)) return undefined
  const reason = sharedReason(layer, chain, scale)
  if (reason === undefined) return { layer, chain, scale, bias: shift }
  for (const each of chain) if (each.opType === 'BatchNormalization') reasons.set(each, reason)
  return undefined
}

function placeOf({ kind, node, weight, inputIndex, groups, outputs }: LinearLayer): ChannelPlace | undefined {
  const channels = groups * outputs
  if (kind === 'Conv' || kind === 'ConvTranspose') {
    const rank = weight.initializer?.dims.length ?? 0
    return { channels, rank, fromEnd: rank - 1 }
  }
  // Of more than two axes the last isn't what BatchNormalization takes for channels.
  const [output] = node.outputs
  if (inputIndex !== 0 || output === undefined || (kind === 'MatMul' && rankOf(output) !== 2))
    return undefined
  return { channels, rank: 2, fromEnd: 1 }
}

/** What is added to each channel; undefined where it isn't constant, or differs by position. */
function biasOf({ kind, node, bias }: LinearLayer, place: ChannelPlace): Float64Array | undefined {
  if (bias === undefined) return new Float64Array(place.channels)
  const tensor = constantOf(bias)
  const values = perChannel(tensor, kind === 'Gemm' ? place : { ...place, rank: 1, fromEnd: 1 })
  const beta = node.float('beta', 1)
  return values?.map((value) => value * beta)
}

function unusable(layer: LinearLayer, { scale, shift }: ChannelAffine, noBias: boolean): string | undefined {
  if (noBias) return `the bias of ${layer.node.label} is no constant of one element a channel`
  const finite = (value: number) => Number.isFinite(Math.fround(value))
  return scale.every(finite) && shift.every(finite) ? undefined : 'its factors are not finite'
}

/** Why the weight can't be changed, and is too large for a copy. */
function sharedReason(
  { weight }: LinearLayer,
  chain: readonly Node[],
  scale: Float64Array,
): string | undefined {
  if (!isShared(weight) || scale.every((factor) => factor === 1)) return undefined
  const freed = constantsOf(chain).reduce((bytes, value) => bytes + (value.initializer?.byteLength ?? 0), 0)
  if ((weight.initializer?.byteLength ?? 0) <= freed) return undefined
  return weight.isOutput ? `the weight ${weight.name} is an output` : `others read the weight ${weight.name}`
}

const isShared = (weight: Value): boolean => weight.uses.length > 1 || weight.isOutput || weight.isInput

/** Constants that nothing but these nodes reads. */
function constantsOf(chain: readonly Node[]): Value[] {
  const inside = new Set(chain)
  const read = new Set(chain.flatMap(({ inputs }) => inputs))
  return [...read].filter((value): value is Value => {
    if (!value?.isConstant || value.isOutput || value.isInput) return false
    return value.uses.every(({ node }) => inside.has(node))
  })
}

function fold({ layer, chain, scale, bias }: Plan): void {
  const { node, kind } = layer
  const { graph } = node
  const last = chain.at(-1)
  if (last === undefined) return
  const free = constantsOf(chain)
  const weight = scaledWeight(layer, scale)
  const shift = biasValue(layer, bias)
  if (kind === 'MatMul') {
    if (weight !== layer.weight) node.setInput(1, weight)
    graph.replaceNode(last, { opType: 'Add', name: last.name, inputs: [node.outputs[0], shift] })
  } else {
    // beta is in the bias now.
    const kept = [...node.attributes()].filter(({ name }) => name !== 'beta')
    const attributes: Record<string, AttributeValue> = Object.fromEntries(
      kept.map((each) => [each.name, each]),
    )
    const inputs = [layer.input, weight, shift]
    graph.replaceNode(last, { opType: kind, name: node.name, inputs, attributes })
  }
  for (const each of [...chain.slice(0, -1)].reverse()) graph.removeNode(each)
  if (kind !== 'MatMul') graph.removeNode(node)
  for (const value of free) if (value.uses.length === 0) value.graph.removeInitializer(value)
}

function scaledWeight(layer: LinearLayer, scale: Float64Array): Value {
  const { weight, node } = layer
  const tensor = weight.initializer
  if (tensor === undefined || scale.every((factor) => factor === 1)) return weight
  const scaled = Tensor.lazy('float32', tensor.dims, () => {
    return new Uint8Array(scaledChannels(tensor.float32(), layer, scale).buffer)
  })
  if (isShared(weight))
    return node.graph.addInitializer(node.graph.uniqueName(`${weight.name}_scaled`), scaled)
  weight.initializer = scaled
  return weight
}

function biasValue({ bias, weight, node }: LinearLayer, values: Float64Array): Value {
  const tensor = Tensor.fromBytes(
    'float32',
    [values.length],
    new Uint8Array(Float32Array.from(values).buffer),
  )
  const { graph } = node
  if (bias === undefined) return graph.addInitializer(graph.uniqueName(`${weight.name}_bias`), tensor)
  if (!bias.isConstant || isShared(bias))
    return graph.addInitializer(graph.uniqueName(`${bias.name}_shifted`), tensor)
  bias.initializer = tensor
  return bias
}

function scaledChannels(data: Float32Array, layer: LinearLayer, scale: Float64Array): Float32Array {
  const { groups, outputs, features, kernelSize, strides } = layer
  const [groupStride, outputStride, channelStride, kernelStride] = strides
  const scaled = new Float32Array(data.length)
  for (let channel = 0; channel < groups * outputs; channel++) {
    const factor = scale[channel] as number
    const start = Math.floor(channel / outputs) * groupStride + (channel % outputs) * outputStride
    for (let input = 0; input < features / kernelSize; input++) {
      for (let position = 0; position < kernelSize; position++) {
        const element = start + input * channelStride + position * kernelStride
        scaled[element] = (data[element] as number) * factor
      }
    }
  }
  return scaled
}

/** Each BatchNormalization that is still there, with a reason. */
function leftOver(model: Model, reasons: ReadonlyMap<Node, string>): Skipped[] {
  const skipped: Skipped[] = []
  for (const node of model.nodes()) {
    if (node.opType !== 'BatchNormalization' || node.domain !== '') continue
    skipped.push({ node: node.label, reason: reasons.get(node) ?? standing(node) })
  }
  return skipped
}

function standing(node: Node): string {
  const [input] = node.inputs
  const before = input?.producer
  const layer = before && linearLayer(before)
  if (layer === undefined) return 'no layer with a constant weight comes before it'
  return onlyReader(input) === undefined
    ? `others read what ${before?.label} makes`
    : 'its layer makes no channels that it could take over'
}
