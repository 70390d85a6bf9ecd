import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import type { Position } from '../../graph/node-list'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { constantOf } from '../facts'
import type { IntegerLayer } from '../integer/layers'
import type { Maxima } from '../integer/maxima'
import {
  addFloats,
  Constants,
  type IntegerWeight,
  integerWeight,
  removeIfUnused,
  type WeightType,
} from '../integer/weights'
import { operators } from './operators'
import type { Plan } from './plan'
import type { Quantization } from './ranges'

export interface WriteOptions {
  readonly weights: WeightType
  readonly perChannel: boolean
  readonly maxima: Maxima
}

/** The largest magnitude of an int32 bias: one in two of what fits, as the sums of products come on top of it. */
const BIAS_LIMIT = 2 ** 30

/**
 * Puts QuantizeLinear and DequantizeLinear where the plan has values, weights and biases in integers. Between two integer
 * operators there is one pair, which onnxruntime takes apart again to make one integer operator of DequantizeLinear,
 * operator, QuantizeLinear.
 *
 * A Relu or Clip whose work the range does is taken out. onnxruntime does that too, but in branches and loops it leaves the
 * layer before it half replaced, and then fails (1.30, silero VAD v5: "two nodes with same node name", "missing input").
 */
export class QdqWriter {
  readonly #model: Model
  readonly #plan: Plan
  readonly #quantizations: ReadonlyMap<Value, Quantization>
  readonly #options: WriteOptions
  readonly #constants = new Constants()
  readonly #weights = new Map<
    Value,
    { readonly key: string; readonly weight: IntegerWeight; readonly inputs: Value[] }[]
  >()
  readonly #dequantizedWeights = new Map<Graph, Map<Value, Value>>()

  constructor(
    model: Model,
    plan: Plan,
    quantizations: ReadonlyMap<Value, Quantization>,
    options: WriteOptions,
  ) {
    this.#model = model
    this.#plan = plan
    this.#quantizations = quantizations
    this.#options = options
  }

