import type { ValueSignature } from '@unplugin-onnx/runtime'
import { isFloat, isNumeric, type NumericType } from '../arrays'
import { arrayOfNumbers } from '../numbers'
import { printable } from '../printable'
import type { FolderFile } from './folder'
import type { ImageCalibration } from './options'
import type { PictureForm, PictureReader } from './picture-file'
import type { Rows } from './sample-source'
import { type Complaints, type Shape, shapeText } from './signature'

type Options = Omit<ImageCalibration, 'images'>

/** Where an input has its axes, and what it wants on them; undefined where that is open. */
interface Frame {
  readonly batch: number
  readonly hasBatch: boolean
  readonly planesFirst: boolean
  readonly planes: 1 | 3 | 4
  readonly width: number | undefined
  readonly height: number | undefined
}

/** Sides of pictures that say how large they are themselves: at most so long, and in such steps. */
const own = { longest: 640, step: 32, stepBesideFixed: 8 } as const

/** Pictures as an input wants them; a fixed batch takes several that follow each other. */
export function imageRows(
  files: readonly FolderFile[],
  options: Options,
  inputs: readonly ValueSignature[],
  reader: PictureReader,
  complain: Complaints,
): Rows {
  const input = inputOf(options, inputs, complain)
  const { type } = input
  if (!isNumeric(type))
    throw complain.invalid(`can't feed '${printable(input.name)}', which is ${type}`, 'Write a module.')
  const frame = frameOf(input, options, complain)
  const place = placing(type, options, frame, complain)
  const length = Math.floor(files.length / frame.batch)
  if (length === 0) {
    const fewer = `has ${files.length} pictures, and the model wants ${frame.batch} at once`
    throw complain.invalid(fewer, 'Put more pictures into the folder.')
  }
  const filesAt = (index: number) => files.slice(index * frame.batch, (index + 1) * frame.batch)
  const formAt = async (index: number): Promise<PictureForm> => {
    const { planes, width, height } = frame
    const { fit = 'cover' } = options
    if (width !== undefined && height !== undefined) return { width, height, planes, fit }
    const [first] = filesAt(index)
    if (first === undefined) throw new RangeError(`there is no picture ${index}`)
    return { ...sizeFor(await reader.size(first.path), frame), planes, fit }
  }
  return {
    length,
    async at(index) {
      const form = await formAt(index)
      const { width, height, planes } = form
      const numbers = new Float32Array(frame.batch * width * height * planes)
      for (const [slot, { path }] of filesAt(index).entries())
        place(await reader.pixels(path, form), numbers.subarray(slot * width * height * planes))
      const axes = frame.planesFirst ? [planes, height, width] : [height, width, planes]
      const dims = frame.hasBatch ? [frame.batch, ...axes] : axes
      return { [input.name]: arrayOfNumbers(type, dims, numbers) }
    },
    nameOf: (index) =>
      filesAt(index)
        .map(({ name }) => name)
        .join(', '),
    groupOf: (index) => index,
    async elementsOf(index) {
      const { width, height, planes } = await formAt(index)
      return frame.batch * width * height * planes
    },
    notes: notesOf(input, frame),
    close: async () => undefined,
  }
}

function inputOf({ input: wanted }: Options, inputs: readonly ValueSignature[], complain: Complaints) {
  if (wanted !== undefined) {
    const named = inputs.find(({ name }) => name === wanted)
    if (named === undefined) throw complain.unknownInput(wanted, inputs)
    return named
  }
  const likely = inputs.filter(
    ({ dims, type, optional }) =>
      optional !== true &&
      isNumeric(type) &&
      (dims?.length === 4 || (dims?.length === 3 && planesIn(dims) !== undefined)),
  )
  const [only] = likely
  if (only !== undefined && likely.length === 1) return only
  const names = inputs.map(({ name }) => `'${printable(name)}'`).join(', ')
  throw complain.invalid(
    likely.length === 0 ? 'has pictures, and no input of the model looks like one' : `fits several inputs`,
    `Name the one: input: one of ${names}; or write a module.`,
  )
}

const isPlanes = (dim: number | string | null | undefined): dim is 1 | 3 | 4 =>
  dim === 1 || dim === 3 || dim === 4

/** Which axis of [planes, height, width] or [height, width, planes] has the planes, as far as fixed lengths tell. */
function planesIn(dims: Shape): 'first' | 'last' | undefined {
  const [first, last] = [dims.at(-3), dims.at(-1)]
  if (isPlanes(first)) return 'first'
  return isPlanes(last) ? 'last' : undefined
}

