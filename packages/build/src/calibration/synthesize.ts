import type { ValueSignature } from '@unplugin-onnx/runtime'
import { type DenseArray, type Feeds, isNumeric, sizeOf } from '../arrays'
import { arrayOfNumbers } from '../numbers'
import { printable } from '../printable'
import type { Inspection } from '../tasks/task'
import { type InputKind, kindOf } from './input-kind'
import { pictureOf } from './picture'
import { type Random, seededRandom } from './random'
import { chooseShapes, type Overrides, type Shapes, type Size } from './shapes'

export { chooseShapes, type Overrides, type Shapes, type Size, shapeAttempts } from './shapes'

/** Samples that are made where the user gives none. */
export const synthesizedSamples = 4

export interface SynthesizeOptions {
  /** Which of two sizes open axes have. Default: 0. */
  readonly size?: Size
  /** From 0; each tries other lengths of open axes, for models that don't run at those before. Default: 0. */
  readonly attempt?: number
  /** From 0; each has other values. Default: 0. */
  readonly sample?: number
  /** Inputs that are there: they are not made, and open axes follow theirs. */
  readonly given?: Feeds
}

export interface Synthesized {
  /** Inputs that have to be fed, or that an override names, and are not given. */
  readonly feeds: Feeds
  /** What was chosen for each input, and why. */
  readonly notes: readonly string[]
  /** Whether the other size has other shapes. */
  readonly dynamic: boolean
}

/** Makes inputs up from names, types and shapes; the same arguments give the same numbers on every machine. */
export function synthesize(
  { inputs, vocabularies }: Pick<Inspection, 'inputs' | 'vocabularies'>,
  overrides: Overrides = {},
  { size = 0, attempt = 0, sample = 0, given = {} }: SynthesizeOptions = {},
): Synthesized {
  const open = inputs.filter(
    ({ name, optional }) => !(name in given) && (optional !== true || name in overrides),
  )
  const shapes = chooseShapes(inputs, overrides, given, attempt, size)
  const others = chooseShapes(inputs, overrides, given, attempt, size === 0 ? 1 : 0)
  const rows = new Map(vocabularies)
  const withRate = hasRate(inputs)
  return {
    feeds: fillInputs(open, shapes, rows, overrides, sample),
    notes: open.map((input) => noteOn(input, shapes, overrides, rows.get(input.name), withRate)),
    dynamic: inputs.some(({ name }) => String(shapes.get(name)) !== String(others.get(name))),
  }
}

const hasRate = (inputs: readonly ValueSignature[]): boolean =>
  inputs.some((input) => kindOf(input, false) === 'sample rate')

/** What an input is taken for, and what it gets. */
const contents: Readonly<Record<InputKind, string>> = {
  'sample rate': 'a sample rate by its name: 16000',
  mask: 'a mask by its name: ones',
  zeros: 'token types, a padding mask or a switch by its name or type: zeros',
  state: 'recurrent state by its name: zeros, and small noise in later samples',
  positions: 'positions by its name: 0, 1, 2 and so on',
  length: 'a length by its name: that of the longest input',
  ids: 'ids, for they are whole numbers: random ones',
  audio: 'sound by its name or the sample rate beside it: a tone in noise',
  image: 'a picture by its shape: drawn ones, from 0 to 1 and as normalized by mean and deviation in turn',
  values: 'plain numbers: random ones with mean 0 and deviation 1',
}

function noteOn(
  input: ValueSignature,
  shapes: Shapes,
  overrides: Overrides,
  vocabulary: number | undefined,
  withRate: boolean,
): string {
  const { name, type, dims } = input
  const shape = shapes.get(name) ?? []
  const range = overrides[name]?.range
  const kind = kindOf(input, withRate)
  const table =
    vocabulary === undefined ? '' : `, below ${vocabulary}, the rows of the table that they look up`
  const values =
    range === undefined
      ? `taken for ${contents[kind]}${kind === 'ids' ? table : ''}`
      : `random numbers from ${range[0]} to ${range[1]}, as inputs says`
  const chosen =
    overrides[name]?.dims !== undefined
      ? ', the shape that inputs says'
      : dims === undefined
        ? ', a shape chosen for one that the model leaves open'
        : openAxes(dims, shape)
  return `${printable(name)}: ${type} [${shape.join(', ')}]${chosen}; ${values}`
}

function openAxes(dims: NonNullable<ValueSignature['dims']>, shape: readonly number[]): string {
  const open = dims.flatMap((dim, axis) =>
    typeof dim === 'number' ? [] : [`${dim === null ? `axis ${axis}` : printable(dim)} = ${shape[axis]}`],
  )
  return open.length === 0 ? '' : `, where ${open.join(', ')} was chosen`
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
  const withRate = hasRate(inputs)
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
    case 'audio': {
      const full = input.type.startsWith('float') ? 1 : 2 ** 15
      const tone = (index: number) => 0.1 * Math.sin(index * (0.02 + 0.03 * sample))
      return each((index) => full * (0.05 * random.normal() + tone(index)))
    }
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
