import type { ByteSource } from './on-disk'

/** A file of pulse-code modulated sound. */
export interface WavHeader {
  readonly sampleRate: number
  readonly channels: number
  readonly encoding: keyof typeof decoders
  /** Bytes of one sample of all channels. */
  readonly frameBytes: number
  /** Where samples begin. */
  readonly start: number
  /** Samples of each channel. */
  readonly frames: number
}

const decoders = {
  u8: (view: DataView, at: number) => (view.getUint8(at) - 128) / 128,
  s16: (view: DataView, at: number) => view.getInt16(at, true) / 32768,
  s24: (view: DataView, at: number) => (view.getInt8(at + 2) * 65536 + view.getUint16(at, true)) / 8388608,
  s32: (view: DataView, at: number) => view.getInt32(at, true) / 2147483648,
  f32: (view: DataView, at: number) => view.getFloat32(at, true),
  f64: (view: DataView, at: number) => view.getFloat64(at, true),
} as const

/** Format codes of Microsoft's mmreg.h, and the bits of a sample. */
const encodings: Readonly<Record<string, keyof typeof decoders>> = {
  '1 8': 'u8',
  '1 16': 's16',
  '1 24': 's24',
  '1 32': 's32',
  '3 32': 'f32',
  '3 64': 'f64',
}
const extensible = 0xfffe

/**
 * Reads the header of a RIFF WAVE file: PCM of 8, 16, 24 or 32 bits, or floating point.
 * @throws Error that says what is wrong, without the file's name
 */
export async function wavHeader(file: ByteSource): Promise<WavHeader> {
  if (file.size < 12) throw new Error('this is no WAV file')
  const riff = await file.read(0, 12)
  if (text(riff, 0) !== 'RIFF' || text(riff, 8) !== 'WAVE') throw new Error('this is no WAV file')
  let format: Uint8Array | undefined
  for (let at = 12; at + 8 <= file.size; ) {
    const chunk = await file.read(at, 8)
    const size = new DataView(chunk.buffer).getUint32(4, true)
    const start = at + 8
    const left = file.size - start
    if (text(chunk, 0) === 'fmt ') {
      if (size < 16 || size > left) throw new Error('its format chunk is damaged')
      format = await file.read(start, Math.min(size, 40))
    } else if (text(chunk, 0) === 'data') {
      if (format === undefined) throw new Error('its samples come before their format')
      // What is written while it is recorded ends where the file ends.
      const unknown = size === 0xffffffff || (size === 0 && left > 0)
      if (!unknown && size > left) throw new Error(`it is cut off: ${left} of ${size} bytes are there`)
      return headerOf(format, start, unknown ? left : size)
    }
    // Chunks begin at even bytes.
    at = start + size + (size % 2)
  }
  throw new Error('it has no samples')
}

const text = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4))

function headerOf(format: Uint8Array, start: number, bytes: number): WavHeader {
  const view = new DataView(format.buffer, format.byteOffset, format.byteLength)
  const code = view.getUint16(0, true)
  const channels = view.getUint16(2, true)
  const sampleRate = view.getUint32(4, true)
  const frameBytes = view.getUint16(12, true)
  const bits = view.getUint16(14, true)
  // The extensible format keeps the code at the beginning of a GUID.
  const kind = code === extensible && format.length >= 26 ? view.getUint16(24, true) : code
  const encoding = encodings[`${kind} ${bits}`]
  if (encoding === undefined)
    throw new Error(`it is in format ${kind} with ${bits} bits: save it as PCM of 16 bits`)
  if (channels === 0 || sampleRate === 0 || frameBytes !== (channels * bits) / 8)
    throw new Error('its format chunk is damaged')
  return { sampleRate, channels, encoding, frameBytes, start, frames: Math.floor(bytes / frameBytes) }
}

/**
 * Samples from -1 to 1, the mean of all channels.
 * @param first from 0, below `frames`
 * @param count at most as many as there are from there on
 */
export async function wavSamples(
  file: ByteSource,
  { encoding, channels, frameBytes, start }: WavHeader,
  first: number,
  count: number,
): Promise<Float32Array> {
  const bytes = await file.read(start + first * frameBytes, count * frameBytes)
  const view = new DataView(bytes.buffer)
  const sample = decoders[encoding]
  const width = frameBytes / channels
  return Float32Array.from({ length: count }, (_, frame) => {
    let sum = 0
    for (let channel = 0; channel < channels; channel++)
      sum += sample(view, frame * frameBytes + channel * width)
    return sum / channels
  })
}
