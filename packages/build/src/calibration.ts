import { pathToFileURL } from 'node:url'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import { castArray, type DenseArray, type Feeds, isNumberArray, sizeOf } from './arrays'
import { errors, reasonOf } from './errors'
import { feedOf } from './feed'
import { readNpy } from './npy'
import { readNpz } from './npz'
import { printable } from './printable'
import { readBytes } from './read-bytes'

/** A calibration file as the worker needs it. */
export interface CalibrationFile {
  readonly path: string
  /** As the user wrote it, for messages. */
  readonly name: string
  readonly sha256: string
}

/** How much is taken of a calibration file, spread evenly over it. */
export interface CalibrationLimits {
  readonly samples: number
  /** Input elements that all samples may have together, so that large images don't take minutes. */
  readonly elements: number
}

/** For verification, which runs every candidate on each sample. */
export const maxSamples = 32
export const maxElements = 4_000_000
const verification: CalibrationLimits = { samples: maxSamples, elements: maxElements }

/**
 * Reads calibration inputs: arrays named as the model's inputs, or feeds from a module. At most `limits` say, spread
 * evenly, each with the inputs that the file gives; the caller synthesizes the others.
 * @throws OnnxError ONNX_CALIBRATION_INVALID
 */
export async function readCalibration(
  file: CalibrationFile,
  inputs: readonly ValueSignature[],
  model: string,
  limits: CalibrationLimits = verification,
): Promise<Feeds[]> {
  const invalid = (message: string, cure: string, cause?: unknown) =>
    errors.calibrationInvalid(model, file.name, message, cure, cause)
  if (/\.(npz|npy)$/i.test(file.path)) {
    const arrays = readArrays(file, inputs, model)
    return samplesOf(arrays, inputs, file, model, limits)
  }
  if (!/\.[cm]?[jt]s$/i.test(file.path)) {
    throw invalid(
      'is neither .npz, .npy nor a module',
      'Save it with numpy.savez, or write a module that yields feeds.',
    )
  }
  const feeds: Feeds[] = []
  for await (const feed of await modulesFeeds(file, model)) {
    feeds.push(await checkedFeed(feed, inputs, file, model))
    if (feeds.length > 100_000) throw invalid('yields more than 100,000 feeds', 'Yield a few dozen.')
  }
  if (feeds.length === 0) throw invalid('yields no feeds', 'Yield at least one object of inputs.')
  return withinElements(spread(feeds, limits), limits)
}

function readArrays(
  file: CalibrationFile,
  inputs: readonly ValueSignature[],
  model: string,
): Map<string, DenseArray> {
  const bytes = readBytes(file.path)
  try {
    if (/\.npz$/i.test(file.path)) return readNpz(bytes)
    const required = inputs.filter((input) => input.optional !== true)
    const only = required[0]
    if (required.length !== 1 || only === undefined)
      throw new Error(`one array can't feed ${required.length} inputs: save an .npz`)
    return new Map([[only.name, readNpy(bytes)]])
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw errors.calibrationInvalid(
      model,
      file.name,
      `can't be read: ${message}`,
      'Save it again with numpy.savez.',
      cause,
    )
  }
}

/**
 * Cuts arrays into feeds. An array with the input's own rank holds rows along the batch dimension: as many as that dimension
 * says where it is fixed, else one a feed. An array with one axis more has feeds along its first axis.
 */
function samplesOf(
  arrays: ReadonlyMap<string, DenseArray>,
  inputs: readonly ValueSignature[],
  file: CalibrationFile,
  model: string,
  limits: CalibrationLimits,
): Feeds[] {
  const cuts: { name: string; count: number; at: (sample: number) => DenseArray }[] = []
  for (const [name, array] of arrays) {
    const input = inputOf(name, inputs, file, model)
    cuts.push({ name, ...cut(typed(array, input, file, model), input, file, model) })
  }
  const count = Math.max(...cuts.map((each) => each.count))
  const odd = cuts.find((each) => each.count !== count && each.count !== 1)
  if (odd) {
    throw errors.calibrationInvalid(
      model,
      file.name,
      `has ${odd.count} rows of '${printable(odd.name)}' where another input has ${count}`,
      'Give every input the same number of rows.',
    )
  }
  const indices = spread(
    Array.from({ length: count }, (_, sample) => sample),
    limits,
  )
  const feeds = indices.map((sample) =>
    Object.fromEntries(cuts.map((each) => [each.name, each.at(each.count === 1 ? 0 : sample)])),
  )
  return withinElements(feeds, limits)
}

function cut(array: DenseArray, input: ValueSignature, file: CalibrationFile, model: string) {
  const { dims: shape } = input
  const { dims } = array
  const mismatch = () =>
    errors.calibrationInvalid(
      model,
      file.name,
      `gives '${printable(input.name)}' the shape [${dims.join(', ')}], and the model wants [${(shape ?? []).map(dimText).join(', ')}]`,
      'Give rows of the shape that the model wants.',
    )
  const whole = { count: 1, at: () => array }
  if (shape === undefined) return dims.length === 0 ? whole : slices(array, 1, false)
  if (dims.length === shape.length + 1) {
    if (!fits(dims.slice(1), shape)) throw mismatch()
    return slices(array, 1, true)
  }
  if (dims.length !== shape.length) throw mismatch()
  if (dims.length === 0) return whole
  if (!fits(dims.slice(1), shape.slice(1))) throw mismatch()
  const [batch] = shape
  const rows = dims[0] ?? 0
  const step = typeof batch === 'number' && batch > 0 ? batch : 1
  if (rows === 0 || rows % step !== 0) throw mismatch()
  return slices(array, step, false)
}

