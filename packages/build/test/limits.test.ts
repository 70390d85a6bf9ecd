/** What a model and its calibration data may ask for: more ends in an error, before anything is made of it. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readModel } from '@unplugin-onnx/core'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { openNpz } from '../src/calibration/numpy-file'
import { Scratch } from '../src/calibration/on-disk'
import { readNpz } from '../src/calibration/read-npz'
import { hashFile } from '../src/hash'
import { createConverter, type InputLimits, inputLimits, openModelFile } from '../src/index'
import { readBytes } from '../src/read-bytes'
import { fixtures, temporaryFolder } from './models'

const folder = temporaryFolder()
copyFileSync(join(fixtures, 'diabetes_mlp.onnx'), join(folder, 'm.onnx'))

const exceeded = (limit: string, code = 'ONNX_LIMIT_EXCEEDED') =>
  expect.objectContaining({ code, cure: expect.stringContaining(`limits.${limit}`) })

describe('limits', () => {
  it('have defaults, and are whole numbers from 1 up', () => {
    expect(inputLimits()).toEqual({
      bytes: 2 ** 31 - 1,
      depth: 100,
      messages: 10_000_000,
      nodes: 1_000_000,
      tensorBytes: 2 ** 33,
      unzipRatio: 200,
    })
    expect(inputLimits({ nodes: 5 })).toMatchObject({ nodes: 5, depth: 100 })
    for (const nodes of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => inputLimits({ nodes })).toThrow(expect.objectContaining({ code: 'ONNX_OPTION_INVALID' }))
  })

  it.each([
    ['bytes', { bytes: 1000 }],
    ['nodes', { nodes: 1 }],
    ['messages', { messages: 10 }],
    ['tensorBytes', { tensorBytes: 8 }],
    ['depth', { depth: 2 }],
  ] as const)('of %s hold in conversions, and where a model is taken as it is', async (name, limits) => {
    const converter = createConverter({ root: folder, cacheDir: join(folder, `cache-${name}`), limits })
    const error = exceeded(name, name === 'depth' ? 'ONNX_NESTING_TOO_DEEP' : undefined)
    try {
      await expect(converter.convert('m.onnx', { targets: ['wasm'] })).rejects.toThrow(error)
      await expect(converter.source('m.onnx', { targets: ['wasm'] })).rejects.toThrow(error)
      await expect(converter.convert('m.onnx')).rejects.toMatchObject({ model: 'm.onnx' })
    } finally {
      await converter.close()
    }
  })

  it('of bytes hold before a file is read', () => {
    const path = join(folder, 'm.onnx')
    expect(() => openModelFile(path, 'm.onnx', undefined, { bytes: 100 })).toThrow(exceeded('bytes'))
    const opened = openModelFile(path, 'm.onnx', undefined, { bytes: 100_000 })
    expect(readModel(opened.bytes).graph.nodes.length).toBeGreaterThan(1)
    opened.close()
  })
})

/** Says of itself that it unpacks to so many bytes. */
function claiming(unpacked: number): Uint8Array {
  const zip = Uint8Array.from(zipSync({ 'x.npy': new Uint8Array(200) }))
  const view = new DataView(zip.buffer)
  const directory = zip.findIndex((_, at) => at + 4 <= zip.length && view.getUint32(at, true) === 0x02014b50)
  view.setUint32(directory + 24, unpacked, true)
  return zip
}

describe('an archive that unpacks to far more than it is', () => {
  const open = async (bytes: Uint8Array, limits?: Pick<InputLimits, 'unzipRatio'>) => {
    const path = join(folder, 'bomb.npz')
    writeFileSync(path, bytes)
    const scratch = new Scratch(folder)
    try {
      return await openNpz(path, scratch, limits)
    } finally {
      expect(readdirSync(folder).filter((name) => name.startsWith('onnx-samples-'))).toEqual([])
      await scratch.close()
    }
  }

  it('is refused by what it says, before anything is unpacked', async () => {
    const bomb = claiming(2 ** 30)
    expect(() => readNpz(bomb)).toThrow(exceeded('unzipRatio'))
    await expect(open(bomb)).rejects.toThrow(exceeded('unzipRatio'))
  })

  it('is no limit for what is small in any case, or is allowed', () => {
    const limits = { unzipRatio: 10 ** 9 }
    // It unpacks to less than it says, which is what is wrong with it then.
    for (const read of [() => readNpz(claiming(2 ** 20)), () => readNpz(claiming(2 ** 27), limits)])
      expect(read).toThrow(/no .npy array|no readable .npz/)
  })

  it('fails a conversion with the name of the model', async () => {
    writeFileSync(join(folder, 'calibration.npz'), claiming(2 ** 30))
    const converter = createConverter({ root: folder, cacheDir: join(folder, 'cache-zip') })
    try {
      const options = { targets: ['wasm'], calibration: 'calibration.npz' }
      await expect(converter.convert('m.onnx', options)).rejects.toMatchObject({
        code: 'ONNX_LIMIT_EXCEEDED',
        model: 'm.onnx',
      })
    } finally {
      await converter.close()
    }
  })
})

describe('what is no file', () => {
  it('is not waited for, and not read for ever', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.onnx')])
    const kinds = [join(folder, 'pipe.onnx'), '/dev/zero', folder]
    for (const path of kinds) {
      expect(() => openModelFile(path, 'x.onnx')).toThrow('no regular file')
      expect(() => readBytes(path)).toThrow('no regular file')
      await expect(hashFile(path)).rejects.toThrow('no regular file')
    }
    const converter = createConverter({ root: folder, cacheDir: join(folder, 'cache-pipe') })
    await expect(converter.convert('pipe.onnx')).rejects.toMatchObject({ code: 'ONNX_MODEL_NOT_A_FILE' })
    await expect(converter.convert('m.onnx', { calibration: 'pipe.npz' })).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_NOT_FOUND',
    })
    await converter.close()
  })
})
