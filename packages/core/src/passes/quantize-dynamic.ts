import type { Graph } from '../graph/graph'
import type { Node } from '../graph/node'
import type { Value } from '../graph/value'
import { constantOf } from './facts'
import { type IntegerLayer, integerLayer } from './integer/layers'
import { Maxima } from './integer/maxima'
import {
  addFloats,
  Constants,
  type IntegerWeight,
  integerWeight,
  removeIfUnused,
  type UnreadWeight,
  unreadIntegerWeight,
  type WeightType,
} from './integer/weights'
import { keepMatcher } from './keep'
import { definePass, type Skipped } from './pass'

/**
 * Multiplies in 8-bit integers: weights are stored so, activations are quantized in each run to the range that they
 * have there (DynamicQuantizeLinear, uint8), and MatMulInteger or ConvInteger give int32, which become float32 again by
 * one scale per channel. Activations with several readers are quantized once.
 *
 * The nodes are put in the order that onnxruntime fuses to DynamicQuantizeMatMul, or to MatMulIntegerToFloat where
 * several layers share their activations; a bias is added last, as constant second operand, and fused too
 * (core/optimizer/matmul_integer_to_float.cc, dynamic_quantize_matmul_fusion.cc). ConvInteger takes one zero point for
 * all its weights; with symmetric weights that is right for scales per channel as well.
 *
 * Weights are uint8 by default: a ConvInteger with int8 weights is several times slower in WebAssembly, and on x86
 * without VNNI products of uint8 and int8 saturate.
 */
export const quantizeDynamic = definePass({
  name: 'quantize-dynamic',
  version: 1,
  summary:
    'Lets MatMul, Gemm and Conv multiply in 8-bit integers, with ranges of activations taken as it runs.',
  source:
    'Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"; ONNX DynamicQuantizeLinear 11, MatMulInteger 10, ConvInteger 10',
  options: {
    weights: 'uint8',
    granularity: 'channel',
    /** Names of nodes that stay as they are. */
    keep: [],
  },
  describe: {
    weights: 'type of the weights; int8 is slow in WebAssembly for Conv',
    granularity: 'what shares a scale',
    keep: 'names of nodes that stay; * for any characters',
  },
  choices: { weights: ['uint8', 'int8'], granularity: ['channel', 'tensor'] },
  fidelity: 10,
  run(model, { weights, granularity, keep }, { weightsAreFinite = false }) {
    const kept = keepMatcher(keep)
    const skipped: Skipped[] = []
    const writer = new DynamicWriter(weights as WeightType, granularity === 'channel', weightsAreFinite)
    for (const graph of model.graphs()) {
      for (const node of graph.nodes) {
        const layer = integerLayer(node)
        if (layer === undefined) continue
        const reason =
          typeof layer === 'string' ? layer : kept(node) ? 'is to be kept' : unfit(layer, model.opset())
        if (reason !== undefined) skipped.push({ node: node.label, reason })
        else if (typeof layer !== 'string' && !writer.write(layer))
          skipped.push({ node: node.label, reason: 'its weight holds NaN or infinity' })
      }
    }
    return { changed: writer.written, skipped }
  },
})

/** About what the nodes take in the file that come in the place of one. */
const NODE_BYTES = 320

function unfit({ node, tensor, channels, depthwise, bias }: IntegerLayer, opset: number): string | undefined {
  if (opset < 11) return `opset ${opset} has no DynamicQuantizeLinear: upgrade-opset to 11 first`
  if (depthwise) return 'is depthwise: nothing to gain from integers'
  if (tensor.size * 3 <= channels * 4 + NODE_BYTES) return 'would be no smaller'
  if (node.opType === 'Conv' && bias !== undefined && constantOf(bias)?.dataType !== 'float32')
    return 'its bias is not constant'
  if (node.opType === 'Gemm' && node.float('beta', 1) !== 1) return 'it scales its bias'
  return undefined
}

type Weight = IntegerWeight | UnreadWeight

/** What DynamicQuantizeLinear makes of a value. */
interface QuantizedInput {
  readonly quantized: Value
  readonly scale: Value
  readonly zeroPoint: Value
}

class DynamicWriter {
  written = 0
  readonly #type: WeightType
  readonly #perChannel: boolean
  readonly #inputs = new Map<Graph, Map<Value, QuantizedInput>>()
  readonly #weights = new Map<
    Value,
    { readonly form: string; readonly weight: Weight; readonly value: Value }[]
  >()
  readonly #constants = new Constants()
  readonly #maxima = new Maxima()
  readonly #trusting: boolean

  constructor(type: WeightType, perChannel: boolean, trusting: boolean) {
    this.#type = type
    this.#perChannel = perChannel
    this.#trusting = trusting
  }

