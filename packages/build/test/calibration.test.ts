import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { castArray } from '../src/numbers'
import { temporaryFolder } from './models'
import { npy, npz } from './numpy'
import { floats, folderWith, input, opened, plenty, read as readFrom, samplesOf } from './samples'

const folder = temporaryFolder()
let count = 0
const read = (ending: string, content: string | Uint8Array, inputs: readonly ValueSignature[]) => {
  const name = `${count++}.${ending}`
  writeFileSync(join(folder, name), content)
  return readFrom(folder, name, inputs)
}

describe('calibration', () => {
  it('feeds rows one at a time where the batch is open or 1', async () => {
    for (const batch of ['batch', 1, null]) {
      const feeds = await read('npz', npz({ x: floats(3, 2) }), [input('x', [batch, 2])])
      expect(feeds.map((feed) => [feed.x?.dims, [...(feed.x?.data ?? [])]])).toEqual([
        [
          [1, 2],
          [0, 1],
        ],
        [
          [1, 2],
          [2, 3],
        ],
        [
          [1, 2],
          [4, 5],
        ],
      ])
    }
  })

  it('feeds as many rows as a fixed batch wants', async () => {
    const feeds = await read('npz', npz({ x: floats(4, 2) }), [input('x', [2, 2])])
    expect(feeds.map((feed) => feed.x?.dims)).toEqual([
      [2, 2],
      [2, 2],
    ])
  })

  it('takes an axis more than the input has as the axis of feeds', async () => {
    const feeds = await read(
      'npz',
      npz({ x: floats(3, 2), rate: { dims: [3], data: Float32Array.of(1, 2, 3) } }),
      [input('x', ['n', 2]), input('rate', [])],
    )
    expect(feeds.map((feed) => [feed.rate?.dims, [...(feed.rate?.data ?? [])]])).toEqual([
      [[], [1]],
      [[], [2]],
      [[], [3]],
    ])
  })

  it('feeds an array of one row again with every sample', async () => {
    const feeds = await read('npz', npz({ x: floats(3, 2), state: floats(2, 1, 4) }), [
      input('x', ['n', 2]),
      input('state', [2, 'n', 4]),
    ])
    expect(feeds).toHaveLength(3)
    expect(feeds.every((feed) => feed.state?.dims.join() === '2,1,4')).toBe(true)
  })

  it('takes at most 32 samples, spread from first to last', async () => {
    const feeds = await read('npz', npz({ x: floats(320, 1) }), [input('x', ['n', 1])])
    expect(feeds).toHaveLength(32)
    expect(feeds[0]?.x?.data[0]).toBe(0)
    expect(feeds[31]?.x?.data[0]).toBe(310)
  })

  it('takes fewer samples where they are large', async () => {
    const feeds = await read('npz', npz({ x: { dims: [12, 500_000], data: new Float32Array(6_000_000) } }), [
      input('x', ['n', 500_000]),
    ])
    expect(feeds).toHaveLength(plenty.elements / 500_000)
  })

  it('takes a lone .npy for the only input', async () => {
    const feeds = await read('npy', npy(floats(2, 2)), [
      input('x', ['n', 2]),
      { ...input('y', [1]), optional: true },
    ])
    expect(feeds.map((feed) => Object.keys(feed))).toEqual([['x'], ['x']])
    await expect(read('npy', npy(floats(2, 2)), [input('x', ['n', 2]), input('y', [1])])).rejects.toThrow(
      "can't feed 2 inputs",
    )
  })

  it('casts what loses nothing, and refuses the rest', async () => {
    const int32 = { dims: [2, 2], data: Int32Array.of(1, 2, 3, 4) }
    const [feed] = await read('npz', npz({ ids: int32 }), [input('ids', ['n', 2], 'int64')])
    expect(feed?.ids).toEqual({ type: 'int64', dims: [1, 2], data: BigInt64Array.of(1n, 2n) })
    const double = { dims: [1, 2], data: Float64Array.of(0.5, 1) }
    expect((await read('npz', npz({ x: double }), [input('x', ['n', 2])]))[0]?.x?.type).toBe('float32')
    await expect(
      read('npz', npz({ ids: floats(1, 2) }), [input('ids', ['n', 2], 'int64')]),
    ).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_INVALID',
      message: expect.stringContaining(
        "gives 'ids' as float32, and the model wants int64. Save it as int64.",
      ),
    })
  })

  it('names the nearest input for an unknown array', async () => {
    await expect(read('npz', npz({ imgae: floats(1, 2) }), [input('image', ['n', 2])])).rejects.toMatchObject(
      {
        code: 'ONNX_CALIBRATION_UNKNOWN_INPUT',
        message: expect.stringContaining("Did you mean 'image'?"),
      },
    )
  })

  it('refuses other shapes and uneven rows', async () => {
    const inputs = [input('x', ['n', 2]), input('y', ['n', 2])]
    await expect(read('npz', npz({ x: floats(2, 3) }), inputs)).rejects.toThrow(
      "'x' the shape [2, 3], and the model wants [n, 2]",
    )
    await expect(read('npz', npz({ x: floats(2) }), inputs)).rejects.toThrow('the shape [2]')
    await expect(read('npz', npz({ x: floats(2, 2), y: floats(3, 2) }), inputs)).rejects.toThrow('rows')
    await expect(read('npz', npz({ x: floats(0, 2) }), inputs)).rejects.toThrow('the shape [0, 2]')
  })

  it('takes feeds from a module, in any of the shapes that people write', async () => {
    const inputs = [input('x', ['n', 2]), input('ids', ['n'], 'int64')]
    const one = '{ x: { type: "float32", data: Float32Array.of(1, 2), dims: [1, 2] }, ids: [7] }'
    const modules = {
      mjs: [
        `export default [${one}]`,
        `export const feeds = [${one}]`,
        `export default function* () { yield ${one} }`,
      ],
      ts: [`export default async function* (): AsyncGenerator<object> { yield ${one} }`],
      js: [`export default [{ x: Float32Array.of(1, 2), ids: BigInt64Array.of(7n) }]`],
    }
    for (const [ending, texts] of Object.entries(modules)) {
      for (const text of texts) {
        const [feed] = await read(ending, text, inputs)
        expect(feed?.x, text).toEqual({ type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) })
        expect(feed?.ids, text).toEqual({ type: 'int64', dims: [1], data: BigInt64Array.of(7n) })
      }
    }
  })

  it('says what is wrong with a module', async () => {
    const inputs = [input('x', ['n', 2])]
    await expect(read('mjs', 'throw new Error("no such picture")', inputs)).rejects.toThrow('no such picture')
    await expect(read('mjs', 'export const other = 1', inputs)).rejects.toThrow('exports no feeds')
    await expect(read('mjs', 'export default []', inputs)).rejects.toThrow('yields no feeds')
    await expect(read('mjs', 'export default [{ x: "text" }]', inputs)).rejects.toThrow(
      'neither a typed array',
    )
    await expect(read('mjs', 'export default [{ x: Float32Array.of(1, 2, 3) }]', inputs)).rejects.toThrow(
      '3 elements',
    )
    await expect(read('csv', '1,2', inputs)).rejects.toThrow('neither .npz, .npy, a module nor a folder')
  })

  it('casts whole numbers only where every one of them fits', () => {
    const cast = (data: Int32Array | BigInt64Array, type: ValueSignature['type']) =>
      castArray({ type: data instanceof Int32Array ? 'int32' : 'int64', dims: [data.length], data }, type)
        ?.data
    expect(cast(Int32Array.of(1, 255), 'uint8')).toEqual(Uint8Array.of(1, 255))
    expect(cast(Int32Array.of(1, 256), 'uint8')).toBeUndefined()
    expect(cast(Int32Array.of(0, 1), 'bool')).toEqual(Uint8Array.of(0, 1))
    expect(cast(Int32Array.of(0, 2), 'bool')).toBeUndefined()
    expect(cast(Int32Array.of(2 ** 24), 'float32')).toEqual(Float32Array.of(2 ** 24))
    expect(cast(Int32Array.of(2 ** 24 + 1), 'float32')).toBeUndefined()
    expect(cast(BigInt64Array.of(2n ** 53n + 1n), 'float64')).toBeUndefined()
  })

  it('reads arrays that are compressed as those that are stored, and in either order', async () => {
    const x = floats(40, 3)
    const packed = zipSync({ 'x.npy': npy(x) }, { level: 9 })
    const columns = Float32Array.from(
      { length: 120 },
      (_, at) => x.data[(at % 40) * 3 + Math.floor(at / 40)] ?? 0,
    )
    const turned = npz({ x: { dims: [40, 3], data: columns } })
    const text = Buffer.from(turned)
      .toString('latin1')
      .replace("'fortran_order': False, ", "'fortran_order': True,  ")
    const inputs = [input('x', ['n', 3])]
    const stored = await read('npz', npz({ x }), inputs)
    expect(await read('npz', packed, inputs)).toEqual(stored)
    expect(await read('npz', Buffer.from(text, 'latin1'), inputs)).toEqual(stored)
  })

  it('leaves nothing behind on disk', async () => {
    const root = folderWith({
      'c.npz': zipSync({ 'x.npy': npy(floats(4, 2)) }),
      'f.mjs': 'export default [{ x: [1, 2] }]',
    })
    const inputs = [input('x', ['n', 2])]
    for (const file of ['c.npz', 'f.mjs']) {
      const source = await opened(root, file, inputs)
      expect(readdirSync(root)).toHaveLength(3)
      await source.close()
      expect(readdirSync(root)).toHaveLength(2)
    }
    await expect(opened(root, 'c.npz', [input('y', ['n', 2])])).rejects.toThrow('no input')
    expect(readdirSync(root)).toHaveLength(2)
  })

  it('names the row whose numbers do not fit the type', async () => {
    const ids = { dims: [3, 1], data: Int32Array.of(1, 2, 300) }
    await expect(read('npz', npz({ ids }), [input('ids', ['n', 1], 'uint8')])).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_SAMPLE_INVALID',
      message: expect.stringContaining(
        "row 2: gives 'ids' as int32, and the model wants uint8, which not all",
      ),
    })
  })

  it('names the feed of a module that is wrong, or that it fails at', async () => {
    const inputs = [input('x', ['n', 2])]
    const failing = 'export default function* () { yield { x: [1, 2] }; throw new Error("no such picture") }'
    await expect(read('mjs', failing, inputs)).rejects.toThrow('feed 1: the module fails: no such picture')
    await expect(read('mjs', 'export default [{ x: [1, 2] }, { x: [1] }]', inputs)).rejects.toThrow(
      'feed 1: has an input',
    )
  })

  it('hands a function in a module the inputs of the model', async () => {
    const module = 'export default (inputs) => [{ [inputs[0].name]: new Float32Array(inputs[0].dims[1]) }]'
    const [feed] = await read('mjs', module, [input('anything', ['n', 5])])
    expect(feed?.anything?.dims).toEqual([1, 5])
  })

  it('spreads what it keeps of a long generator over all of it', async () => {
    const module = 'export default function* () { for (let i = 0; i < 5000; i++) yield { x: [i, 0] } }'
    const feeds = await read('mjs', module, [input('x', ['n', 2])])
    const firsts = feeds.map((feed) => Number(feed.x?.data[0]))
    expect(feeds).toHaveLength(32)
    expect(firsts[0]).toBe(0)
    expect(firsts.at(-1)).toBeGreaterThan(4500)
    const gaps = firsts.slice(1).map((value, index) => value - (firsts[index] ?? 0))
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(16)
  })

  it('keeps samples for verification that passes see nothing of, from 8 on', async () => {
    const root = folderWith({ 'many.npz': npz({ x: floats(9, 1) }), 'few.npz': npz({ x: floats(7, 1) }) })
    const rows = async (file: string, part?: 'calibration' | 'verification') => {
      const source = await opened(root, file, [input('x', ['n', 1])])
      const { names } = await samplesOf(source, plenty, part)
      return { rows: names.map((name) => Number(name.slice('row '.length))), notes: source.notes.join() }
    }
    expect((await rows('many.npz', 'calibration')).rows).toEqual([0, 2, 4, 6, 8])
    expect(await rows('many.npz', 'verification')).toEqual({ rows: [1, 3, 5, 7], notes: '' })
    expect(await rows('few.npz', 'verification')).toEqual({
      rows: [0, 1, 2, 3, 4, 5, 6],
      notes: expect.stringContaining('There are 7 samples, too few to keep some for verification alone'),
    })
  })

  it('imports a module afresh when a module changes that it imports', async () => {
    const inputs = [input('x', ['n', 1])]
    for (const ending of ['mjs', 'ts']) {
      const main = `import { value } from './helper.${ending}'\nexport default [{ x: [value] }]`
      const root = folderWith({ [`main.${ending}`]: main, [`helper.${ending}`]: 'export const value = 1' })
      const value = async () => (await readFrom(root, `main.${ending}`, inputs))[0]?.x?.data[0]
      expect(await value()).toBe(1)
      writeFileSync(join(root, `helper.${ending}`), 'export const value = 2')
      expect(await value(), ending).toBe(2)
      writeFileSync(join(root, `main.${ending}`), `${main}\nawait Promise.resolve()`)
      expect(await value(), ending).toBeDefined()
    }
  })
})