  write(): void {
    const { layers, given, readers } = this.#plan
    // Before activations move: layers know their inputs by the values of the source.
    for (const layer of layers.values()) this.#writeWeights(layer)
    for (const [graph, values] of this.#floatsRead()) {
      for (const [value, users] of values) {
        const [first] = graph.nodes.filter((node) => users.has(node))
        if (first === undefined) continue
        const dequantized = this.#pair(graph, value, this.#quantizationOf(value), { before: first })
        for (const node of users)
          for (const index of readers.get(node) ?? [])
            if (node.inputs[index] === value) node.setInput(index, dequantized)
      }
    }
    for (const value of given) {
      const { producer } = value
      if (producer === undefined) continue
      const quantization = this.#quantizationOf(value)
      const clamped = roleOf(producer) === 'clamp' ? producer.inputs[0] : undefined
      const source = clamped ?? value
      const uses = [...value.uses]
      const quantized = this.#quantize(value.graph, source, quantization, {
        after: source.producer ?? producer,
      })
      const first = quantized.producer ?? producer
      // A float32 value of pairs must not be captured: onnxruntime counts the graph that captures it among its operator's
      // inputs, and fails (EnsureUniqueDQForNodeUnit). Inner graphs capture integers and have a node of their own.
      for (const graph of new Set(uses.map(({ node }) => node.graph))) {
        const inGraph = uses.filter(({ node }) => node.graph === graph)
        const users = new Set(inGraph.map(({ node }) => node))
        const user = graph.nodes.find((node) => users.has(node))
        if (user === undefined) continue
        const position = graph === value.graph ? { after: first } : { before: user }
        const dequantized = this.#dequantize(graph, quantized, source.name, quantization, position)
        for (const { node, index } of inGraph) node.setInput(index, dequantized)
      }
      if (clamped !== undefined) producer.graph.removeNode(producer)
    }
  }

  /** Values that come in float32, and who reads them in integers, graph by graph: pairs are only seen beside their operator. */
  #floatsRead(): Map<Graph, Map<Value, Set<Node>>> {
    const { given, readers } = this.#plan
    const graphs = new Map<Graph, Map<Value, Set<Node>>>()
    for (const [node, indices] of readers) {
      const values = graphs.get(node.graph) ?? new Map<Value, Set<Node>>()
      graphs.set(node.graph, values)
      for (const index of indices) {
        const value = node.inputs[index]
        if (value !== undefined && !given.has(value))
          values.set(value, (values.get(value) ?? new Set<Node>()).add(node))
      }
    }
    return graphs
  }

  #quantizationOf(value: Value): Quantization {
    const quantization = this.#quantizations.get(value)
    if (quantization === undefined) throw new Error(`${value.name} has no scale`)
    return quantization
  }

  #pair(graph: Graph, value: Value, quantization: Quantization, position: Position): Value {
    const quantized = this.#quantize(graph, value, quantization, position)
    const after = quantized.producer === undefined ? position : { after: quantized.producer }
    return this.#dequantize(graph, quantized, value.name, quantization, after)
  }

  #quantize(graph: Graph, value: Value, quantization: Quantization, position: Position): Value {
    const [quantized] = graph.addNode(
      {
        opType: 'QuantizeLinear',
        domain: this.#domain(quantization),
        inputs: [value, ...this.#parameters(graph, quantization)],
        outputs: [graph.uniqueName(`${value.name}_quantized`)],
      },
      position,
    ).outputs
    return quantized as Value
  }

  #dequantize(
    graph: Graph,
    quantized: Value,
    name: string,
    quantization: Quantization,
    position: Position,
  ): Value {
    const [dequantized] = graph.addNode(
      {
        opType: 'DequantizeLinear',
        domain: this.#domain(quantization),
        inputs: [quantized, ...this.#parameters(graph, quantization)],
        outputs: [graph.uniqueName(`${name}_dequantized`)],
      },
      position,
    ).outputs
    return dequantized as Value
  }

  #parameters(graph: Graph, { type, scale, zeroPoint }: Quantization): [Value, Value] {
    return [this.#constants.scalar(graph, 'float32', scale), this.#constants.scalar(graph, type, zeroPoint)]
  }

  #domain({ type }: Quantization): string {
    return type === 'uint16' ? this.#sixteenBitDomain() : ''
  }

  /** ONNX's own operators take 16 bits from opset 21 on, those of com.microsoft always did. */
  #sixteenBitDomain(): string {
    if (this.#model.opset() >= 21) return ''
    if (this.#model.opset('com.microsoft') === 0) this.#model.opsetImports.set('com.microsoft', 1)
    return 'com.microsoft'
  }

  #writeWeights(layer: IntegerLayer): void {
    const { node, input, weight, bias } = layer
    const { scale, type } = this.#quantizations.get(input) ?? { scale: 1, type: 'uint8' }
    const biasData = bias === undefined ? undefined : constantOf(bias)?.float32()
    // With 16-bit activations nothing is fused: the bias stays as exact as it is.
    const integerBias = type !== 'uint16' && bias !== undefined && biasData !== undefined
    const stored = this.#stored(
      layer,
      integerBias ? leastScales(biasData, scale, this.#options.perChannel) : undefined,
    )
    if (stored === undefined) return
    node.setInput(1, this.#dequantizedWeight(node, stored))
    if (integerBias) {
      node.setInput(2, this.#dequantizedBias(node, bias, biasData, stored.weight, scale))
      removeIfUnused(bias)
    }
    removeIfUnused(weight)
  }

  #stored({ kind, weight, tensor, axis }: IntegerLayer, least: Float32Array | undefined) {
    const channelAxis = this.#options.perChannel ? axis : undefined
    // QGemm alone isn't made without a zero point of the weight (GemmReplaceWithQuant in qdq_actions.cc).
    const explicitZero = kind === 'Gemm'
    const key = JSON.stringify([channelAxis, explicitZero, least === undefined ? [] : [...least]])
    const forms = this.#weights.get(weight) ?? []
    let stored = forms.find((each) => each.key === key)
    if (stored !== undefined) return stored
    const type = this.#options.weights
    const form = {
      type,
      axis: channelAxis,
      ...(least === undefined ? {} : { leastScales: least }),
    }
    const made = integerWeight(tensor, form, this.#options.maxima)
    if (made === undefined) return undefined
    const { graph } = weight
    const channels = made.scales.length
    const inputs = [
      graph.addInitializer(graph.uniqueName(`${weight.name}_quantized`), made.quantized),
      channelAxis === undefined
        ? this.#constants.scalar(graph, 'float32', made.scales[0] ?? 1)
        : addFloats(graph, `${weight.name}_scale`, [channels], made.scales),
    ]
    if (made.zeroPoint !== 0 || explicitZero) {
      inputs.push(
        channelAxis === undefined
          ? this.#constants.scalar(graph, type, made.zeroPoint)
          : this.#constants.zeroPoints(graph, type, channels, made.zeroPoint),
      )
    }
    stored = { key, weight: made, inputs }
    this.#weights.set(weight, [...forms, stored])
    return stored
  }

  #dequantizedWeight(
    node: Node,
    { weight, inputs }: { weight: IntegerWeight; inputs: readonly Value[] },
  ): Value {
    const { graph } = node
    const [quantized] = inputs as readonly [Value]
    const made = this.#dequantizedWeights.get(graph) ?? new Map<Value, Value>()
    this.#dequantizedWeights.set(graph, made)
    const existing = made.get(quantized)
    if (existing !== undefined) return existing
    const dequantized = dequantize(node, inputs, weight.axis)
    made.set(quantized, dequantized)
    return dequantized
  }

  /** int32 with the scale of the products, and 0 for 0. */
  #dequantizedBias(
    node: Node,
    bias: Value,
    data: Float32Array,
    { scales, axis }: IntegerWeight,
    input: number,
  ): Value {
    const { graph } = bias.producer === undefined ? bias : node
    const products = scales.map((scale) => Math.fround(scale * input))
    const integers = Int32Array.from(data, (value, channel) =>
      Math.round(value / (products[axis === undefined ? 0 : channel] ?? 1)),
    )
    const inputs = [
      graph.addInitializer(
        graph.uniqueName(`${bias.name}_quantized`),
        Tensor.fromBytes('int32', [data.length], new Uint8Array(integers.buffer)),
      ),
      axis === undefined
        ? this.#constants.scalar(graph, 'float32', products[0] ?? 1)
        : addFloats(graph, `${bias.name}_scale`, [data.length], products),
    ]
    return dequantize(node, inputs, axis === undefined ? undefined : 0)
  }
}

const roleOf = ({ domain, opType }: Node) => (domain === '' ? operators[opType]?.role : undefined)

function dequantize(before: Node, inputs: readonly Value[], axis: number | undefined): Value {
  const [quantized] = inputs as readonly [Value]
  const { graph } = before
  const name = graph.uniqueName(`${quantized.name.replace(/_quantized(_\d+)?$/, '')}_dequantized`)
  const node = graph.addNode(
    {
      opType: 'DequantizeLinear',
      inputs,
      outputs: [name],
      attributes: axis === undefined ? {} : { axis: { type: 'int', value: axis } },
    },
    { before },
  )
  return node.outputs[0] as Value
}

/** A bias that is large beside its weights asks for a larger scale; at the cost of the weights' bits. */
function leastScales(bias: Float32Array, input: number, perChannel: boolean): Float32Array {
  const least = Float32Array.from(bias, (value) => Math.abs(value) / input / BIAS_LIMIT)
  return perChannel ? least : Float32Array.of(Math.max(0, ...least))
}
