import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { numbersOf } from '../src/numbers'
import { folderWith, input, opened, read, samplesOf } from './samples'

type Colour = readonly [red: number, green: number, blue: number]

/** A picture whose left half has one colour and whose right half another. */
async function halves(width: number, height: number, left: Colour, right: Colour): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3)
  for (let index = 0; index < width * height; index++)
    pixels.set(index % width < width / 2 ? left : right, index * 3)
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

const red: Colour = [255, 0, 0]
const blue: Colour = [0, 0, 255]
const grey: Colour = [51, 51, 51]
const pictures = folderWith({
  'calib/b/second.png': await halves(64, 32, blue, red),
  'calib/a.png': await halves(64, 32, red, blue),
  'calib/notes.txt': 'no picture',
  'calib/.hidden.png': 'no picture',
  'grey/a.png': await halves(4, 4, grey, grey),
})
const valuesOf = async (
  calibration: Parameters<typeof read>[1],
  inputs: Parameters<typeof read>[2],
): Promise<number[][]> =>
  (await read(pictures, calibration, inputs)).map((feed) =>
    Object.values(feed).flatMap((array) =>
      Array.from(numbersOf(array), (value) => Math.round(value * 10) / 10),
    ),
  )

describe('a folder of pictures', () => {
  it('gives each picture in order of names, planes first, from 0 to 1', async () => {
    const [first, second, ...others] = await valuesOf('calib', [input('x', [1, 3, 1, 2])])
    expect(first?.map(Math.round)).toEqual([1, 0, 0, 0, 0, 1])
    expect(second?.map(Math.round)).toEqual([0, 1, 0, 0, 1, 0])
    expect(others).toEqual([])
  })

  it('puts planes last where the model has them last, in bytes where it takes whole numbers', async () => {
    const [feed] = await read(pictures, 'calib', [input('x', ['n', 32, 64, 3], 'uint8')])
    const { type, dims, data } = feed!.x!
    expect([type, dims]).toEqual(['uint8', [1, 32, 64, 3]])
    expect([...data.slice(0, 3), ...data.slice(-3)]).toEqual([255, 0, 0, 0, 0, 255])
  })

  it('normalizes each channel by mean and deviation, in the order that the model takes', async () => {
    const inputs = [input('x', [1, 3, 1, 1])]
    const normalized = { mean: [0.2, 0.1, 0], std: [1, 0.5, 0.2] }
    expect(await valuesOf({ images: 'grey', ...normalized }, inputs)).toEqual([[0, 0.2, 1]])
    expect(await valuesOf({ images: 'grey', scale: 255, mean: 1, std: 2 }, inputs)).toEqual([[25, 25, 25]])
    const size = { images: 'calib', size: [2, 1], channels: 'bgr' } as const
    expect((await valuesOf(size, [input('x', [1, 3, 'h', 'w'])]))[0]?.map(Math.round)).toEqual([
      0, 1, 0, 0, 1, 0,
    ])
  })

  it('makes grey of colours for a model with one channel, and opacity for one with four', async () => {
    expect(await valuesOf('grey', [input('x', [1, 1, 1, 1])])).toEqual([[0.2]])
    expect(await valuesOf('grey', [input('x', [1, 4, 1, 1])])).toEqual([[0.2, 0.2, 0.2, 1]])
  })

  it('cuts, pads or stretches', async () => {
    const inputs = [input('x', [1, 3, 4, 4])]
    const topLeft = async (fit: 'cover' | 'contain' | 'fill') =>
      (await valuesOf({ images: 'calib', fit }, inputs))[0]?.filter((_, index) => index % 16 === 0)
    expect(await topLeft('contain')).toEqual([0, 0, 0])
    expect((await topLeft('fill'))?.[0]).toBeGreaterThan(0.9)
    expect((await topLeft('cover'))?.[0]).toBeGreaterThan(0.9)
  })

  it('feeds as many at once as a fixed batch wants', async () => {
    const feeds = await read(pictures, 'calib', [input('x', [2, 3, 1, 2])])
    expect(feeds.map((feed) => feed.x?.dims)).toEqual([[2, 3, 1, 2]])
    await expect(read(pictures, 'calib', [input('x', [3, 3, 1, 2])])).rejects.toThrow(
      'has 2 pictures, and the model wants 3 at once',
    )
  })

  it('keeps the shape of pictures where the model leaves sides open, and says so', async () => {
    const wide = folderWith({
      'p/a.png': await halves(100, 40, red, blue),
      'p/b.png': await halves(1400, 700, red, blue),
    })
    const line = await opened(wide, 'p', [input('x', ['n', 3, 48, 'w'])])
    expect((await samplesOf(line)).feeds.map((feed) => feed.x?.dims)).toEqual([
      [1, 3, 48, 120],
      [1, 3, 48, 96],
    ])
    expect(line.notes.join()).toContain("the open side follows each picture's own shape")
    const open = await read(wide, 'p', [input('x', ['n', 3, 'h', 'w'])])
    expect(open.map((feed) => feed.x?.dims)).toEqual([
      [1, 3, 32, 96],
      [1, 3, 320, 640],
    ])
    const sized = await read(wide, { images: 'p', size: 64 }, [input('x', ['n', 3, 'h', 'w'])])
    expect(sized[0]?.x?.dims).toEqual([1, 3, 64, 64])
  })

  it('turns pictures as they are meant to be seen', async () => {
    const turned = await sharp(await halves(4, 2, red, blue))
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer()
    const folder = folderWith({ 'p/a.jpg': turned })
    const [feed] = await read(folder, 'p', [input('x', [1, 3, 'h', 2])])
    expect(feed?.x?.dims).toEqual([1, 3, 8, 2])
    const upright = await read(folder, { images: 'p', size: [1, 2] }, [input('x', [1, 3, 'h', 'w'])])
    const [top = 0, bottom = 0] = numbersOf(upright[0]!.x!)
    expect([top > 0.9, bottom < 0.1]).toEqual([true, true])
  })

  it('names the picture that is damaged when it is read, and no other', async () => {
    const folder = folderWith({ 'p/a.png': await halves(2, 2, red, blue), 'p/b/broken.png': 'no picture' })
    const source = await opened(folder, 'p', [input('x', [1, 3, 2, 2])])
    const set = await source.samples({ samples: 32, elements: 1e6 })
    await expect(set.at(0)).resolves.toHaveProperty('x')
    await expect(set.at(1)).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_SAMPLE_INVALID',
      message: expect.stringMatching(
        /^model\.onnx: Calibration 'p', b\/broken\.png: .*unsupported image format/,
      ),
    })
  })

  it('says what does not go with the model', async () => {
    const image = input('x', [1, 3, 8, 8])
    const refused = (calibration: Parameters<typeof read>[1], ...inputs: Parameters<typeof read>[2]) =>
      expect(read(pictures, calibration, inputs)).rejects
    await refused('calib', input('ids', ['n', 's'], 'int64')).toThrow('no input of the model looks like one')
    await refused('calib', image, input('y', [1, 3, 8, 8])).toThrow('fits several inputs')
    await refused({ images: 'calib', input: 'xx' }, image).toThrow("names 'xx', which is no input")
    await refused({ images: 'calib', size: 16 }, image).toThrow('has pictures of 16 x 16')
    await refused({ images: 'calib', channels: 'gray' }, image).toThrow('has pictures of 1 channels')
    await refused({ images: 'calib', mean: [1, 2] }, image).toThrow('has 2 numbers for mean')
    await refused('empty', image).toMatchObject({ code: 'ONNX_CALIBRATION_NOT_FOUND' })
    await refused({ images: 'calib/a.png' }, image).toThrow('is no folder')
  })

  it('leaves other inputs to be synthesized, and says so', async () => {
    const source = await opened(pictures, 'calib', [input('x', [1, 3, 1, 2]), input('scale_factor', [1, 2])])
    expect(Object.keys((await samplesOf(source)).feeds[0] ?? {}).sort()).toEqual(['scale_factor', 'x'])
    expect(source.notes.join()).toContain('Not in the calibration data: scale_factor: float32 [1, 2]')
  })

  it('is found from the project that has sharp', async () => {
    const { hashCalibration } = await import('../src/calibration')
    const data = await hashCalibration(pictures, { path: 'calib', kind: 'path', options: {} }, 'model.onnx')
    expect(data?.files.map(({ name }) => name)).toEqual(['a.png', 'b/second.png'])
    expect(data?.kind === 'images' && data.sharp.version).toBe(sharp.versions.sharp)
    expect(data?.files[0]?.path).toBe(join(pictures, 'calib/a.png'))
  })
})
