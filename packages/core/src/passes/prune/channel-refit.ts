import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { cholesky, solveCholesky } from '../../kernels/cholesky'
import type { Gram } from '../../kernels/gram'
import { dampingFor } from '../damping'
import { layerGrams } from '../layer-grams'
import { fromRows, type LinearLayer, linearLayer, weightRows } from '../linear-layers'
import type { Calibration } from '../pass'
import type { Space } from './channel-spaces'
import { offsetOf, shift } from './offset'

/** A layer that reads the channels, and the second moments of what it reads. */
export interface Reader {
  readonly node: Node
  readonly weight: Value
  readonly gram: Gram
}

const STAGES = 16
const MEMORY = 2 ** 28

/**
 * Observes the layers that read channels, a few spaces at a time: each stage runs all samples in the model as it is when
 * the stage begins.
 */
export async function* observedSpaces(
  model: Model,
  spaces: readonly Space[],
  calibration: Calibration,
): AsyncIterable<{ readonly space: Space; readonly readers: readonly Reader[] }> {
  for (const stage of stages(spaces)) {
    const owners = new Map(stage.flatMap((space) => layersOf(space).map((layer) => [layer, space] as const)))
    const readers = new Map<Space, Reader[]>(stage.map((space) => [space, []]))
    for await (const { layer, grams } of layerGrams(model, [...owners.keys()], calibration)) {
      const [gram] = grams
      const space = owners.get(layer)
      if (space !== undefined && gram !== undefined && gram.count > 0)
        readers.get(space)?.push({ node: layer.node, weight: layer.weight, gram })
    }
    for (const space of stage) yield { space, readers: readers.get(space) ?? [] }
  }
}

function layersOf(space: Space): LinearLayer[] {
  return space.slices.flatMap(({ role, node, value }) => {
    const layer = role === 'reads' ? linearLayer(node) : undefined
    return layer?.weight === value ? [layer] : []
  })
}

function* stages(spaces: readonly Space[]): Iterable<Space[]> {
  const most = Math.ceil(spaces.length / STAGES)
  let stage: Space[] = []
  let bytes = 0
  for (const space of spaces) {
    const own = layersOf(space).reduce((sum, { features }) => sum + features ** 2 * 8, 0)
    if (stage.length > 0 && (stage.length === most || bytes + own > MEMORY)) {
      yield stage
      stage = []
      bytes = 0
    }
    stage.push(space)
    bytes += own
  }
  if (stage.length > 0) yield stage
}

/**
 * Lets the layers that read the channels make up for those that will be cut: least squares between what they computed
 * and what they compute from the kept ones, means taken out where there is a bias to hold them (He et al. 2017, "Channel
 * Pruning for Accelerating Very Deep Neural Networks", section 3.1).
 */
export function refit(space: Space, kept: readonly number[], readers: readonly Reader[]): void {
  for (const { node, gram } of readers) {
    // As it is now: its own channels may have been cut since it was observed.
    const layer = linearLayer(node)
    if (layer === undefined || layer.features !== gram.features) continue
    // Rows of a transposed convolution don't tell kernel positions apart.
    if (layer.kind === 'ConvTranspose') continue
    const { features: n } = layer
    const run = n / space.size
    const places = kept.flatMap((channel) => Array.from({ length: run }, (_, index) => channel * run + index))
    const offset = offsetOf(node, layer.outputs)
    const means = gram.sum.map((sum) => (offset === undefined ? 0 : sum / gram.count))
    const moment = (i: number, j: number) =>
      (gram.matrix[i * n + j] ?? 0) / gram.count - (means[i] ?? 0) * (means[j] ?? 0)
    const size = places.length
    const normal = new Float64Array(size * size)
    let mean = 0
    for (let i = 0; i < n; i++) mean += moment(i, i) / n
    // Holds weights where they were, where the samples say little.
    const damping = dampingFor(gram) * (mean || 1)
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
    if (offset !== undefined) shift(offset, shifts)
  }
}
