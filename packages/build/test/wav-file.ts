/** Writes WAV files, for tests. */
export interface Sound {
  readonly sampleRate?: number
  /** Samples from -1 to 1, one array a channel. */
  readonly channels: readonly (readonly number[])[]
  readonly encoding?: 'u8' | 's16' | 's24' | 's32' | 'f32' | 'f64'
  /** WAVE_FORMAT_EXTENSIBLE, with a chunk of odd length before the samples. */
  readonly extensible?: boolean
}

const bytesOf = { u8: 1, s16: 2, s24: 3, s32: 4, f32: 4, f64: 8 } as const

export function wav({ sampleRate = 16000, channels, encoding = 's16', extensible = false }: Sound): Buffer {
  const width = bytesOf[encoding]
  const frames = channels[0]?.length ?? 0
  const data = Buffer.alloc(frames * channels.length * width)
  for (let frame = 0; frame < frames; frame++) {
    for (const [channel, samples] of channels.entries()) {
      const at = (frame * channels.length + channel) * width
      const value = samples[frame] ?? 0
      const whole = (bits: number) =>
        Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, Math.round(value * 2 ** (bits - 1))))
      if (encoding === 'u8') data.writeUInt8(whole(8) + 128, at)
      else if (encoding === 'f32') data.writeFloatLE(value, at)
      else if (encoding === 'f64') data.writeDoubleLE(value, at)
      else data.writeIntLE(whole(width * 8), at, width)
    }
  }
  const code = encoding.startsWith('f') ? 3 : 1
  const format = Buffer.alloc(extensible ? 40 : 16)
  format.writeUInt16LE(extensible ? 0xfffe : code, 0)
  format.writeUInt16LE(channels.length, 2)
  format.writeUInt32LE(sampleRate, 4)
  format.writeUInt32LE(sampleRate * channels.length * width, 8)
  format.writeUInt16LE(channels.length * width, 12)
  format.writeUInt16LE(width * 8, 14)
  if (extensible) format.writeUInt16LE(code, 24)
  const parts = [
    chunk('fmt ', format),
    ...(extensible ? [chunk('note', Buffer.from('odd'))] : []),
    chunk('data', data),
  ]
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...parts]))
}

function chunk(id: string, content: Buffer): Buffer {
  const head = Buffer.alloc(8, id)
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
}
