import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { Tensor } from '../graph/tensor'
import type { Sparsity } from '../kernels/sparse-gpt'
import {
  between,
  definePass,
  needsCalibration,
  type PassContext,
  type PassResult,
  type Skipped,
} from './pass'
import { blockMasks, blockMasksByMass, blockPattern } from './prune/blocks'
import { pruneChannels } from './prune/channels'
import { type Importance, magnitude, scopeOf, softmax, wanda } from './prune/importance'
import { reconstruct } from './prune/reconstruct'
import { featureNorms } from './prune/reductions'
import { fromRows, toRows } from './prune/rows'
import { pruneTargets, type Target } from './prune/targets'
import { type Mask, unstructuredMasks } from './prune/unstructured'

/**
 * Sets the least important weights of layers to zero, or takes out whole channels.
 *
 * Importance is |w| (Han et al. 2015, "Learning both Weights and Connections"); or softmax importance
 * P(g) = sum over g of exp(|w|/tau) / sum over the scope of exp(|w|/tau) of a group g of weights, tau in standard
 * deviations of the scope; or |w| ||x|| with calibration (Sun et al. 2023, "A Simple and Effective Pruning Approach for
 * Large Language Models"). With `reconstruct`, the weights that stay make up for those that go (Frantar & Alistarh 2023,
 * "SparseGPT"); what goes is chosen as that method does, and then again by swaps, see kernels/mask-swaps.ts. Layers are
 * fitted to what the source gives, not to what their own weights give behind pruned layers (Li et al. 2025, "GPTAQ"), see
 * prune/match.ts.
 */
export const pruneWeights = definePass({
  name: 'prune-weights',
  version: 4,
  summary: 'Sets the least important weights to zero, or takes whole channels out.',
  source:
    'Han et al. 2015; Sun et al. 2023, "A Simple and Effective Pruning Approach for Large Language Models"; Frantar & Alistarh 2023, "SparseGPT"',
  options: {
    amount: 0.5,
    mass: 0,
    criterion: 'magnitude',
    temperature: 1,
    signed: false,
    pattern: 'unstructured',
    scope: 'layer',
    reconstruct: false,
    keep: [],
  },
  describe: {
    amount: 'share of the weights, or channels, that go, 0 to 1',
    mass: 'share of the importance to keep, 0 to 1, in place of an amount; 0: go by the amount',
    criterion: 'what makes a weight important; wanda needs calibration',
    temperature: 'tau of the softmax, in standard deviations of the scope',
    signed: 'softmax of w instead of |w|',
    pattern: 'unstructured, n of m such as 2:4, or channel',
    scope: 'what weights are compared with: those of their layer, or of all layers',
    reconstruct: 'let the weights that stay make up for those that go; needs calibration',
    keep: 'names of weights, or of nodes whose weights, stay; * for any characters',
  },
  choices: { criterion: ['magnitude', 'softmax', 'wanda'], scope: ['layer', 'global'] },
  expects: {
    amount: between(0, 1),
    mass: between(0, 1),
    temperature: {
      text: 'a number above 0',
      fits: (value) => typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY,
    },
    pattern: {
      text: '"unstructured", "channel", or n:m with n less than m, such as "2:4"',
      fits: (value) =>
        typeof value === 'string' &&
        (/^(unstructured|channel)$/.test(value) || blockPattern(value) !== undefined),
    },
  },
  fidelity: Number.NEGATIVE_INFINITY,
  run: prune,
})

interface Options {
  readonly amount: number
  readonly mass: number
  readonly criterion: string
  readonly temperature: number
  readonly signed: boolean
  readonly pattern: string
  readonly scope: string
  readonly reconstruct: boolean
  readonly keep: readonly string[]
}

/** Key of the model's metadata that holds the options of a pruning that its result doesn't show. */
const NOTE = 'unplugin-onnx.prune-weights'