const dimText = (dim: number | string | null): string => (dim === null ? '?' : printable(String(dim)))

const fits = (dims: readonly number[], shape: readonly (number | string | null)[]): boolean =>
  dims.every((dim, axis) => typeof shape[axis] !== 'number' || shape[axis] === dim)

function slices(array: DenseArray, step: number, dropAxis: boolean) {
  const [rows = 0, ...rest] = array.dims
  const length = sizeOf(rest) * step
  return {
    count: rows / step,
    at: (sample: number): DenseArray => ({
      type: array.type,
      dims: dropAxis ? rest : [step, ...rest],
      data: array.data.slice(sample * length, (sample + 1) * length),
    }),
  }
}

function inputOf(
  name: string,
  inputs: readonly ValueSignature[],
  file: CalibrationFile,
  model: string,
): ValueSignature {
  const input = inputs.find((each) => each.name === name)
  if (input === undefined) {
    throw errors.calibrationUnknownInput(
      model,
      file.name,
      name,
      inputs.map((each) => each.name),
    )
  }
  return input
}

function typed(array: DenseArray, input: ValueSignature, file: CalibrationFile, model: string): DenseArray {
  const cast = castArray(array, input.type)
  if (cast === undefined) {
    throw errors.calibrationInvalid(
      model,
      file.name,
      `gives '${printable(input.name)}' as ${array.type}, and the model wants ${input.type}`,
      `Save it as ${input.type}.`,
    )
  }
  return cast
}

async function checkedFeed(
  feed: unknown,
  inputs: readonly ValueSignature[],
  file: CalibrationFile,
  model: string,
): Promise<Feeds> {
  const invalid = (message: string) =>
    errors.calibrationInvalid(model, file.name, message, 'Yield objects such as { x: { type, data, dims } }.')
  if (feed === null || typeof feed !== 'object') throw invalid('yields something that is no object of inputs')
  const checked: [string, DenseArray][] = []
  for (const [name, value] of Object.entries(feed)) {
    const input = inputOf(name, inputs, file, model)
    const array = feedOf(value, input)
    if (typeof array === 'string') throw invalid(`yields an input '${printable(name)}' that ${array}`)
    const cast = typed(array, input, file, model)
    const { dims: shape } = input
    if (shape !== undefined && (shape.length !== cast.dims.length || !fits(cast.dims, shape))) {
      throw invalid(
        `gives '${printable(name)}' the shape [${cast.dims.join(', ')}], and the model wants [${shape.map(dimText).join(', ')}]`,
      )
    }
    if (isNumberArray(cast.data) && cast.data.length !== sizeOf(cast.dims)) {
      throw invalid(
        `gives '${printable(name)}' ${cast.data.length} elements for the shape [${cast.dims.join(', ')}]`,
      )
    }
    checked.push([name, cast])
  }
  return Object.fromEntries(checked)
}

async function modulesFeeds(
  file: CalibrationFile,
  model: string,
): Promise<Iterable<unknown> | AsyncIterable<unknown>> {
  let exported: unknown
  try {
    const module = await importModule(file)
    exported = module.default ?? module.feeds
    if (typeof exported === 'function') exported = await exported()
  } catch (cause) {
    throw errors.calibrationInvalid(
      model,
      file.name,
      `failed when it was imported: ${reasonOf(cause)}`,
      'Run the module by itself to see why.',
      cause,
    )
  }
  if (isIterable(exported)) return exported
  throw errors.calibrationInvalid(
    model,
    file.name,
    'exports no feeds',
    'Export as default an array, an iterable or a generator function of feeds.',
  )
}

async function importModule({ path, sha256 }: CalibrationFile): Promise<Record<string, unknown>> {
  if (/\.[cm]?ts$/i.test(path)) {
    const { createJiti } = await import('jiti')
    return createJiti(import.meta.url, { moduleCache: false, fsCache: false }).import<
      Record<string, unknown>
    >(path)
  }
  // The worker outlives one conversion: the hash lets a changed module be imported afresh.
  return import(`${pathToFileURL(path).href}?sha256=${sha256}`)
}

const isIterable = (value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> =>
  value !== null && typeof value === 'object' && (Symbol.iterator in value || Symbol.asyncIterator in value)

/** At most so many of the items, from the first to the last. */
function spread<T>(items: readonly T[], { samples }: CalibrationLimits): T[] {
  if (items.length <= samples) return [...items]
  return Array.from(
    { length: samples },
    (_, index) => items[Math.floor((index * items.length) / samples)] as T,
  )
}

/** Fewer feeds where they are large; which ones depends on their sizes alone, so every machine takes the same. */
function withinElements(feeds: readonly Feeds[], { elements }: CalibrationLimits): Feeds[] {
  const size = (feed: Feeds) => Object.values(feed).reduce((sum, { dims }) => sum + sizeOf(dims), 0)
  const total = feeds.reduce((sum, feed) => sum + size(feed), 0)
  const count = Math.max(
    1,
    Math.min(feeds.length, Math.floor((feeds.length * elements) / Math.max(1, total))),
  )
  return Array.from(
    { length: count },
    (_, index) => feeds[Math.floor((index * feeds.length) / count)] as Feeds,
  )
}
