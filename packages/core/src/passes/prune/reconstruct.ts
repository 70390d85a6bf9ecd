import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { inverseUpperFactor } from '../../kernels/cholesky'
import { swapZeros } from '../../kernels/mask-swaps'
import { type Sparsity, settle, sparseGpt } from '../../kernels/sparse-gpt'
import { dampingFor } from '../damping'
import type { LinearLayer } from '../linear-layers'
import type { Calibration, Skipped } from '../pass'
import { matchedRows, merged } from './match'
import { centered, type Offset, offsetOf, shift } from './offset'
import { type Halves, pairedGrams, type Rewind } from './paired-grams'
import { gramOf, observable } from './reductions'
import { fromRows, toRows } from './rows'
import type { Target } from './targets'

/** Most rounds of coordinate descent after SparseGPT. */
const ROUNDS = 25

/**
 * Prunes targets one after the other in the graph's order, each from what it reads now that those before it are pruned, and
 * lets the weights that stay make up for those that go, here and before.
 * @returns the targets that were changed; those that can't be observed are left, with a reason
 */
export async function reconstruct(
  model: Model,
  targets: ReadonlyMap<Target, Sparsity>,
  calibration: Calibration,
  skipped: Skipped[],
): Promise<Set<Target>> {
  const done = new Set<Target>()
  /** What was changed, as it was. */
  const before = new Map<Value, Tensor>()
  for (const stage of stages(inOrder(model, [...targets.keys()]), skipped)) {
    const byLayer = new Map(stage.map(({ target, layer }) => [layer, target]))
    const rewind = before.size === 0 ? undefined : rewinder(new Map(before))
    for await (const { layer, grams } of pairedGrams(model, [...byLayer.keys()], calibration, rewind)) {
      const target = byLayer.get(layer)
      const sparsity = target && targets.get(target)
      if (target === undefined || sparsity === undefined) continue
      if (grams[0]?.every(({ now }) => now.count === 0)) {
        skipped.push({ node: target.value.name, reason: 'no sample reaches its layer' })
        continue
      }
      const { rows, offset, shifts } = pruned(target, layer, grams, sparsity)
      before.set(target.value, target.tensor)
      const bytes = new Uint8Array(fromRows(rows, target.layout).buffer)
      target.value.initializer = Tensor.fromBytes('float32', target.tensor.dims, bytes)
      if (offset !== undefined) {
        before.set(offset.value, offset.tensor)
        shift(offset, shifts)
      }
      done.add(target)
    }
  }
  return done
}

/** Puts tensors back for a while. */
const rewinder =
  (before: ReadonlyMap<Value, Tensor>): Rewind =>
  async (run) => {
    const now = [...before.keys()].map((value) => [value, value.initializer] as const)
    for (const [value, tensor] of before) value.initializer = tensor
    try {
      await run()
    } finally {
      for (const [value, tensor] of now) if (tensor !== undefined) value.initializer = tensor
    }
  }

/** As their nodes are run; those of branches and loops before the node that holds them. */
function inOrder(model: Model, targets: readonly Target[]): Target[] {
  const places = new Map<Node, number>()
  const visit = (graph: Graph): void => {
    for (const node of graph.nodes) {
      for (const inner of node.subgraphs()) visit(inner)
      places.set(node, places.size)
    }
  }
  visit(model.graph)
  return targets.toSorted((a, b) => (places.get(a.node) ?? 0) - (places.get(b.node) ?? 0))
}

interface Observable {
  readonly target: Target
  readonly layer: LinearLayer
}

/**
 * Targets that read the same value are observed together; of many, neighbours too: each stage runs all samples, and more
 * of them make pruned models no better.
 */
function* stages(targets: readonly Target[], skipped: Skipped[]): Iterable<Observable[]> {
  const MOST = 16
  const inputs = new Map<Value, Observable[]>()
  for (const target of targets) {
    const layer = observable(target)
    if (typeof layer === 'string') skipped.push({ node: target.value.name, reason: layer })
    else inputs.set(layer.input, [...(inputs.get(layer.input) ?? []), { target, layer }])
  }
  const all = [...inputs.values()]
  const step = Math.ceil(all.length / MOST)
  for (let index = 0; index < all.length; index += step) yield all.slice(index, index + step).flat()
}

interface Pruned {
  readonly rows: Float32Array
  /** What makes up for the mean, and what is to be added to it for each row. */
  readonly offset: Offset | undefined
  readonly shifts: Float64Array
}

function pruned(target: Target, layer: LinearLayer, grams: readonly Halves[], sparsity: Sparsity): Pruned {
  const source = Float64Array.from(toRows(target.tensor.float32(), target.layout))
  const rows = source.slice()
  const { features: n } = target.layout
  const perGroup = rows.length / grams.length
  const offset =
    layer.kind === 'ConvTranspose' || layer.input === target.node.outputs[0]
      ? undefined
      : offsetOf(layer.node, rows.length / n)
  const isCentered = offset !== undefined
  const shifts = new Float64Array(rows.length / n)
  for (const [group, observed] of grams.entries()) {
    const halves: Halves = [gramOf(target, layer, observed[0]), gramOf(target, layer, observed[1])]
    const all = merged(halves)
    const { now } = all
    if (now.count === 0) continue
    const matrix = isCentered ? centered(now) : now.matrix
    const part = rows.subarray(group * perGroup, (group + 1) * perGroup)
    const own = source.subarray(group * perGroup, (group + 1) * perGroup)
    const wanted = matchedRows(own, n, halves, isCentered)
    part.set(wanted)
    const damping = dampingFor(now)
    sparseGpt(part, n, inverseUpperFactor(matrix, n, damping), sparsity)
    const hessian = damped(matrix, n, damping)
    swapZeros(part, wanted, n, hessian, sparsity)
    settle(part, wanted, n, hessian, ROUNDS)
    for (let row = 0, at = 0; row < part.length / n; row++) {
      let lost = 0
      for (let k = 0; k < n; k++, at++)
        lost +=
          (own[at] ?? 0) * ((now.sum[k] ?? 0) + (all.changeSum[k] ?? 0)) - (part[at] ?? 0) * (now.sum[k] ?? 0)
      shifts[(group * perGroup) / n + row] = lost / now.count
    }
  }
  return { rows: Float32Array.from(rows), offset, shifts }
}

function damped(matrix: Float64Array, n: number, share: number): Float64Array {
  let mean = 0
  for (let i = 0; i < n; i++) mean += (matrix[i * n + i] ?? 0) / n
  const result = matrix.slice()
  for (let i = 0; i < n; i++) result[i * n + i] = (matrix[i * n + i] ?? 0) + share * (mean || 1)
  return result
}
