import type { Graph } from '../graph/graph'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { applyScales, type LayerScales, largest, scaleChannels, unscaled } from './equalization/layer-scales'
import { channelsOf, isOwn, ownLayer } from './equalization/links'
import { constantOf } from './facts'
import { keepMatcher } from './keep'
import {
  between,
  definePass,
  needsCalibration,
  type PassContext,
  type PassResult,
  type Skipped,
} from './pass'

/**
 * Moves what makes activations hard to quantize into weights: channel j of what MatMul and Gemm read is divided by
 * s_j = max|x_j|^alpha / max|w_j|^(1 - alpha), with maxima over the calibration data and over all layers that read it, and
 * the weights are multiplied. Activations of transformers have few channels that are far larger than the others, and one
 * scale for all of them.
 *
 * The division goes into what makes the channels: scale and bias of LayerNormalization, constants of Mul and Add, weights
 * and bias of a layer, also through Relu. Where nothing takes it, or others read the channels too, and they are uneven
 * enough to be worth it, a Mul is put before the layers. Factors are powers of two: what the model computes stays the same
 * to the bit.
 *
 * Xiao et al. 2022, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", section 4.
 */
export const smoothActivations = definePass({
  name: 'smooth-activations',
  version: 1,
  summary: 'Moves uneven channels of activations into the weights that read them.',
  source:
    'Xiao et al. 2022, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models"',
  options: {
    /** 0 evens out the weights alone, 1 the activations alone. */
    alpha: 0.5,
    /** Names of nodes that stay as they are. */
    keep: [],
  },
  describe: {
    alpha: 'how much goes from activations into weights: 0 nothing, 1 all',
    keep: 'names of nodes that stay; * for any characters',
  },
  expects: { alpha: between(0, 1) },
  needs: 'calibration',
  fidelity: 90,
  async run(model, { alpha, keep }, { calibration }: PassContext): Promise<PassResult> {
    const kept = keepMatcher(keep)
    const skipped: Skipped[] = []
    const groups = groupsOf(model).filter(({ layers }) => {
      const held = layers.find(({ layer }) => kept(layer.node))
      if (held !== undefined) skipped.push({ node: held.layer.node.label, reason: 'is to be kept' })
      return held === undefined
    })
    if (groups.length === 0) return { changed: 0, skipped }
    if (calibration === undefined) return { changed: 0, skipped: [needsCalibration(model.graph.name)] }
    const byInput = new Map(groups.map((group) => [group.input, group]))
    await calibration.observe(model, [...byInput.keys()], ({ value, data }) => {
      const maxima = byInput.get(value)?.maxima
      if (maxima !== undefined) raise(maxima, data)
    })
    let changed = 0
    // Back to front: a group changes the outputs of the layer before, whose own group is then to look at those weights.
    for (const group of groups.reverse()) {
      const outcome = smooth(group, alpha)
      if (typeof outcome === 'string') skipped.push({ node: group.input.name, reason: outcome })
      else if (outcome) changed++
    }
    return { changed, skipped }
  },
})

/** Layers of one graph that read the same activations. */
interface Group {
  readonly graph: Graph
  readonly input: Value
  readonly layers: readonly LayerScales[]
  /** The largest magnitude in each channel; NaN where there was one, or an infinity. */
  readonly maxima: Float64Array
}

function groupsOf(model: Model): Group[] {
  const groups = new Map<Value, Group & { layers: LayerScales[] }>()
  for (const node of model.nodes()) {
    const layer = ownLayer(node)
    if (layer === undefined || (layer.kind !== 'MatMul' && layer.kind !== 'Gemm')) continue
    if (layer.kind === 'Gemm' && node.int('transA', 0) === 1) continue
    const { input, features } = layer
    const group = groups.get(input)
    if (group === undefined)
      groups.set(input, {
        graph: node.graph,
        input,
        layers: [unscaled(layer)],
        maxima: new Float64Array(features),
      })
    else if (group.graph === node.graph && group.maxima.length === features)
      group.layers.push(unscaled(layer))
  }
  return [...groups.values()]
}

function raise(maxima: Float64Array, data: Float32Array): void {
  const channels = maxima.length
  for (let start = 0; start < data.length; start += channels) {
    for (let channel = 0; channel < channels; channel++) {
      const magnitude = Math.abs(data[start + channel] as number)
      // Not "greater than": that is false for NaN.
      if (!(magnitude <= (maxima[channel] as number))) maxima[channel] = magnitude
    }
  }
}

/** A Mul of its own is worth it where a channel is so many times as large as the median one. */
const WORTH_A_MUL = 8

