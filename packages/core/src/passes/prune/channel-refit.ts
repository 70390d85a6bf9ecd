import type { Model } from '../../graph/model'
import { Tensor } from '../../graph/tensor'
import { cholesky, solveCholesky } from '../../kernels/cholesky'
import type { Gram } from '../../kernels/gram'
import { layerGrams } from '../layer-grams'
import { fromRows, type LinearLayer, linearLayer, weightRows } from '../linear-layers'
import type { Calibration } from '../pass'
import type { Space } from './channel-spaces'

/** A layer that reads the channels, and the second moments of what it reads. */
export interface Reader {
  readonly layer: LinearLayer
  readonly gram: Gram
}

/** Observes the layers that read the channels of a space, in the model as it is now. */
export async function gramsOf(model: Model, space: Space, calibration: Calibration): Promise<Reader[]> {
  const layers = space.slices.flatMap(({ role, node, value }) => {
    const layer = role === 'reads' ? linearLayer(node) : undefined
    return layer?.weight === value ? [layer] : []
  })
  const readers: Reader[] = []
  for await (const { layer, grams } of layerGrams(model, layers, calibration)) {
    const [gram] = grams
    if (gram !== undefined && gram.count > 0) readers.push({ layer, gram })
  }
  return readers
}

/** Share of the mean of the diagonal by which weights are held where they were. */
const DAMPING = 0.01

/**
 * Lets the layers that read the channels make up for those that will be cut: least squares between what they computed
 * and what they compute from the kept ones, means taken out where there is a bias to hold them (He et al. 2017, "Channel
 * Pruning for Accelerating Very Deep Neural Networks", section 3.1).
 */
export function refit(space: Space, kept: readonly number[], readers: readonly Reader[]): void {
  for (const { layer, gram } of readers) {
    // Rows of a transposed convolution don't tell kernel positions apart.
    if (layer.kind === 'ConvTranspose') continue
    const { features: n } = layer
    const run = n / space.size
    const places = kept.flatMap((channel) => Array.from({ length: run }, (_, index) => channel * run + index))
    const bias = biasOf(layer)
    const means = gram.sum.map((sum) => (bias === undefined ? 0 : sum / gram.count))
    const moment = (i: number, j: number) =>
      (gram.matrix[i * n + j] ?? 0) / gram.count - (means[i] ?? 0) * (means[j] ?? 0)
    const size = places.length
    const normal = new Float64Array(size * size)
    let mean = 0
    for (let i = 0; i < n; i++) mean += moment(i, i) / n
    const damping = DAMPING * (mean || 1)
    for (const [i, a] of places.entries()) {
      for (const [j, b] of places.entries()) normal[i * size + j] = moment(a, b) + (i === j ? damping : 0)
    }
    const lower = cholesky(normal, size)
    if (lower === undefined) continue
    const rows = weightRows(layer)
    const count = rows.length / n
    const solved = new Float64Array(count * size)
    for (let row = 0; row < count; row++) {
      for (let k = 0; k < n; k++) {
        const weight = rows[row * n + k] ?? 0
        if (weight === 0) continue
        for (const [i, place] of places.entries())
          solved[row * size + i] = (solved[row * size + i] ?? 0) + weight * moment(k, place)
      }
      for (const [i, place] of places.entries())
        solved[row * size + i] = (solved[row * size + i] ?? 0) + damping * (rows[row * n + place] ?? 0)
    }
    solveCholesky(lower, size, solved, count)
    const shifts = new Float32Array(count)
    for (let row = 0; row < count; row++) {
      let shift = 0
      for (let k = 0; k < n; k++) shift += (rows[row * n + k] ?? 0) * (means[k] ?? 0)
      rows.fill(0, row * n, (row + 1) * n)
      for (const [i, place] of places.entries()) {
        const weight = solved[row * size + i] ?? 0
        rows[row * n + place] = weight
        shift -= weight * (means[place] ?? 0)
      }
      shifts[row] = shift
    }
    const dims = layer.weight.initializer?.dims ?? []
    layer.weight.initializer = Tensor.fromBytes('float32', dims, new Uint8Array(fromRows(layer, rows).buffer))
    if (bias !== undefined && layer.bias !== undefined) {
      const moved = bias.float32().map((value, index) => value + (shifts[index] ?? 0))
      layer.bias.initializer = Tensor.fromBytes('float32', bias.dims, new Uint8Array(moved.buffer))
    }
  }
}

/** The bias of a layer where it is its own and has one element an output. */
function biasOf({ bias, outputs, groups, node }: LinearLayer): Tensor | undefined {
  const tensor = bias?.initializer
  if (bias === undefined || tensor?.dataType !== 'float32' || !bias.isConstant) return undefined
  if (bias.uses.length !== 1 || bias.isOutput || node.float('beta', 1) !== 1) return undefined
  return tensor.size === outputs * groups ? tensor : undefined
}