  /** @returns false where the weight can't be quantized */
  write(layer: IntegerLayer): boolean {
    const { node, input, weight } = layer
    const stored = this.#stored(layer)
    if (stored === undefined) return false
    const { quantized, scale, zeroPoint } = this.#quantizedInput(input, node)
    const inputs = [quantized, stored.value, zeroPoint]
    if (stored.weight.zeroPoint !== 0)
      inputs.push(this.#constants.scalar(node.graph, this.#type, stored.weight.zeroPoint))
    const integers = add(node, layer.kind === 'Conv' ? 'ConvInteger' : 'MatMulInteger', inputs)
    if (layer.kind === 'Conv') {
      for (const attribute of node.attributes()) integers.node.setAttribute(attribute.name, attribute)
    }
    const floats = add(node, 'Cast', [integers.value], { to: { type: 'int', value: 1 } })
    const scales = add(node, 'Mul', [scale, this.#scales(layer, stored.weight)])
    const bias = biasOf(layer)
    if (bias === undefined) {
      const inputs = [floats.value, scales.value]
      const scaled = node.graph.replaceNode(node, { opType: 'Mul', name: node.name, inputs })
      if (layer.kind === 'MatMul') biasLast(scaled.outputs[0] as Value)
    } else {
      const scaled = add(node, 'Mul', [floats.value, scales.value])
      node.graph.replaceNode(node, { opType: 'Add', name: node.name, inputs: [scaled.value, bias] })
    }
    removeIfUnused(weight)
    if (layer.bias !== undefined) removeIfUnused(layer.bias)
    this.written++
    return true
  }

  #quantizedInput(input: Value, reader: Node): QuantizedInput {
    const inputs = this.#inputs.get(reader.graph) ?? new Map<Value, QuantizedInput>()
    this.#inputs.set(reader.graph, inputs)
    let made = inputs.get(input)
    if (made === undefined) {
      const { graph } = reader
      const names = ['quantized', 'scale', 'zero_point'].map((suffix) =>
        graph.uniqueName(`${input.name}_${suffix}`),
      )
      const { outputs } = graph.addNode(
        { opType: 'DynamicQuantizeLinear', inputs: [input], outputs: names },
        { before: reader },
      )
      const [quantized, scale, zeroPoint] = outputs as [Value, Value, Value]
      made = { quantized, scale, zeroPoint }
      inputs.set(input, made)
    }
    return made
  }

  /** The weight in integers, once for all nodes that read it in the same form. */
  #stored({ kind, weight, tensor, axis }: IntegerLayer) {
    // MatMulInteger wants the columns to be the channels.
    const transposed = kind === 'Gemm' && axis === 0
    const form = String([this.#perChannel && axis, transposed])
    const forms = this.#weights.get(weight) ?? []
    let stored = forms.find((each) => each.form === form)
    if (stored === undefined) {
      const weightForm = { type: this.#type, axis: this.#perChannel ? axis : undefined, transposed }
      // A single scale is shared by all weights that have the same: it has to be known now.
      const made =
        this.#trusting && this.#perChannel
          ? unreadIntegerWeight(weight.name, tensor, weightForm, this.#maxima.scratch)
          : integerWeight(tensor, weightForm, this.#maxima)
      if (made === undefined) return undefined
      const { graph } = weight
      const value = graph.addInitializer(graph.uniqueName(`${weight.name}_quantized`), made.quantized)
      stored = { form, weight: made, value }
      this.#weights.set(weight, [...forms, stored])
    }
    return stored
  }

  #scales({ kind, node, weight, tensor, channels }: IntegerLayer, { scales }: Weight): Value {
    const alpha = kind === 'Gemm' ? node.float('alpha', 1) : 1
    const scaled = (all: Float32Array) => (alpha === 1 ? all : all.map((scale) => scale * alpha))
    const { graph } = weight
    const made = typeof scales === 'function' ? () => scaled(scales()) : scaled(scales)
    if (!this.#perChannel && typeof made !== 'function')
      return this.#constants.scalar(graph, 'float32', made[0] ?? 1)
    // Conv has its channels second.
    const spatial = kind === 'Conv' ? tensor.dims.slice(2).map(() => 1) : []
    const dims = kind === 'Conv' ? [1, channels, ...spatial] : [channels]
    return addFloats(graph, `${weight.name}_scale`, dims, made)
  }
}

function add(
  before: Node,
  opType: string,
  inputs: readonly Value[],
  attributes = {},
): { node: Node; value: Value } {
  const { graph } = before
  const name = before.outputs.find((value) => value !== undefined)?.name ?? before.opType
  const node = graph.addNode(
    { opType, inputs, outputs: [graph.uniqueName(`${name}_${opType.toLowerCase()}`)], attributes },
    { before },
  )
  return { node, value: node.outputs[0] as Value }
}

/** What is to be added in the end: of Conv, with its channels second. */
function biasOf({ kind, bias, node, tensor }: IntegerLayer): Value | undefined {
  if (bias === undefined || kind !== 'Conv') return bias
  const data = constantOf(bias)?.float32() ?? new Float32Array()
  const dims = [1, data.length, ...tensor.dims.slice(2).map(() => 1)]
  return addFloats(bias.producer === undefined ? bias.graph : node.graph, `${bias.name}_wide`, dims, data)
}

/** Exporters add biases from the left, where onnxruntime looks for them at the right. */
function biasLast(scaled: Value): void {
  for (const { node, index } of scaled.uses) {
    const [first] = node.inputs
    if (node.opType !== 'Add' || node.domain !== '' || index !== 1 || !first?.isConstant) continue
    node.setInput(0, scaled)
    node.setInput(1, first)
  }
}
