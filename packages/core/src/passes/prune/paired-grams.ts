import type { Model } from '../../graph/model'
import type { Value } from '../../graph/value'
import { PairedGram } from '../../kernels/paired-gram'
import { inputRows } from '../input-rows'
import { sameRows } from '../layer-grams'
import type { LinearLayer } from '../linear-layers'
import type { Calibration } from '../pass'

export interface LayerPairs {
  readonly layer: LinearLayer
  /** One for each group of the layer: even samples, and odd ones. With a count of 0 where none reached the layer. */
  readonly grams: readonly Halves[]
}

export type Halves = readonly [PairedGram, PairedGram]

/** Runs something while the model is as it was. */
export type Rewind = (run: () => Promise<void>) => Promise<void>

/** Bytes of the sums and rows of the layers at hand. */
const MEMORY = 2 ** 28
/** Bytes that rows of one layer may take, from the run that they are compared with. */
const ROWS = 2 ** 26
const MOST_ROWS = 512

/**
 * Second moments of what layers read now, and of what has changed since the model was as `rewind` makes it. The two are
 * run one after the other, so rows of the first are held; of layers where that would take too much memory, fewer rows.
 * @param rewind undefined where nothing has changed
 */
export async function* pairedGrams(
  model: Model,
  layers: readonly LinearLayer[],
  calibration: Calibration,
  rewind: Rewind | undefined,
): AsyncIterable<LayerPairs> {
  for (const batch of batches(viewsOf(layers, calibration.samples))) {
    const byInput = new Map<Value, View[]>()
    for (const view of batch) byInput.set(view.layer.input, [...(byInput.get(view.layer.input) ?? []), view])
    const inputs = [...byInput.keys()]
    const count = counter()
    if (rewind !== undefined)
      await rewind(() =>
        calibration.observe(model, inputs, ({ value, data, dims, sample }) => {
          const key = count(value, sample)
          for (const { layer, rows, held } of byInput.get(value) ?? [])
            if (rows > 0) held.set(key, groupsOf(layer, dims, data, rows).map(own))
        }),
      )
    const again = counter()
    const most = (rows: number): number => (rewind === undefined || rows === 0 ? MOST_ROWS : rows)
    await calibration.observe(model, inputs, ({ value, data, dims, sample }) => {
      const key = again(value, sample)
      for (const { layer, rows, held, grams } of byInput.get(value) ?? []) {
        const before = held.get(key)
        for (const [group, now] of groupsOf(layer, dims, data, most(rows)).entries()) {
          const other = before?.[group]
          // Loops may run another number of rounds, and branches be others: then there is nothing to compare with.
          const isPair = other?.rows.length === now.rows.length
          const half = rows > 0 && sample % 2 === 1 ? 1 : 0
          grams[group]?.[half].add(now.rows, isPair ? other.rows : undefined, now.count)
        }
      }
    })
    for (const { members, grams, held } of batch) {
      held.clear()
      for (const layer of members) yield { layer, grams }
    }
  }
}

interface Rows {
  readonly rows: Float32Array
  readonly count: number
}

/** Layers that read the same rows. */
interface View {
  readonly layer: LinearLayer
  readonly members: LinearLayer[]
  readonly grams: readonly Halves[]
  /** Most rows of a sample; 0 where sums of changes would take too much memory: then none are made. */
  readonly rows: number
  readonly bytes: number
  /** Rows of each group as they were, by sample and round. */
  readonly held: Map<string, Rows[]>
}

function* viewsOf(layers: readonly LinearLayer[], samples: number): Iterable<View> {
  const taken = new Set<LinearLayer>()
  for (const layer of layers) {
    if (taken.has(layer)) continue
    const members = layers.filter(
      (other) => other === layer || (other.input === layer.input && sameRows(other, layer)),
    )
    for (const member of members) taken.add(member)
    const { groups, features } = layer
    const row = groups * features * 4 * Math.max(1, samples)
    const sums = groups * features ** 2 * 8
    // Moments and changes of both halves.
    const isPaired = 4 * sums <= MEMORY
    const rows = isPaired ? Math.max(1, Math.min(MOST_ROWS, Math.floor(ROWS / row))) : 0
    yield {
      layer,
      members,
      rows,
      bytes: isPaired ? 4 * sums + rows * row : sums,
      held: new Map(),
      grams: Array.from(
        { length: groups },
        (): Halves => [new PairedGram(features), new PairedGram(isPaired ? features : 0)],
      ),
    }
  }
}

function* batches(views: Iterable<View>): Iterable<View[]> {
  let batch: View[] = []
  let bytes = 0
  for (const view of views) {
    if (batch.length > 0 && bytes + view.bytes > MEMORY) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(view)
    bytes += view.bytes
  }
  if (batch.length > 0) yield batch
}

const groupsOf = (layer: LinearLayer, dims: readonly number[], data: Float32Array, rows: number): Rows[] =>
  Array.from({ length: layer.groups }, (_, group) => inputRows(layer, dims, data, group, rows))

/** What is observed is valid during the call only. */
const own = ({ rows, count }: Rows): Rows => ({ rows: rows.slice(), count })

/** Names an observation by its sample and how many there were of it before. */
function counter(): (value: Value, sample: number) => string {
  const seen = new Map<Value, Map<number, number>>()
  return (value, sample) => {
    const bySample = seen.get(value) ?? new Map<number, number>()
    const round = bySample.get(sample) ?? 0
    seen.set(value, bySample.set(sample, round + 1))
    return `${sample} ${round}`
  }
}
