import type { ValueSignature } from '@unplugin-onnx/runtime'
import type { Feeds } from '../arrays'
import type { NormalizedOptions } from '../options'
import { type InputKind, kindOf } from './input-kind'

export type Overrides = NormalizedOptions['inputs']
export type Shapes = ReadonlyMap<string, readonly number[]>

/** Which of two sizes open axes have: what holds at one only is found at the other. */
export type Size = 0 | 1

/** Lengths that an open axis is tried with, at either size, in this order, until the model runs. */
const lengths = {
  batch: [
    [1, 1],
    [1, 1],
    [1, 1],
    [1, 1],
    [1, 1],
    [2, 2],
  ],
  height: [
    [320, 256],
    [224, 288],
    [256, 320],
    [640, 320],
    [64, 96],
    [32, 64],
  ],
  width: [
    [320, 384],
    [224, 192],
    [256, 192],
    [640, 320],
    [64, 128],
    [32, 64],
  ],
  sequence: [
    [16, 24],
    [32, 48],
    [8, 12],
    [64, 48],
    [128, 64],
    [1, 1],
  ],
  audio: [
    [512, 1024],
    [576, 1088],
    [1536, 1024],
    [16000, 24000],
    [4096, 8192],
    [400, 800],
  ],
  frames: [
    [64, 96],
    [100, 150],
    [32, 48],
    [3000, 3000],
    [128, 64],
    [16, 32],
  ],
  past: [
    [0, 0],
    [0, 3],
    [4, 2],
    [1, 2],
    [0, 0],
    [16, 8],
  ],
  other: [
    [16, 24],
    [8, 12],
    [32, 16],
    [4, 6],
    [64, 32],
    [1, 2],
  ],
} as const satisfies Record<string, readonly (readonly [number, number])[]>
type Role = keyof typeof lengths

export const shapeAttempts = lengths.batch.length

/** Batches where nothing else is open. */
const loneBatch = [1, 2] as const

/**
 * Shapes for all inputs: fixed dimensions stay, equal symbols get equal lengths, what calibration or the user gives wins.
 * @param attempt from 0; each tries other lengths
 */
export function chooseShapes(
  inputs: readonly ValueSignature[],
  overrides: Overrides,
  given: Feeds,
  attempt: number,
  size: Size = 0,
): Shapes {
  const shapes = shapesAt(inputs, overrides, given, attempt, size, lengths.batch)
  if (size === 0) return shapes
  const first = shapesAt(inputs, overrides, given, attempt, 0, lengths.batch)
  const same = inputs.every(({ name }) => String(first.get(name)) === String(shapes.get(name)))
  return same ? shapesAt(inputs, overrides, given, attempt, size, [loneBatch]) : shapes
}

function shapesAt(
  inputs: readonly ValueSignature[],
  overrides: Overrides,
  given: Feeds,
  attempt: number,
  size: Size,
  batches: readonly (readonly [number, number])[],
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
  const lengthFor = (role: Role): number => {
    const choices = role === 'batch' ? batches : lengths[role]
    return choices[attempt % choices.length]?.[size] ?? 1
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
        input.dims.map((dim, axis) => lengthOf(dim, axis, input, kind, symbols, lengthFor)),
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
  lengthFor: (role: Role) => number,
): number {
  if (typeof dim === 'number') return dim
  // Exporters write derived lengths as sums: 'past_sequence_length + 1'.
  if (dim?.includes('+')) {
    const terms = dim.split('+').map((term) => term.trim())
    const values = terms.map((term) =>
      /^\d+$/.test(term) ? Number(term) : lengthOf(term, axis, input, kind, symbols, lengthFor),
    )
    return values.reduce((sum, value) => sum + value, 0)
  }
  const known = dim === null ? undefined : symbols.get(dim)
  if (known !== undefined) return known
  const length = lengthFor(roleOf(dim, axis, input, kind))
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
