import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { Tensor } from '../graph/tensor'
import { applyScales, type LayerScales, largest, scaleChannels, unscaled } from './equalization/layer-scales'
import { channelsOf, type Link, linkFrom, ownLayer } from './equalization/links'
import { keepMatcher } from './keep'
import type { LinearLayer } from './linear-layers'
import { definePass, type Skipped } from './pass'

/**
 * Lets the channels between two layers have weights of like size on both sides, so that one scale for a whole tensor
 * serves them all: channel i of the first layer is divided by s_i = sqrt(r1_i * r2_i) / r2_i and what the second one reads
 * of it multiplied, with r1_i and r2_i the largest weights that make and that read the channel. Between them may stand
 * what lets a positive factor pass: Relu, LeakyRelu, pooling, Flatten, a bias. All pairs are gone through until none
 * changes. Factors are powers of two: what the model computes stays the same to the bit but for numbers at the ends of
 * float32's range.
 *
 * Around a depthwise layer there is often a Clip or HardSwish, which lets no factor pass. Where its channels differ
 * by more than `spread`, what it reads is multiplied by a Mul of its own: channels with large weights are those that carry
 * small numbers, which then are rounded less in integers, too.
 *
 * Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1.
 */
export const equalizeChannels = definePass({
  name: 'equalize-channels',
  version: 1,
  summary: 'Makes the weights of channels between layers alike, for scales that they share.',
  source:
    'Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1',
  options: {
    /**
     * A depthwise layer gets a Mul before it where the largest weight of a channel is so many times that of the median
     * channel; 0 for never.
     */
    spread: 16,
    /** Names of nodes that stay as they are. */
    keep: [],
  },
  describe: {
    spread:
      'a depthwise layer gets a Mul before it where the largest weight of a channel is so many times that of the median channel; 0 for never',
    keep: 'names of nodes that stay; * for any characters',
  },
  fidelity: 90,
  run(model, { spread, keep }) {
    const kept = keepMatcher(keep)
    const { links, skipped } = linksOf(model, kept)
    const scales = new Map<Node, LayerScales>()
    for (const { from, to } of links)
      for (const layer of [from, to]) if (!scales.has(layer.node)) scales.set(layer.node, unscaled(layer))
    const shifts = new Map(links.map((link) => [link, new Float64Array(channelsOf(link.from)).fill(1)]))
    const changed = new Set<Link>()
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const before = changed.size
      let moved = false
      for (const link of links) {
        if (!equalize(link, scales, shifts)) continue
        changed.add(link)
        moved = true
      }
      if (!moved && changed.size === before) break
    }
    for (const each of scales.values()) applyScales(each)
    for (const link of changed)
      for (const value of link.shifts) scaleChannels(value, shifts.get(link) ?? new Float64Array())
    let count = changed.size
    if (spread > 0) for (const node of model.nodes()) if (!kept(node) && multiplyBefore(node, spread)) count++
    return { changed: count, skipped }
  },
})

/** Pairs of a chain disturb each other; they settle within a few sweeps. */
const SWEEPS = 20

function linksOf(model: Model, kept: (node: Node) => boolean): { links: Link[]; skipped: Skipped[] } {
  const links: Link[] = []
  const skipped: Skipped[] = []
  for (const node of model.nodes()) {
    const link = linkFrom(node)
    if (link === undefined) continue
    if (!('from' in link)) {
      if (link.opType === 'Clip') skipped.push({ node: link.label, reason: 'its bounds let no factor pass' })
    } else if (kept(node) || kept(link.to.node)) skipped.push({ node: node.label, reason: 'is to be kept' })
    else links.push(link)
  }
  return { links, skipped }
}

/** @returns whether a factor differs from 1 */
function equalize(
  link: Link,
  scales: ReadonlyMap<Node, LayerScales>,
  shifts: ReadonlyMap<Link, Float64Array>,
): boolean {
  const from = scales.get(link.from.node)
  const to = scales.get(link.to.node)
  const shift = shifts.get(link)
  if (from === undefined || to === undefined || shift === undefined) return false
  const made = largest(from).rows
  const read = largest(to).columns
  let moved = false
  for (let channel = 0; channel < made.length; channel++) {
    const columns = to.columns.subarray(channel * link.width, (channel + 1) * link.width)
    const reads = Math.max(...read.subarray(channel * link.width, (channel + 1) * link.width))
    // The first is divided by s, the second multiplied.
    const factor = powerOfTwo(Math.sqrt((made[channel] as number) / reads))
    if (factor === 1) continue
    moved = true
    from.rows[channel] = (from.rows[channel] as number) / factor
    shift[channel] = (shift[channel] as number) / factor
    for (let column = 0; column < columns.length; column++)
      columns[column] = (columns[column] as number) * factor
  }
  return moved
}

/** The nearest power of two; 1 for channels that are never made or never read. */
function powerOfTwo(value: number): number {
  if (!Number.isFinite(value) || value === 0) return 1
  const exponent = Math.round(Math.log2(value))
  return Math.abs(exponent) > 60 ? 1 : 2 ** exponent
}

/** Makes the channels of a depthwise layer alike, with a Mul before it that makes good for that. */
function multiplyBefore(node: Node, spread: number): boolean {
  if (node.opType !== 'Conv') return false
  const layer = ownLayer(node)
  if (layer === undefined || layer.groups < 2 || layer.features !== layer.kernelSize) return false
  const scales = unscaled(layer)
  const maxima = largest(scales).columns
  const perGroup = Array.from({ length: layer.groups }, (_, group) =>
    Math.max(...maxima.subarray(group * layer.features, (group + 1) * layer.features)),
  )
  const median = [...perGroup].sort((a, b) => a - b)[perGroup.length >> 1] ?? 0
  if (!(median > 0) || Math.max(...perGroup) <= spread * median) return false
  const factors = Float32Array.from(perGroup, (max) => powerOfTwo(max / median))
  for (let column = 0; column < scales.columns.length; column++)
    scales.columns[column] = 1 / (factors[Math.floor(column / layer.features)] as number)
  applyScales(scales)
  insertMul(layer, factors)
  return true
}

function insertMul({ node, weight, input }: LinearLayer, factors: Float32Array): void {
  const { graph } = node
  const dims = [1, factors.length, ...(weight.initializer?.dims.slice(2).map(() => 1) ?? [])]
  const factor = graph.addInitializer(
    graph.uniqueName(`${weight.name}_factor`),
    Tensor.fromBytes('float32', dims, new Uint8Array(factors.buffer)),
  )
  const name = graph.uniqueName(`${input.name}_equalized`)
  const [scaled] = graph.addNode(
    { opType: 'Mul', inputs: [input, factor], outputs: [name] },
    { before: node },
  ).outputs
  node.setInput(0, scaled)
}
