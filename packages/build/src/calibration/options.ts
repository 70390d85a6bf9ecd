import { errors } from '../errors'

/** Outputs that are fed back: name of the output to name of the input that gets it in the next step. */
export type StateLinks = Readonly<Record<string, string>>

/** Arrays, or a module that yields feeds. */
export interface FileCalibration {
  /** `.npz`, `.npy` or a module; absolute, or relative to the root. */
  readonly file: string
  /** Recurrent state, which starts at zeros with each sequence: `{ stateN: 'state' }`. */
  readonly state?: StateLinks
}

export const imageLayouts = ['nchw', 'nhwc'] as const
export const imageChannels = ['rgb', 'bgr', 'gray', 'rgba'] as const
export const imageFits = ['cover', 'contain', 'fill'] as const

/** A folder of pictures, folders in it included. */
export interface ImageCalibration {
  /** The folder; absolute, or relative to the root. */
  readonly images: string
  /** The input that gets the pictures. Default: the only one that looks like pictures. */
  readonly input?: string
  /** Width and height, or one number for both. Default: what the model's input says, else the pictures' own. */
  readonly size?: number | readonly [width: number, height: number]
  /** Order of axes. Default: as the input's fixed axes tell. */
  readonly layout?: (typeof imageLayouts)[number]
  /** Default: `'gray'`, `'rgb'` or `'rgba'`, as many as the input has. */
  readonly channels?: (typeof imageChannels)[number]
  /** How a picture of another shape is made to fit: cut, padded with black, or stretched. Default: `'cover'`. */
  readonly fit?: (typeof imageFits)[number]
  /** Value of white before mean and deviation: 1 or 255. Default: 1, or 255 where the input holds whole numbers. */
  readonly scale?: 1 | 255
  /** Subtracted from each channel, in the order of `channels`, in units of `scale`. Default: 0. */
  readonly mean?: number | readonly number[]
  /** Each channel is divided by it afterwards. Default: 1. */
  readonly std?: number | readonly number[]
}

/** A folder of WAV files, folders in it included. */
export interface WavCalibration {
  /** The folder; absolute, or relative to the root. */
  readonly wav: string
  /** The input that gets the sound. Default: the only one that looks like sound. */
  readonly input?: string
  /** Samples a second that every file must have; default: whatever all of them have. */
  readonly sampleRate?: number
  /** Samples that are fed at once. Default: what the model's input says, else each file as a whole. */
  readonly window?: number
  /** Samples from the beginning of one window to that of the next. Default: `window`. */
  readonly hop?: number
  /** Value of full loudness: 1, or 32768 for models that take 16-bit samples as they are. Default: 1. */
  readonly scale?: number
  /** Recurrent state, which starts at zeros with each file: `{ stateN: 'state' }`. */
  readonly state?: StateLinks
}

/** Inputs to measure on; a path stands for a file by its ending, or for a folder by what lies in it. */
export type CalibrationOptions = string | FileCalibration | ImageCalibration | WavCalibration

/** The file or folder that the samples come from, as the user wrote it. */
export function calibrationPath(calibration: CalibrationOptions): string {
  if (typeof calibration === 'string') return calibration
  if ('images' in calibration) return calibration.images
  return 'wav' in calibration ? calibration.wav : calibration.file
}

/** As the user wrote it, checked; a bare path says what it is when it is looked at. */
export type NormalizedCalibration = { readonly path: string } & (
  | { readonly kind: 'path'; readonly options: Readonly<Record<string, never>> }
  | { readonly kind: 'file'; readonly options: Omit<FileCalibration, 'file'> }
  | { readonly kind: 'images'; readonly options: Omit<ImageCalibration, 'images'> }
  | { readonly kind: 'wav'; readonly options: Omit<WavCalibration, 'wav'> }
)