function frameOf(input: ValueSignature, options: Options, complain: Complaints): Frame {
  const dims = input.dims
  if (dims === undefined || (dims.length !== 4 && dims.length !== 3)) {
    const wants = dims === undefined ? 'any shape' : shapeText(dims)
    throw complain.invalid(
      `can't feed '${printable(input.name)}', which wants ${wants} and no pictures`,
      'Name another input, or write a module.',
    )
  }
  const hasBatch = dims.length === 4
  const [batch] = dims
  const planesFirst = (options.layout ?? (planesIn(dims) === 'last' ? 'nhwc' : 'nchw')) === 'nchw'
  const axes = dims.slice(-3)
  const [height, width, planes] = planesFirst ? [axes[1], axes[2], axes[0]] : axes
  const wanted = options.channels === undefined ? 3 : planesOf[options.channels]
  if (
    typeof planes === 'number' &&
    (!isPlanes(planes) || (options.channels !== undefined && planes !== wanted))
  ) {
    throw complain.invalid(
      `has pictures of ${wanted} channels, and '${printable(input.name)}' wants ${shapeText(dims)}`,
      'Set layout and channels to what the model takes.',
    )
  }
  const size =
    options.size === undefined
      ? []
      : typeof options.size === 'number'
        ? [options.size, options.size]
        : options.size
  for (const [axis, dim] of [width, height].entries()) {
    if (typeof dim === 'number' && size[axis] !== undefined && size[axis] !== dim)
      throw complain.invalid(
        `has pictures of ${size.join(' x ')}, and '${printable(input.name)}' wants ${shapeText(dims)}`,
        "Leave size out: the model's own is taken.",
      )
  }
  return {
    hasBatch,
    batch: hasBatch && typeof batch === 'number' && batch > 0 ? batch : 1,
    planesFirst,
    planes: isPlanes(planes) ? planes : wanted,
    width: typeof width === 'number' ? width : size[0],
    height: typeof height === 'number' ? height : size[1],
  }
}

const planesOf = { gray: 1, rgb: 3, bgr: 3, rgba: 4 } as const

/** Size of a picture where the model leaves a side open: its own shape, its own size as far as that is reasonable. */
function sizeFor(picture: { width: number; height: number }, { width, height }: Frame) {
  const stepped = (length: number, step: number) => Math.max(step, Math.round(length / step) * step)
  if (height !== undefined) {
    const beside = (height * picture.width) / picture.height
    return { height, width: stepped(Math.min(beside, 16 * height), own.stepBesideFixed) }
  }
  if (width !== undefined) {
    const beside = (width * picture.height) / picture.width
    return { width, height: stepped(Math.min(beside, 16 * width), own.stepBesideFixed) }
  }
  const scale = Math.min(1, own.longest / Math.max(picture.width, picture.height))
  return {
    width: stepped(picture.width * scale, own.step),
    height: stepped(picture.height * scale, own.step),
  }
}

/** Writes the bytes of one picture as the model's numbers. */
function placing(type: NumericType, options: Options, frame: Frame, complain: Complaints) {
  const { planes, planesFirst } = frame
  const scale = options.scale ?? (isFloat(type) ? 1 : 255)
  const channel = (
    given: number | readonly number[] | undefined,
    fallback: number,
    key: string,
  ): number[] => {
    if (typeof given === 'object' && given.length !== planes)
      throw complain.invalid(
        `has ${given.length} numbers for ${key}, and pictures have ${planes} channels`,
        'Give one for each.',
      )
    return Array.from(
      { length: planes },
      (_, plane) => (typeof given === 'object' ? given[plane] : given) ?? fallback,
    )
  }
  const mean = channel(options.mean, 0, 'mean')
  const std = channel(options.std, 1, 'std')
  const whole = !isFloat(type)
  return (pixels: Uint8Array, target: Float32Array) => {
    const count = pixels.length / planes
    for (let plane = 0; plane < planes; plane++) {
      const from = options.channels === 'bgr' ? 2 - plane : plane
      const [shift = 0, divisor = 1] = [mean[plane], std[plane]]
      for (let pixel = 0; pixel < count; pixel++) {
        const value = (((pixels[pixel * planes + from] ?? 0) / 255) * scale - shift) / divisor
        target[planesFirst ? plane * count + pixel : pixel * planes + plane] = whole
          ? Math.round(value)
          : value
      }
    }
  }
}

function notesOf(input: ValueSignature, { width, height }: Frame): string[] {
  if (width !== undefined && height !== undefined) return []
  const name = printable(input.name)
  return [
    width === undefined && height === undefined
      ? `${name}: width and height are open, so pictures keep their own size, at most ${own.longest} and in steps of ${own.step}; set size to have another`
      : `${name}: the open side follows each picture's own shape, in steps of ${own.stepBesideFixed}; set size to have another`,
  ]
}
