import type { ValueSignature } from '@unplugin-onnx/runtime'
import { arrayOfNumbers, type DenseArray, type Feeds, isNumeric, sizeOf } from './arrays'
import { type InputKind, kindOf } from './input-kind'
import type { NormalizedOptions } from './options'
import { pictureOf } from './picture'
import { type Random, seededRandom } from './random'

export type Overrides = NormalizedOptions['inputs']
export type Shapes = ReadonlyMap<string, readonly number[]>

/** Samples that are made where the user gives none. */
export const synthesizedSamples = 4

/** Lengths that an open axis is tried with, in this order, until the model runs. */
const lengths = {
  batch: [1, 1, 1, 1, 1, 2],
  height: [320, 224, 256, 640, 64, 32],
  width: [320, 224, 256, 640, 64, 32],
  sequence: [16, 32, 8, 64, 128, 1],
  audio: [512, 576, 1536, 16000, 4096, 400],
  frames: [64, 100, 32, 3000, 128, 16],
  past: [0, 0, 4, 1, 0, 16],
  other: [16, 8, 32, 4, 64, 1],
} as const
type Role = keyof typeof lengths

export const shapeAttempts = lengths.batch.length

/**
 * Shapes for all inputs: fixed dimensions stay, equal symbols get equal lengths, what calibration or the user gives wins.
 * @param attempt from 0; each tries other lengths
 */
export function chooseShapes(
  inputs: readonly ValueSignature[],
  overrides: Overrides,
  given: Feeds,
  attempt: number,
): Shapes {
  const symbols = new Map<string, number>()
  const fixed = new Map<string, readonly number[]>()
  for (const input of inputs) {
    const dims = given[input.name]?.dims ?? overrides[input.name]?.dims
    if (dims === undefined) continue
    fixed.set(input.name, dims)
    for (const [axis, symbol] of (input.dims ?? []).entries()) {
      const length = dims[axis]
      if (typeof symbol === 'string' && length !== undefined) symbols.set(symbol, length)
    }
  }
  const withRate = inputs.some((input) => kindOf(input, false) === 'sample rate')
  const shapes = new Map<string, readonly number[]>()
  for (const input of inputs) {
    const kind = kindOf(input, withRate)
    const dims = fixed.get(input.name)
    if (dims !== undefined) shapes.set(input.name, dims)
    else if (input.dims === undefined)
      shapes.set(input.name, unknownRank[attempt % unknownRank.length] ?? [1])
    else
      shapes.set(
        input.name,
        input.dims.map((dim, axis) => lengthOf(dim, axis, input, kind, symbols, attempt)),
      )
  }
  return shapes
}

const unknownRank: readonly (readonly number[])[] = [[1, 16], [1], [1, 3, 224, 224], [], [1, 16, 64], [16]]

function lengthOf(
  dim: number | string | null,
  axis: number,
  input: ValueSignature,
  kind: InputKind,
  symbols: Map<string, number>,
  attempt: number,
): number {
  if (typeof dim === 'number') return dim
  // Exporters write derived lengths as sums: 'past_sequence_length + 1'.
  if (dim?.includes('+')) {
    const terms = dim.split('+').map((term) => term.trim())
    const values = terms.map((term) =>
      /^\d+$/.test(term) ? Number(term) : lengthOf(term, axis, input, kind, symbols, attempt),
    )
    return values.reduce((sum, value) => sum + value, 0)
  }
  const known = dim === null ? undefined : symbols.get(dim)
  if (known !== undefined) return known
  const choices = lengths[roleOf(dim, axis, input, kind)]
  const length = choices[attempt % choices.length] ?? 1
  if (dim !== null) symbols.set(dim, length)
  return length
}

