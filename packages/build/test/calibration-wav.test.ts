import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openBytes } from '../src/calibration/on-disk'
import { wavHeader, wavSamples } from '../src/calibration/wav'
import { numbersOf } from '../src/numbers'
import { temporaryFolder } from './models'
import { folderWith, input, opened, plenty, read, samplesOf } from './samples'
import { type Sound, wav } from './wav-file'

const ramp = (length: number, from = 0) => Array.from({ length }, (_, index) => (from + index) / 1000)
const folder = temporaryFolder()
const path = join(folder, 'a.wav')

async function decoded(bytes: Uint8Array): Promise<Float32Array> {
  writeFileSync(path, bytes)
  const file = await openBytes(path)
  try {
    const header = await wavHeader(file)
    return await wavSamples(file, header, 0, header.frames)
  } finally {
    await file.close()
  }
}

describe('WAV files', () => {
  it('are read in every encoding, to the precision that it has', async () => {
    const steps = {
      u8: 2 ** -7,
      s16: 2 ** -15,
      s24: 2 ** -23,
      s32: 2 ** -23,
      f32: 2 ** -24,
      f64: 2 ** -24,
    } as const
    const sound = [-1, -0.5, 0, 0.25, 0.9]
    for (const [encoding, step] of Object.entries(steps)) {
      for (const extensible of [false, true]) {
        const options = {
          channels: [sound],
          encoding: encoding as keyof typeof steps,
          extensible,
        } satisfies Sound
        const samples = await decoded(wav(options))
        expect(samples).toHaveLength(sound.length)
        for (const [index, value] of sound.entries())
          expect(Math.abs((samples[index] ?? 0) - value), encoding).toBeLessThanOrEqual(step)
      }
    }
  })

  it('become one channel, the mean of all', async () => {
    expect([
      ...(await decoded(
        wav({
          channels: [
            [0.5, 1],
            [0, -1],
          ],
          encoding: 'f32',
        }),
      )),
    ]).toEqual([0.25, 0])
  })

  it('that were still being written are read to their end', async () => {
    const bytes = wav({ channels: [[0.5, 0.25]], encoding: 'f32' })
    bytes.writeUInt32LE(0xffffffff, 40)
    expect([...(await decoded(bytes))]).toEqual([0.5, 0.25])
  })

  it('say what is wrong with them', async () => {
    const good = wav({ channels: [ramp(8)] })
    const edited = (at: number, value: number) => {
      const bytes = Buffer.from(good)
      bytes.writeUInt16LE(value, at)
      return bytes
    }
    await expect(decoded(Buffer.from('OggS'))).rejects.toThrow('this is no WAV file')
    await expect(decoded(good.subarray(0, 36))).rejects.toThrow('it has no samples')
    await expect(decoded(good.subarray(0, 50))).rejects.toThrow('it is cut off: 6 of 16 bytes are there')
    await expect(decoded(edited(20, 6))).rejects.toThrow('in format 6 with 16 bits')
    await expect(decoded(edited(34, 12))).rejects.toThrow('with 12 bits')
    await expect(decoded(edited(22, 0))).rejects.toThrow('format chunk is damaged')
  })

  it('throw nothing but errors with a message, whatever the bytes', async () => {
    const files = [
      wav({ channels: [ramp(20)] }),
      wav({ channels: [ramp(9), ramp(9)], encoding: 's24', extensible: true }),
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.nat(),
        async (file, edits, end) => {
          const bytes = Uint8Array.from(file)
          for (const [at, value] of edits) bytes[at % 60] = value
          const cut = end % 3 === 0 ? bytes.subarray(0, end % bytes.length) : bytes
          try {
            expect((await decoded(cut)).length).toBeLessThanOrEqual(cut.length)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
            expect((error as Error).message).toMatch(/^(this|it|its|the) /)
          }
        },
      ),
      { numRuns: 500, seed: 1 },
    )
  })
})

