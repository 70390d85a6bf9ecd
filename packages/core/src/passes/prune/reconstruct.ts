import type { Model } from '../../graph/model'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { inverseUpperFactor } from '../../kernels/cholesky'
import type { Gram } from '../../kernels/gram'
import { swapZeros } from '../../kernels/mask-swaps'
import { type Sparsity, settle, sparseGpt } from '../../kernels/sparse-gpt'
import { dampingFor } from '../damping'
import { layerGrams } from '../layer-grams'
import type { LinearLayer } from '../linear-layers'
import type { Calibration, Skipped } from '../pass'
import { centered, offsetOf, shift } from './offset'
import { gramOf, observable } from './reductions'
import { fromRows, toRows } from './rows'
import type { Target } from './targets'

/** Most rounds of coordinate descent after SparseGPT. */
const ROUNDS = 25

/**
 * Prunes targets one after the other, each from what it reads now that those before it are pruned, and lets the weights
 * that stay make up for those that go.
 * @returns the targets that were changed; those that can't be observed are left, with a reason
 */
export async function reconstruct(
  model: Model,
  targets: ReadonlyMap<Target, Sparsity>,
  calibration: Calibration,
  skipped: Skipped[],
): Promise<Set<Target>> {
  const done = new Set<Target>()
  for (const stage of stages([...targets.keys()], skipped)) {
    const byLayer = new Map(stage.map(({ target, layer }) => [layer, target]))
    for await (const { layer, grams } of layerGrams(model, [...byLayer.keys()], calibration)) {
      const target = byLayer.get(layer)
      const sparsity = target && targets.get(target)
      if (target === undefined || sparsity === undefined) continue
      if (grams[0]?.count === 0) {
        skipped.push({ node: target.value.name, reason: 'no sample reaches its layer' })
        continue
      }
      const rows = pruned(target, layer, grams, sparsity)
      const bytes = new Uint8Array(fromRows(rows, target.layout).buffer)
      target.value.initializer = Tensor.fromBytes('float32', target.tensor.dims, bytes)
      done.add(target)
    }
  }
  return done
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

function pruned(
  target: Target,
  layer: LinearLayer,
  grams: readonly Gram[],
  sparsity: Sparsity,
): Float32Array {
  const before = Float64Array.from(toRows(target.tensor.float32(), target.layout))
  const rows = before.slice()
  const { features: n } = target.layout
  const perGroup = rows.length / grams.length
  const offset =
    layer.kind === 'ConvTranspose' || layer.input === target.node.outputs[0]
      ? undefined
      : offsetOf(layer.node, rows.length / n)
  const shifts = new Float64Array(rows.length / n)
  for (const [group, observed] of grams.entries()) {
    const gram = gramOf(target, layer, observed)
    if (gram.count === 0) continue
    const matrix = offset === undefined ? gram.matrix : centered(gram)
    const part = rows.subarray(group * perGroup, (group + 1) * perGroup)
    const own = before.subarray(group * perGroup, (group + 1) * perGroup)
    const damping = dampingFor(gram)
    sparseGpt(part, n, inverseUpperFactor(matrix, n, damping), sparsity)
    const hessian = damped(matrix, n, damping)
    swapZeros(part, own, n, hessian, sparsity)
    settle(part, own, n, hessian, ROUNDS)
    for (let row = 0, at = 0; row < part.length / n; row++) {
      let lost = 0
      for (let k = 0; k < n; k++, at++)
        lost += ((own[at] ?? 0) - (part[at] ?? 0)) * ((gram.sum[k] ?? 0) / gram.count)
      shifts[(group * perGroup) / n + row] = lost
    }
  }
  if (offset !== undefined) shift(offset, shifts)
  return Float32Array.from(rows)
}

function damped(matrix: Float64Array, n: number, share: number): Float64Array {
  let mean = 0
  for (let i = 0; i < n; i++) mean += (matrix[i * n + i] ?? 0) / n
  const result = matrix.slice()
  for (let i = 0; i < n; i++) result[i * n + i] = (matrix[i * n + i] ?? 0) + share * (mean || 1)
  return result
}
