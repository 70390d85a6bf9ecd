import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import { afterAll, describe, expect, it } from 'vitest'
import { castArray } from '../src/arrays'
import { maxElements, readCalibration } from '../src/calibration'
import { sha256 } from '../src/hash'
import { npy, npz } from './numpy'

const folder = mkdtempSync(join(tmpdir(), 'calibration-'))
afterAll(() => rmSync(folder, { recursive: true }))

let count = 0
const read = (ending: string, content: string | Uint8Array, inputs: readonly ValueSignature[]) => {
  const path = join(folder, `${count++}.${ending}`)
  writeFileSync(path, content)
  return readCalibration({ path, name: `calib.${ending}`, sha256: sha256(content) }, inputs, 'model.onnx')
}
const input = (
  name: string,
  dims: ValueSignature['dims'],
  type: ValueSignature['type'] = 'float32',
): ValueSignature => ({
  name,
  type,
  ...(dims ? { dims } : {}),
})
const floats = (...dims: number[]) => ({
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i),
})

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
    expect(feeds).toHaveLength(Math.floor(maxElements / 500_000))
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
    await expect(read('csv', '1,2', inputs)).rejects.toThrow('neither .npz, .npy nor a module')
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
})