/** @returns a reason where it can't be; false where there is nothing to do */
function smooth(group: Group, alpha: number): boolean | string {
  const { input, layers, maxima, graph } = group
  if (!maxima.every(Number.isFinite)) return 'holds NaN or infinity'
  const weights = new Float64Array(maxima.length)
  for (const layer of layers)
    for (const [channel, max] of largest(layer).columns.entries())
      weights[channel] = Math.max(weights[channel] as number, max)
  const factors = maxima.map((activation, channel) => factorOf(activation, weights[channel] as number, alpha))
  if (factors.every((factor) => factor === 1)) return false
  const inverse = factors.map((factor) => 1 / factor)
  const readers = new Set(layers.map(({ layer }) => layer.node))
  const alone = !input.isOutput && input.uses.every(({ node }) => readers.has(node))
  if (!(alone && absorb(input, inverse))) {
    const median = [...maxima].sort((a, b) => a - b)[maxima.length >> 1] ?? 0
    if (Math.max(...maxima) <= WORTH_A_MUL * median) return false
    multiply(graph, input, inverse, layers)
  }
  for (const { layer, rows } of layers) applyScales({ layer, rows, columns: factors })
  return true
}

function factorOf(activation: number, weight: number, alpha: number): number {
  const factor = activation ** alpha / weight ** (1 - alpha)
  if (!(factor > 0) || !Number.isFinite(factor)) return 1
  const exponent = Math.round(Math.log2(factor))
  return Math.abs(exponent) > 60 ? 1 : 2 ** exponent
}

/** Lets what makes a value make it with these factors on its last axis, if that can be. */
function absorb(value: Value, factors: Float64Array): boolean {
  const steps: (() => void)[] = []
  if (!collect(value, factors, steps)) return false
  for (const step of steps) step()
  return true
}

function collect(value: Value, factors: Float64Array, steps: (() => void)[]): boolean {
  const node = value.producer
  if (node === undefined || node.domain !== '') return false
  const channelwise = (constant: Value | undefined): constant is Value =>
    constant !== undefined && isOwn(constant) && isOnLastAxis(constant, factors.length)
  const scaled = (constant: Value) => () => scaleChannels(constant, factors)
  const through = (input: Value | undefined) =>
    input !== undefined && !input.isOutput && input.uses.length === 1 && collect(input, factors, steps)
  switch (node.opType) {
    case 'LayerNormalization': {
      const [, scale, bias] = node.inputs
      const axis = node.int('axis', -1)
      if (axis !== -1 || !channelwise(scale) || !(bias === undefined || channelwise(bias))) return false
      steps.push(scaled(scale))
      if (bias !== undefined) steps.push(scaled(bias))
      return true
    }
    case 'Mul': {
      const constant = node.inputs.find(channelwise)
      if (constant === undefined) return false
      steps.push(scaled(constant))
      return true
    }
    case 'Add': {
      const constant = node.inputs.find(channelwise)
      const other = node.inputs.find((input) => input !== constant)
      if (constant === undefined || !through(other)) return false
      steps.push(scaled(constant))
      return true
    }
    case 'Relu':
    case 'LeakyRelu':
    case 'Identity':
      return through(node.inputs[0])
    case 'MatMul':
    case 'Gemm':
      return collectLayer(node, factors, steps)
    default:
      return false
  }
}

function collectLayer(node: Node, factors: Float64Array, steps: (() => void)[]): boolean {
  const layer = ownLayer(node)
  if (layer === undefined || channelsOf(layer) !== factors.length) return false
  const columns = new Float64Array(layer.features).fill(1)
  steps.push(() => applyScales({ layer, rows: factors, columns }))
  return true
}

/** A constant with all its elements on its last axis. */
function isOnLastAxis(constant: Value, channels: number): boolean {
  const tensor = constantOf(constant)
  return tensor?.dataType === 'float32' && tensor.size === channels && tensor.dims.at(-1) === channels
}

function multiply(graph: Graph, input: Value, factors: Float64Array, layers: readonly LayerScales[]): void {
  const readers = new Set(layers.map(({ layer }) => layer.node))
  const first = graph.nodes.find((node) => readers.has(node))
  if (first === undefined) return
  const data = Float32Array.from(factors)
  const constant = graph.addInitializer(
    graph.uniqueName(`${input.name}_factor`),
    Tensor.fromBytes('float32', [data.length], new Uint8Array(data.buffer)),
  )
  const [scaled] = graph.addNode(
    { opType: 'Mul', inputs: [input, constant], outputs: [graph.uniqueName(`${input.name}_smooth`)] },
    { before: first },
  ).outputs
  for (const node of readers) node.setInput(0, scaled)
}
