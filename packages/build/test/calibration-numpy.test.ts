import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import type { DenseArray } from '../src/arrays'
import { readNpy } from '../src/calibration/npy'
import { openNpy, openNpz } from '../src/calibration/numpy-file'
import { Scratch } from '../src/calibration/on-disk'
import { readNpz } from '../src/calibration/read-npz'
import { numbersOf } from '../src/numbers'
import { temporaryFolder } from './models'

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name))
const expected = JSON.parse(fixture('arrays.json').toString()) as Record<
  string,
  { dims: number[]; data: unknown[] }
>

const plain = ({ type, data }: DenseArray): unknown[] => {
  if (/64$/.test(type) && !type.startsWith('float')) return [...(data as BigInt64Array)].map(String)
  if (type === 'bool') return [...(data as Uint8Array)].map(Boolean)
  return type === 'string' ? [...(data as string[])] : Array.from(numbersOf({ type, dims: [], data }))
}

const types = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
}

describe('numpy files', () => {
  for (const file of ['stored.npz', 'deflated.npz']) {
    it(`gives every array of ${file} as numpy wrote it`, () => {
      const arrays = readNpz(fixture(file))
      expect([...arrays.keys()].sort()).toEqual(Object.keys(expected).sort())
      for (const [name, { dims, data }] of Object.entries(expected)) {
        const array = arrays.get(name)!
        expect(array.dims, name).toEqual(dims)
        expect(plain(array), name).toEqual(data)
      }
    })
  }

  it('names types as onnxruntime does', () => {
    const arrays = readNpz(fixture('stored.npz'))
    for (const [code, type] of Object.entries(types)) expect(arrays.get(code)?.type).toBe(type)
  })

  it('reads all three versions of the format', () => {
    for (const version of [1, 2, 3]) {
      const array = readNpy(fixture(`version${version}.npy`))
      expect(array).toEqual({ type: 'int32', dims: [2, 3], data: Int32Array.of(0, 1, 2, 3, 4, 5) })
    }
  })

  it('says what it can not read', () => {
    expect(() => readNpy(fixture('big-endian.npy'))).toThrow('big-endian')
    expect(() => readNpy(fixture('structured.npy'))).toThrow('structured')
    expect(() => readNpy(fixture('complex.npy'))).toThrow("'<c8'")
    expect(() => readNpy(fixture('objects.npy'))).toThrow("'|O'")
    expect(() => readNpy(new Uint8Array())).toThrow('no .npy array')
    expect(() => readNpy(fixture('version1.npy').subarray(0, 140))).toThrow('cut off: 12 of 24 bytes')
    expect(() => readNpz(Buffer.from('no zip'))).toThrow('no readable .npz')
    expect(() => readNpz(zipSync({ 'x.txt': new Uint8Array(3) }))).toThrow('no array')
  })

  it('names the array that is damaged', () => {
    expect(() => readNpz(zipSync({ 'x.npy': new Uint8Array(30) }))).toThrow("'x': this is no .npy array")
  })

  it('refuses a shape that claims more than there is, without allocating it', () => {
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n"
    const bytes = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([text.length, 0]),
      Buffer.from(text),
    ])
    expect(() => readNpy(bytes)).toThrow('cut off')
  })

  it('throws nothing but errors with a message, whatever the bytes', () => {
    const files = ['stored.npz', 'deflated.npz', 'version1.npy', 'version3.npy'].map(fixture)
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        fc.nat(),
        (file, edits, end) => {
          const bytes = Uint8Array.from(file)
          for (const [at, value] of edits) bytes[at % bytes.length] = value
          const cut = end % 3 === 0 ? bytes.subarray(0, end % bytes.length) : bytes
          for (const read of [readNpy, readNpz]) {
            try {
              read(cut)
            } catch (error) {
              expect(error).toBeInstanceOf(Error)
              expect((error as Error).message).not.toBe('')
            }
          }
        },
      ),
      { numRuns: 3000, seed: 1 },
    )
  })

  it('is read on disk as it is in memory', async () => {
    const folder = temporaryFolder()
    for (const file of ['stored.npz', 'deflated.npz']) {
      const scratch = new Scratch(folder)
      const { arrays, close } = await openNpz(join(import.meta.dirname, 'fixtures', file), scratch)
      const whole = readNpz(fixture(file))
      expect([...arrays.keys()]).toEqual([...whole.keys()])
      for (const [name, { type, dims, data }] of whole) {
        const stored = arrays.get(name)!
        const size = dims.reduce((product, dim) => product * dim, 1)
        expect([stored.type, stored.dims], name).toEqual([type, dims])
        expect(await stored.read(0, size), name).toEqual(data)
        if (size > 2) expect(await stored.read(1, size - 2), name).toEqual(data.slice(1, size - 1))
      }
      await close()
      await scratch.close()
    }
  })

  it('on disk throws nothing but errors with a message, whatever the bytes', async () => {
    const files = ['stored.npz', 'deflated.npz', 'version1.npy', 'version3.npy'].map(fixture)
    const folder = temporaryFolder()
    const path = join(folder, 'hostile')
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        fc.nat(),
        async (file, edits, end) => {
          const bytes = Uint8Array.from(file)
          for (const [at, value] of edits) bytes[at % bytes.length] = value
          writeFileSync(path, end % 3 === 0 ? bytes.subarray(0, end % bytes.length) : bytes)
          const scratch = new Scratch(folder)
          for (const open of [() => openNpz(path, scratch), () => openNpy(path)]) {
            try {
              const { arrays, close } = await open()
              try {
                for (const { dims, read } of arrays.values())
                  await read(
                    0,
                    dims.reduce((product, dim) => product * dim, 1),
                  )
              } finally {
                await close()
              }
            } catch (error) {
              expect(error).toBeInstanceOf(Error)
              expect((error as Error).message).not.toBe('')
            }
          }
          await scratch.close()
        },
      ),
      { numRuns: 500, seed: 1 },
    )
    expect(readdirSync(folder)).toEqual(['hostile'])
  })
})