function roleOf(symbol: string | null, axis: number, input: ValueSignature, kind: InputKind): Role {
  const name = symbol ?? ''
  if (/batch|bsz/i.test(name)) return 'batch'
  if (/past|cache/i.test(name)) return 'past'
  if (/height|^h$/i.test(name)) return 'height'
  if (/width|^w$/i.test(name)) return 'width'
  const dims = input.dims ?? []
  const firstOpen = dims.findIndex((dim) => typeof dim !== 'number')
  const sequential = /seq|token|length|time|frame|^[tl]$/i.test(name)
  // The batch comes first, or, in recurrent state, after the layers.
  if (!sequential && axis === firstOpen && axis <= (kind === 'state' ? 1 : 0)) return 'batch'
  if (kind === 'audio') return 'audio'
  if (kind === 'image') {
    const [height, width] = typeof dims[3] === 'number' && dims[3] <= 4 && dims[1] !== 3 ? [1, 2] : [2, 3]
    if (axis === height) return 'height'
    if (axis === width) return 'width'
  }
  if (dims.length === 3 && kind === 'values' && input.type.startsWith('float')) {
    const features = dims[2]
    return typeof features === 'number' &&
      features >= 40 &&
      features <= 128 &&
      /mel|feat|audio|bank|spec/i.test(input.name)
      ? 'frames'
      : 'sequence'
  }
  return sequential || kind === 'ids' || kind === 'mask' ? 'sequence' : 'other'
}

/** How the graph bounds its whole-number inputs: rows of the table that an input looks up. */
export type Vocabularies = ReadonlyMap<string, number>

/** Feeds for one sample; the same arguments give the same numbers on every machine. */
export function fillInputs(
  inputs: readonly ValueSignature[],
  shapes: Shapes,
  vocabularies: Vocabularies,
  overrides: Overrides,
  sample: number,
): Feeds {
  const withRate = inputs.some((input) => kindOf(input, false) === 'sample rate')
  const longest = Math.max(
    1,
    ...[...shapes.values()].filter((dims) => dims.length === 2).map((dims) => dims[1] ?? 1),
  )
  return Object.fromEntries(
    inputs.map((input): [string, DenseArray] => {
      const dims = shapes.get(input.name) ?? []
      const random = seededRandom(`${input.name} ${sample}`)
      const range = overrides[input.name]?.range
      const kind = kindOf(input, withRate)
      const numbers = range
        ? between(random, sizeOf(dims), range)
        : contentOf(kind, input, dims, vocabularies.get(input.name), longest, sample, random)
      return [input.name, arrayFrom(input.type, dims, numbers, sample)]
    }),
  )
}

const between = (random: Random, size: number, [low, high]: readonly [number, number]): Float64Array =>
  Float64Array.from({ length: size }, () => low + random.uniform() * (high - low))

function contentOf(
  kind: InputKind,
  input: ValueSignature,
  dims: readonly number[],
  vocabulary: number | undefined,
  longest: number,
  sample: number,
  random: Random,
): Float64Array {
  const size = sizeOf(dims)
  const each = (value: (index: number) => number) =>
    Float64Array.from({ length: size }, (_, index) => value(index))
  const last = Math.max(1, dims.at(-1) ?? 1)
  switch (kind) {
    case 'sample rate':
      return each(() => 16000)
    case 'mask':
      return each(() => 1)
    case 'zeros':
      return each(() => 0)
    case 'state':
      return each(() => (sample === 0 ? 0 : 0.1 * random.normal()))
    case 'positions':
      return each((index) => Math.min(index % last, (vocabulary ?? last) - 1))
    case 'length':
      return each(() => longest)
    case 'ids':
      return each(() => Math.floor(random.uniform() * Math.max(1, vocabulary ?? 2)))
    case 'audio':
      return each((index) => 0.05 * random.normal() + 0.1 * Math.sin(index * (0.02 + 0.03 * sample)))
    case 'image':
      return pictureOf(dims, sample, random, !input.type.startsWith('float'))
    case 'values':
      return each(() => random.normal())
  }
}

function arrayFrom(
  type: ValueSignature['type'],
  dims: readonly number[],
  numbers: Float64Array,
  sample: number,
): DenseArray {
  if (type === 'string')
    return { type, dims, data: Array.from(numbers, (_, index) => `sample ${sample} ${index}`) }
  return isNumeric(type)
    ? arrayOfNumbers(type, dims, numbers)
    : { type, dims, data: new Uint8Array(numbers.length) }
}