const isPositive = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0
const isName = (value: unknown) => typeof value === 'string' && value !== ''
const oneOf = (names: readonly unknown[]): Check => ({
  accepts: (value) => names.includes(value),
  cure: `Write one of ${names.map((name) => JSON.stringify(name)).join(', ')}.`,
})
const perChannel = (accepts: (value: unknown) => boolean): Check => ({
  accepts: (value) => accepts(value) || (Array.isArray(value) && value.length > 0 && value.every(accepts)),
  cure: 'Write a number, or one for each channel: [0.485, 0.456, 0.406].',
})
const count: Check = { accepts: isPositive, cure: 'Write a whole number from 1 up.' }
const name: Check = { accepts: isName, cure: "Write the input's name." }
const links: Check = {
  accepts: (value) =>
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    Object.values(value).every(isName),
  cure: "Write outputs and the inputs that get them: { stateN: 'state' }.",
}
const path: Check = { accepts: isName, cure: 'Write a path that is absolute or relative to the root.' }

interface Check {
  readonly accepts: (value: unknown) => boolean
  readonly cure: string
}

/** Options by the one that names where the samples are. */
const checks = {
  file: { file: path, state: links },
  images: {
    images: path,
    input: name,
    size: {
      accepts: (value) =>
        isPositive(value) || (Array.isArray(value) && value.length === 2 && value.every(isPositive)),
      cure: 'Write a number, or [width, height].',
    },
    layout: oneOf(imageLayouts),
    channels: oneOf(imageChannels),
    fit: oneOf(imageFits),
    scale: oneOf([1, 255]),
    mean: perChannel(Number.isFinite),
    std: perChannel((value) => Number.isFinite(value) && value !== 0),
  },
  wav: {
    wav: path,
    input: name,
    sampleRate: count,
    window: count,
    hop: count,
    scale: {
      accepts: (value) => Number.isFinite(value) && Number(value) > 0,
      cure: 'Write the value of full loudness: 1 or 32768.',
    },
    state: links,
  },
} satisfies {
  readonly file: Readonly<Record<keyof FileCalibration, Check>>
  readonly images: Readonly<Record<keyof ImageCalibration, Check>>
  readonly wav: Readonly<Record<keyof WavCalibration, Check>>
}

/**
 * Checks what a user wrote under `calibration`; equal meaning gives equal results.
 * @throws OnnxError ONNX_OPTION_UNKNOWN or ONNX_OPTION_INVALID, naming the nearest valid name
 */
export function normalizeCalibration(given: unknown, model: string): NormalizedCalibration {
  const invalid = (option: string, message: string, cure: string) =>
    errors.invalidOption(model, option, message, cure)
  if (typeof given === 'string') {
    if (given === '') throw invalid('calibration', 'is empty', path.cure)
    return { path: given, kind: 'path', options: {} }
  }
  const cure = "Write a path, { file: … }, { images: './folder' } or { wav: './folder' }."
  if (given === null || typeof given !== 'object' || Array.isArray(given))
    throw invalid('calibration', 'is neither a path nor an object', cure)
  const values: Readonly<Record<string, unknown>> = { ...given }
  const kinds = (['file', 'images', 'wav'] as const).filter((key) => values[key] !== undefined)
  const [kind] = kinds
  if (kind === undefined) {
    const all = [...new Set(Object.values(checks).flatMap((keys) => Object.keys(keys)))]
    const stray = Object.keys(values).find((key) => !all.includes(key))
    if (stray !== undefined) throw errors.unknownOption(model, 'calibration key', stray, all)
    throw invalid('calibration', 'names neither a file nor a folder', cure)
  }
  if (kinds.length > 1)
    throw invalid('calibration', `has both ${kinds.join(' and ')}`, 'Leave one of them out.')
  const known: Readonly<Record<string, Check>> = checks[kind]
  const options: Record<string, unknown> = {}
  for (const key of Object.keys(values).sort()) {
    const value = values[key]
    if (value === undefined) continue
    const check = Object.hasOwn(known, key) ? known[key] : undefined
    if (check === undefined)
      throw errors.unknownOption(model, `calibration key beside ${kind}`, key, Object.keys(known))
    if (!check.accepts(value))
      throw invalid(`calibration.${key}`, 'has a value that it can not have', check.cure)
    if (key !== kind) options[key] = value
  }
  return { path: String(values[kind]), kind, options } as NormalizedCalibration
}
