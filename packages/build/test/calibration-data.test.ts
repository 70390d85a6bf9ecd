import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hashCalibration, normalizeCalibration } from '../src/calibration'
import { normalizeOptions } from '../src/options'
import { npy } from './numpy'
import { floats, folderWith } from './samples'
import { wav } from './wav-file'

const find = (root: string, calibration: unknown) =>
  hashCalibration(root, normalizeCalibration(calibration, 'm.onnx'), 'm.onnx')

describe('what calibration names', () => {
  it('is told by the ending of a file and the content of a folder', async () => {
    const root = folderWith({
      'a.npy': npy(floats(2)),
      'a.ts': 'export default []',
      'sound/a.wav': wav({ channels: [[0]] }),
      'pictures/a.png': '',
      'both/a.png': '',
      'both/a.wav': '',
      'text/a.txt': '',
    })
    const kinds = await Promise.all(
      ['a.npy', 'a.ts', 'sound', 'pictures'].map(async (name) => (await find(root, name))?.kind),
    )
    expect(kinds).toEqual(['numpy', 'module', 'wav', 'images'])
    expect((await find(root, { wav: 'both' }))?.files.map(({ name }) => name)).toEqual(['a.wav'])
    await expect(find(root, 'both')).rejects.toThrow("holds pictures and WAV files. Write { images: 'both' }")
    await expect(find(root, 'text')).rejects.toThrow('holds neither pictures nor WAV files')
    await expect(find(root, { images: 'sound' })).rejects.toThrow('holds no pictures')
    await expect(find(root, { file: 'sound' })).rejects.toThrow('is a folder')
    await expect(find(root, 'nothing')).rejects.toMatchObject({ code: 'ONNX_CALIBRATION_NOT_FOUND' })
  })

  it('has another key when a file of the folder changes, comes or goes, and none when one is renamed', async () => {
    const root = folderWith({ 'p/a.png': 'a', 'p/b.png': 'b' })
    const key = async () => (await find(root, 'p'))?.sha256
    const first = await key()
    expect(await key()).toBe(first)
    const keys = new Set([first])
    writeFileSync(join(root, 'p/b.png'), 'c')
    keys.add(await key())
    writeFileSync(join(root, 'p/c.png'), 'b')
    keys.add(await key())
    rmSync(join(root, 'p/a.png'))
    keys.add(await key())
    expect(keys.size).toBe(4)
    rmSync(join(root, 'p'), { recursive: true })
    mkdirSync(join(root, 'p'))
    writeFileSync(join(root, 'p/x.png'), 'a')
    writeFileSync(join(root, 'p/y.png'), 'b')
    expect(await key()).toBe(first)
  })

  it('has another key when a file changes that a module imports or reads', async () => {
    const root = folderWith({
      'calib.ts': "import { rows } from './lib/rows.js'\nexport default rows",
      'lib/rows.ts':
        "const url = new URL('../data.json', import.meta.url)\nconst rows = new URL('rows.bin', import.meta.url)\nexport { one } from \"./one\"",
      'lib/one/index.ts': 'export const one = 1',
      'data.json': '[]',
      'lib/rows.bin': '',
      'other.ts': '',
    })
    const found = await find(root, 'calib.ts')
    expect(found?.files.map(({ path }) => path.slice(root.length + 1))).toEqual([
      'calib.ts',
      'data.json',
      'lib/one/index.ts',
      'lib/rows.bin',
      'lib/rows.ts',
    ])
    writeFileSync(join(root, 'lib/one/index.ts'), 'export const one = 2')
    expect((await find(root, 'calib.ts'))?.sha256).not.toBe(found?.sha256)
  })
})

describe('the calibration option', () => {
  const normalized = (calibration: unknown) =>
    normalizeOptions({ calibration } as never, 'm.onnx').calibration

  it('means the same in whatever order its keys are', () => {
    const one = normalized({ images: './p', mean: 0.5, fit: 'fill' })
    expect(one).toEqual({ path: './p', kind: 'images', options: { fit: 'fill', mean: 0.5 } })
    expect(JSON.stringify(normalized({ fit: 'fill', images: './p', mean: 0.5, std: undefined }))).toBe(
      JSON.stringify(one),
    )
    expect(normalized('./c.npz')).toEqual({ path: './c.npz', kind: 'path', options: {} })
  })

  it('names the nearest key, and what a value may be', () => {
    expect(() => normalized({ images: './p', maen: 1 })).toThrow("Did you mean 'mean'?")
    expect(() => normalized({ image: './p' })).toThrow("Did you mean 'images'?")
    expect(() => normalized({ wav: './p', fit: 'fill' })).toThrow("no calibration key beside wav 'fit'")
    expect(() => normalized({ images: './p', fit: 'stretch' })).toThrow(
      'Write one of "cover", "contain", "fill"',
    )
    expect(() => normalized({ images: './p', size: [1, 2, 3] })).toThrow('[width, height]')
    expect(() => normalized({ images: './p', std: 0 })).toThrow('calibration.std')
    expect(() => normalized({ wav: './p', hop: 0 })).toThrow('whole number from 1 up')
    expect(() => normalized({ file: './p', state: 'h' })).toThrow('Write outputs and the inputs')
    expect(() => normalized({ file: './p', wav: './q' })).toThrow('has both file and wav')
    expect(() => normalized({})).toThrow('names neither a file nor a folder')
    expect(() => normalized(7)).toThrow('neither a path nor an object')
    expect(() => normalized('')).toThrow('is empty')
  })
})