async function prune(model: Model, options: Options, { calibration }: PassContext): Promise<PassResult> {
  const { pattern, criterion } = options
  if (calibration === undefined && (options.reconstruct || criterion === 'wanda'))
    return { changed: 0, skipped: [needsCalibration(model.graph.name)] }
  const skipped: Skipped[] = []
  // Channels that are gone leave no trace, and what is left holds its mass in another way: without a note a second run
  // would take the same share again.
  const note = pattern === 'channel' || options.mass > 0 ? JSON.stringify(options) : undefined
  if (note !== undefined && model.metadata.get(NOTE) === note)
    return {
      changed: 0,
      skipped: [{ node: model.graph.name, reason: 'was pruned with these options before' }],
    }
  if (pattern === 'channel') {
    const changed = await pruneChannels(model, options, calibration, skipped)
    if (changed > 0 && note !== undefined) model.metadata.set(NOTE, note)
    return { changed, skipped }
  }
  const found = pruneTargets(model, options.keep, skipped)
  const block = blockPattern(pattern)
  const targets = found.targets.filter((target) => {
    const reason =
      options.scope === 'layer' || block !== undefined ? tooShort(target, block?.m ?? 0) : undefined
    if (reason !== undefined) skipped.push({ node: target.value.name, reason })
    return reason === undefined
  })
  const scopes = (options.scope === 'global' ? [targets] : targets.map((target) => [target])).map((scoped) =>
    scopeOf(scoped, found, options),
  )
  const importance: Importance =
    criterion === 'wanda' && calibration !== undefined
      ? wanda(await featureNorms(model, targets, calibration))
      : criterion === 'softmax'
        ? softmax(options.signed)
        : magnitude
  const masks = new Map<Target, Mask>()
  for (const scope of scopes) {
    const found =
      block === undefined
        ? unstructuredMasks(scope, importance, options)
        : options.mass > 0
          ? blockMasksByMass(scope, importance, block, options)
          : blockMasks(scope.targets, importance, block)
    for (const [target, mask] of found) masks.set(target, mask)
  }
  const changing = new Map<Target, number>()
  for (const [target, mask] of masks) {
    const dropped = mask(copyOfRows(target))
    if (dropped > 0) changing.set(target, dropped)
  }
  const done =
    options.reconstruct && calibration !== undefined
      ? await reconstruct(model, sparsities(changing, block), calibration, skipped)
      : new Set<Target>()
  for (const target of changing.keys()) {
    const mask = masks.get(target)
    if (done.has(target) || mask === undefined) continue
    target.value.initializer = Tensor.lazy('float32', target.tensor.dims, () => {
      const rows = copyOfRows(target)
      mask(rows)
      return new Uint8Array(fromRows(rows, target.layout).buffer)
    })
  }
  if (changing.size > 0 && note !== undefined) model.metadata.set(NOTE, note)
  return { changed: changing.size, skipped }
}

/**
 * Outputs of a depthwise convolution have a handful of weights each, which hold little of the file and much of the result.
 * Compared with all layers they may lose what is unimportant; a share of their own would be taken from the outputs of
 * smallest scale, whole.
 */
function tooShort({ node, layout }: Target, block: number): string | undefined {
  const { features } = layout
  if (/^Conv/.test(node.opType) && node.int('group', 1) > 1 && features === kernelSize(node))
    return `is depthwise, ${features} weights an output`
  return features < block ? `its rows of ${features} have no ${block} neighbours` : undefined
}

function kernelSize(node: Node): number {
  const dims = node.inputs[1]?.initializer?.dims ?? []
  return node.opType === 'Conv' ? dims.slice(2).reduce((size, dim) => size * dim, 1) : 1
}

function copyOfRows({ tensor, layout }: Target): Float32Array {
  const data = tensor.float32()
  const rows = toRows(data, layout)
  return rows === data ? data.slice() : rows
}

function sparsities(
  changing: ReadonlyMap<Target, number>,
  block: { readonly n: number; readonly m: number } | undefined,
): Map<Target, Sparsity> {
  return new Map(
    [...changing].map(([target, dropped]) => [
      target,
      block === undefined
        ? { kind: 'share', amount: (dropped + target.zeros) / target.tensor.size }
        : { kind: 'n:m', ...block },
    ]),
  )
}