describe('a folder of WAV files', () => {
  const speech = folderWith({
    'speech/b.wav': wav({ channels: [ramp(3, 100)], encoding: 'f32' }),
    'speech/a.wav': wav({ channels: [ramp(10)], encoding: 'f32' }),
  })
  const valuesOf = async (
    ...[calibration, inputs]: [Parameters<typeof read>[1], Parameters<typeof read>[2]]
  ) =>
    (await read(speech, calibration, inputs)).map((feed) =>
      Array.from(numbersOf(feed.audio!), (value) => Math.round(value * 1000)),
    )

  it('gives windows of the length that the model wants, and the last of a short file in silence', async () => {
    expect(await valuesOf('speech', [input('audio', [1, 4])])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [100, 101, 102, 0],
    ])
  })

  it('moves windows on by hop', async () => {
    const windows = await valuesOf({ wav: 'speech', window: 4, hop: 3 }, [input('audio', [1, 'n'])])
    expect(windows.map(([first]) => first)).toEqual([0, 3, 6, 100])
  })

  it('gives whole files where no length is fixed', async () => {
    const feeds = await read(speech, 'speech', [input('audio', ['n', 1, 'samples'])])
    expect(feeds.map((feed) => feed.audio?.dims)).toEqual([
      [1, 1, 10],
      [1, 1, 3],
    ])
  })

  it('tells the sample rate to an input that asks for it, and scales to 16-bit numbers where told', async () => {
    const [feed] = await read(speech, { wav: 'speech', scale: 1000 }, [
      input('audio', [1, 3], 'int16'),
      input('sr', [], 'int64'),
    ])
    expect(feed?.sr).toEqual({ type: 'int64', dims: [], data: BigInt64Array.of(16000n) })
    expect(feed?.audio?.data).toEqual(Int16Array.of(0, 1, 2))
  })

  it('refuses a file of another sample rate by its name', async () => {
    const mixed = folderWith({
      'speech/a.wav': wav({ channels: [ramp(4)] }),
      'speech/b.wav': wav({ channels: [ramp(4)], sampleRate: 8000 }),
    })
    await expect(read(mixed, 'speech', [input('audio', [1, 4])])).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_SAMPLE_INVALID',
      message: expect.stringContaining(
        "'speech', b.wav: it has 8000 samples a second, and the file before 16000",
      ),
    })
    await expect(read(mixed, { wav: 'speech', sampleRate: 44100 }, [input('audio', [1, 4])])).rejects.toThrow(
      'a.wav: it has 16000 samples a second, and the model 44100',
    )
  })

  it('keeps recordings for verification of which passes saw nothing', async () => {
    const many = folderWith(
      Object.fromEntries(
        ['a', 'b', 'c', 'd'].map((name, index) => [
          `speech/${name}.wav`,
          wav({ channels: [ramp(12, index * 100)], encoding: 'f32' }),
        ]),
      ),
    )
    const source = await opened(many, 'speech', [input('audio', [1, 4])])
    const parts = [
      await samplesOf(source, plenty, 'calibration'),
      await samplesOf(source, plenty, 'verification'),
    ].map(({ names }) => names)
    expect(parts[0]?.map((name) => name[0]).join('')).toBe('aaaccc')
    expect(parts[1]?.map((name) => name[0]).join('')).toBe('bbbddd')
  })

  it('says what does not go with the model', async () => {
    const refused = (calibration: Parameters<typeof read>[1], ...inputs: Parameters<typeof read>[2]) =>
      expect(read(speech, calibration, inputs)).rejects
    await refused('speech', input('audio', [1, 80, 3000])).toThrow('wants float32 [1, 80, 3000]')
    await refused({ wav: 'speech', window: 8 }, input('audio', [1, 4])).toThrow('has windows of 8 samples')
    await refused({ wav: 'speech', hop: 8 }, input('audio', [1, 'n'])).toThrow('Set window')
    await refused('speech', input('a', [1, 4]), input('b', [1, 4])).toThrow("isn't clear which input")
    await refused({ wav: 'speech', input: 'c' }, input('audio', [1, 4])).toThrow('no input of the model')
  })
})
