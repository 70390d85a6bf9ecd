import type { Model } from '../graph/model'
import type { Value } from '../graph/value'
import { Gram } from '../kernels/gram'
import { inputRows } from './input-rows'
import type { LinearLayer } from './linear-layers'
import type { Calibration } from './pass'

export interface LayerGrams {
  readonly layer: LinearLayer
  /** One for each group of the layer; with a count of 0 where no sample reached the layer. */
  readonly grams: readonly Gram[]
}

export interface GramOptions {
  /** Bytes that the sums of the layers at hand may take; one layer is taken however large. Default 256 MiB. */
  readonly memoryLimit?: number
  /** Most rows of a sample and layer. Default 512. */
  readonly maxRows?: number
}

/**
 * Second moments of what layers read, over all samples. Layers are observed in batches, so that memory depends on the
 * layers' widths and the limit, not on the number of samples or layers. What is observed is the model as it is when a batch
 * begins: layers that were changed meanwhile change what later ones read.
 */
export async function* layerGrams(
  model: Model,
  layers: readonly LinearLayer[],
  calibration: Calibration,
  { memoryLimit = 2 ** 28, maxRows = 512 }: GramOptions = {},
): AsyncIterable<LayerGrams> {
  for (const batch of batches(layers, memoryLimit)) {
    const collected = new Map<Value, LayerGrams[]>()
    const found = batch.map((layer) => {
      const grams = Array.from({ length: layer.groups }, () => new Gram(layer.features))
      const each = { layer, grams }
      collected.set(layer.input, [...(collected.get(layer.input) ?? []), each])
      return each
    })
    await calibration.observe(model, [...collected.keys()], ({ value, data, dims }) => {
      const readers = collected.get(value) ?? []
      for (const [index, { layer, grams }] of readers.entries()) {
        // Layers that read the same value, as query, key and value do, see the same rows.
        const twin = readers.slice(0, index).find((other) => sameRows(other.layer, layer))
        if (twin !== undefined) continue
        for (const [group, gram] of grams.entries()) {
          const { rows, count } = inputRows(layer, dims, data, group, maxRows)
          gram.add(rows, count)
        }
      }
    })
    for (const readers of collected.values()) {
      for (const [index, { layer, grams }] of readers.entries()) {
        const twin = readers.slice(0, index).find((other) => sameRows(other.layer, layer))
        if (twin !== undefined) for (const [group, gram] of grams.entries()) copyGram(gram, twin.grams[group])
      }
    }
    yield* found
  }
}

/** Rows of the two are the same where they read the same value. */
export const sameRows = (a: LinearLayer, b: LinearLayer): boolean =>
  a.kind === 'MatMul' && b.kind === 'MatMul' && a.inputIndex === b.inputIndex && a.features === b.features

function copyGram(to: Gram, from: Gram | undefined): void {
  if (from === undefined) return
  to.matrix.set(from.matrix)
  to.sum.set(from.sum)
  to.count = from.count
}

function* batches(layers: readonly LinearLayer[], limit: number): Iterable<LinearLayer[]> {
  let batch: LinearLayer[] = []
  let bytes = 0
  for (const layer of layers) {
    const size = layer.groups * layer.features ** 2 * 8
    if (batch.length > 0 && bytes + size > limit) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(layer)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
