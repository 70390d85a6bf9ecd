import type { Model } from '../graph/model'
import type { Value } from '../graph/value'
import { type BiasSlot, biasSlots } from './bias/slots'
import { keepMatcher } from './keep'
import {
  type Calibration,
  definePass,
  needsCalibration,
  type PassContext,
  type PassResult,
  type Skipped,
} from './pass'

/**
 * Puts right what quantization does to the means of channels: what each quantized layer gives on average over the
 * calibration data is compared with what the model gave before the first pass, and the difference is added to the layer's
 * bias. Layers are corrected in the graph's order, each with those before it corrected already; values are found by name.
 *
 * Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2 and
 * supplementary D, the empirical way.
 */
export const correctBias = definePass({
  name: 'correct-bias',
  version: 1,
  summary: 'Corrects what quantization does to the means of channels.',
  source:
    'Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2',
  options: {
    /** How often the model is run over the data; with more layers than that, some are corrected together. */
    rounds: 32,
    /** Names of nodes that stay as they are. */
    keep: [],
  },
  describe: {
    rounds:
      'how often the model is run over the data; with more layers than that, neighbours are corrected together',
    keep: 'names of nodes that stay; * for any characters',
  },
  expects: {
    rounds: {
      text: 'a whole number from 1 on',
      fits: (value) => Number.isInteger(value) && (value as number) >= 1,
    },
  },
  needs: 'calibration',
  fidelity: 10,
  async run(model, { rounds, keep }, { calibration, reference }: PassContext): Promise<PassResult> {
    const kept = keepMatcher(keep)
    const skipped: Skipped[] = []
    const pairs: Pair[] = []
    const found = reference === undefined ? new Map<string, Value>() : valuesByName(reference)
    for (const slot of biasSlots(model)) {
      const source = 'output' in slot ? found.get(slot.output.name) : undefined
      if ('reason' in slot) skipped.push({ node: slot.node.label, reason: slot.reason })
      else if (kept(slot.node)) skipped.push({ node: slot.node.label, reason: 'is to be kept' })
      else if (source !== undefined) pairs.push({ slot, source, expected: new Moments(slot) })
      else if (reference !== undefined && calibration !== undefined)
        skipped.push({
          node: slot.node.label,
          reason: `${slot.output.name} is not in the model before the first pass`,
        })
      else pairs.push({ slot, source: slot.output, expected: new Moments(slot) })
    }
    if (pairs.length === 0) return { changed: 0, skipped }
    const { name } = model.graph
    if (calibration === undefined) return { changed: 0, skipped: [needsCalibration(name)] }
    if (reference === undefined)
      return {
        changed: 0,
        skipped: [{ node: name, reason: 'needs the model as it was before the first pass' }],
      }
    await measure(reference, calibration, new Map(pairs.map(({ source, expected }) => [source, expected])))
    let changed = 0
    const size = Math.ceil(pairs.length / rounds)
    for (let from = 0; from < pairs.length; from += size) {
      const group = pairs.slice(from, from + size)
      const actual = new Map(group.map(({ slot }) => [slot.output, new Moments(slot)]))
      await measure(model, calibration, actual)
      for (const { slot, expected } of group) {
        const outcome = correct(slot, expected, actual.get(slot.output))
        if (typeof outcome === 'string') skipped.push({ node: slot.node.label, reason: outcome })
        else if (outcome) changed++
      }
    }
    return { changed, skipped }
  },
})

interface Pair {
  readonly slot: BiasSlot
  readonly source: Value
  readonly expected: Moments
}

/** Values whose name stands for one value in all graphs. */
function valuesByName(model: Model): Map<string, Value> {
  const values = new Map<string, Value>()
  const twice = new Set<string>()
  for (const graph of model.graphs()) {
    for (const value of graph.values()) {
      if (values.has(value.name)) twice.add(value.name)
      values.set(value.name, value)
    }
  }
  for (const name of twice) values.delete(name)
  return values
}

async function measure(
  model: Model,
  calibration: Calibration,
  moments: ReadonlyMap<Value, Moments>,
): Promise<void> {
  await calibration.observe(model, [...moments.keys()], ({ value, data, dims }) =>
    moments.get(value)?.add(data, dims),
  )
}

/** Sums over all positions of each channel. */
class Moments {
  readonly sums: Float64Array
  squares = 0
  /** Of the positions of one channel. */
  count = 0
  /** Some output had other channels. */
  odd = false
  readonly #axis: number

  constructor({ channels, axis }: BiasSlot) {
    this.sums = new Float64Array(channels)
    this.#axis = axis
  }

  add(data: Float32Array, dims: readonly number[]): void {
    const axis = this.#axis < 0 ? dims.length + this.#axis : this.#axis
    const channels = this.sums.length
    if (dims[axis] !== channels) {
      this.odd = true
      return
    }
    const inner = dims.slice(axis + 1).reduce((size, dim) => size * dim, 1)
    for (let index = 0; index < data.length; index += inner) {
      const channel = Math.floor(index / inner) % channels
      let sum = 0
      for (let at = index; at < index + inner; at++) {
        const value = data[at] as number
        sum += value
        this.squares += value * value
      }
      this.sums[channel] = (this.sums[channel] as number) + sum
    }
    this.count += data.length / channels
  }
}

/** Means that are off by less, of the output's root mean square, are left. */
const NEGLIGIBLE = 2 ** -10

/** @returns a reason where it can't be; false where there is nothing to correct */
function correct(slot: BiasSlot, expected: Moments, actual: Moments | undefined): boolean | string {
  if (actual === undefined || expected.count === 0 || actual.count === 0)
    return 'is not reached by the calibration data'
  if (expected.odd || actual.odd || expected.count !== actual.count) return 'gives another shape than before'
  const delta = expected.sums.map((sum, channel) => (sum - (actual.sums[channel] as number)) / expected.count)
  if (!delta.every(Number.isFinite)) return 'gives NaN or infinity'
  const rms = Math.sqrt(expected.squares / (expected.count * slot.channels))
  if (delta.every((value) => Math.abs(value) <= NEGLIGIBLE * rms)) return false
  return slot.add(delta)
}
