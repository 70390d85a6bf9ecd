import type { ValueSignature } from '@unplugin-onnx/runtime'
import { type Feeds, isFloat, isNumeric, type NumericType } from '../arrays'
import { arrayOfNumbers } from '../numbers'
import { printable } from '../printable'
import type { FolderFile } from './folder'
import { kindOf } from './input-kind'
import { openBytes } from './on-disk'
import type { WavCalibration } from './options'
import type { Rows } from './sample-source'
import { type Complaints, type Shape, shapeText } from './signature'
import { type WavHeader, wavHeader, wavSamples } from './wav'

type Options = Omit<WavCalibration, 'wav'>

interface Recording extends FolderFile {
  readonly header: WavHeader
  /** Samples of a window: all of the recording, unless a length is given. */
  readonly window: number
  readonly windows: number
  /** Windows of all recordings before. */
  readonly before: number
}

/** Windows of recordings, one after the other; an input for the sample rate gets it. */
export async function wavRows(
  files: readonly FolderFile[],
  options: Options,
  inputs: readonly ValueSignature[],
  complain: Complaints,
): Promise<Rows> {
  const { input, type, dims } = inputOf(options, inputs, complain)
  const window = windowOf(input, dims, options, complain)
  const hop = options.hop ?? window
  const { scale = 1 } = options
  const rate = inputs.find((each) => each !== input && kindOf(each, false) === 'sample rate')
  const recordings: Recording[] = []
  /** For each window the recording that it is of. */
  const owners: number[] = []
  for (const file of files) {
    const header = await headerOf(file, complain)
    const known = options.sampleRate ?? recordings[0]?.header.sampleRate ?? header.sampleRate
    if (header.sampleRate !== known) {
      const rates = `it has ${header.sampleRate} samples a second, and ${options.sampleRate === undefined ? 'the file before' : 'the model'} ${known}`
      throw complain.sample(file.name, `${rates}: resample it, as ffmpeg -i a.wav -ar ${known} b.wav does`)
    }
    if (header.frames === 0) throw complain.sample(file.name, 'it holds no sound')
    const size = window ?? header.frames
    // A shorter recording is one window that ends in silence; what is left at the end of a longer one is left out.
    const windows = 1 + Math.max(0, Math.floor((header.frames - size) / (hop ?? size)))
    recordings.push({ ...file, header, window: size, windows, before: owners.length })
    for (let index = 0; index < windows; index++) owners.push(recordings.length - 1)
  }
  const recordingAt = (index: number): Recording => {
    const found = recordings[owners[index] ?? -1]
    if (found === undefined) throw new RangeError(`there is no window ${index}`)
    return found
  }
  return {
    length: owners.length,
    async at(index) {
      const recording = recordingAt(index)
      const first = (index - recording.before) * (hop ?? 0)
      const samples = await read(recording, first)
      const scaled = isFloat(type)
        ? samples.map((each) => each * scale)
        : samples.map((each) => Math.round(each * scale))
      const shape = dims.map((_, axis) => (axis === dims.length - 1 ? recording.window : 1))
      const feeds: Feeds = { [input.name]: arrayOfNumbers(type, shape, scaled) }
      return rate === undefined ? feeds : { ...feeds, [rate.name]: rateOf(rate, recording.header.sampleRate) }
    },
    nameOf(index) {
      const { name, windows, before } = recordingAt(index)
      return windows === 1 ? name : `${name}, window ${index - before}`
    },
    groupOf: (index) => owners[index] ?? 0,
    elementsOf: (index) => recordingAt(index).window,
    notes: [],
    close: async () => undefined,
  }
}

async function headerOf({ path, name }: FolderFile, complain: Complaints): Promise<WavHeader> {
  const file = await openBytes(path)
  try {
    return await wavHeader(file)
  } catch (cause) {
    throw complain.sample(name, cause instanceof Error ? cause.message : String(cause), cause)
  } finally {
    await file.close()
  }
}

async function read({ path, header, window }: Recording, first: number): Promise<Float32Array> {
  const file = await openBytes(path)
  try {
    const samples = new Float32Array(window)
    samples.set(await wavSamples(file, header, first, Math.min(window, header.frames - first)))
    return samples
  } finally {
    await file.close()
  }
}

function inputOf({ input: wanted }: Options, inputs: readonly ValueSignature[], complain: Complaints) {
  const withRate = inputs.some((each) => kindOf(each, false) === 'sample rate')
  const likely = inputs.filter(
    (each) =>
      each.optional !== true && ['audio', 'values'].includes(kindOf(each, withRate)) && isNumeric(each.type),
  )
  const sound = likely.filter((each) => kindOf(each, withRate) === 'audio')
  const found =
    wanted === undefined
      ? [sound, likely].find((each) => each.length === 1)?.[0]
      : inputs.find(({ name }) => name === wanted)
  if (found === undefined) {
    if (wanted !== undefined) throw complain.unknownInput(wanted, inputs)
    const names = inputs.map(({ name }) => `'${printable(name)}'`).join(', ')
    throw complain.invalid(
      "holds sound, and it isn't clear which input of the model takes it",
      `Name the one: input: one of ${names}.`,
    )
  }
  const { name, type, dims } = found
  // Of several axes the last is time; the others hold one recording, one channel.
  const fitting =
    dims !== undefined &&
    dims.length > 0 &&
    dims.slice(0, -1).every((dim) => typeof dim !== 'number' || dim === 1)
  if (!isNumeric(type) || !fitting) {
    const wants = `${type} ${dims === undefined ? 'of any shape' : shapeText(dims)}`
    throw complain.invalid(
      `holds sound, and '${printable(name)}' wants ${wants}`,
      'Write a module that makes of the sound what the model takes.',
    )
  }
  return { input: found, type: type satisfies NumericType, dims: dims satisfies Shape }
}

function windowOf(
  input: ValueSignature,
  dims: Shape,
  options: Options,
  complain: Complaints,
): number | undefined {
  const last = dims.at(-1)
  if (typeof last !== 'number') {
    if (options.window === undefined && (options.hop !== undefined || options.state !== undefined))
      throw complain.invalid(
        `says nothing of how long a window of '${printable(input.name)}' is`,
        'Set window to the samples that the model is fed at once.',
      )
    return options.window
  }
  if (options.window !== undefined && options.window !== last)
    throw complain.invalid(
      `has windows of ${options.window} samples, and '${printable(input.name)}' wants ${shapeText(dims)}`,
      "Leave window out: the model's own is taken.",
    )
  return last
}

const rateOf = (rate: ValueSignature, value: number) =>
  arrayOfNumbers(
    isNumeric(rate.type) ? rate.type : 'int64',
    (rate.dims ?? []).map(() => 1),
    [value],
  )
