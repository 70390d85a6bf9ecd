import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readModel } from '@unplugin-onnx/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Feeds } from '../src/arrays'
import type { CalibrationData, CalibrationOptions } from '../src/calibration'
import { recurrentCure } from '../src/calibration/recurrent'
import { convert } from '../src/converter'
import { type EngineSession, openModel } from '../src/engine'
import { findEngine } from '../src/engine-package'
import { inspectModel } from '../src/tasks/inspect-model'
import { packageRoot, sileroTrio } from './models'
import { npz } from './numpy'
import { floats, folderWith, input, opened, plenty, read, samplesOf } from './samples'
import { wav } from './wav-file'

/** y is x, and the state that follows is the one before plus x. */
const sums = async ({ x, state }: Feeds): Promise<Feeds> => ({
  stateN: {
    type: 'float32',
    dims: state!.dims,
    data: Float32Array.from(state!.data as Float32Array, (value) => value + Number(x!.data[0])),
  },
})
const inputs = [input('x', ['n', 1]), input('state', [2, 'n', 1])]
const outputs = [input('y', ['n', 1]), input('stateN', [2, 'n', 1])]
const state = { stateN: 'state' }
const model = { outputs, run: sums }
const statesOf = (feeds: readonly Feeds[]) => feeds.map((feed) => feed.state?.data[0])

describe('recurrent state', () => {
  it('starts at zeros and is what the model gave for the step before', async () => {
    const root = folderWith({ 'c.npz': npz({ x: floats(4, 1) }) })
    const feeds = await read(root, { file: 'c.npz', state }, inputs, model)
    expect(feeds.map((feed) => feed.x?.data[0])).toEqual([0, 1, 2, 3])
    expect(statesOf(feeds)).toEqual([0, 0, 1, 3])
    expect(feeds[3]?.state?.dims).toEqual([2, 1, 1])
  })

  it('starts again with each sequence', async () => {
    const root = folderWith({
      'c.npz': npz({ x: floats(2, 3, 1, 1) }),
      'f.mjs':
        'const at = (x) => ({ x: [x] }); export default [[at(1), at(1)], [at(1), at(1)], at(5), at(5)]',
    })
    expect(statesOf(await read(root, { file: 'c.npz', state }, inputs, model))).toEqual([0, 0, 1, 0, 3, 7])
    const source = await opened(root, { file: 'f.mjs', state }, inputs, model)
    const { feeds, names } = await samplesOf(source)
    expect(statesOf(feeds)).toEqual([0, 1, 0, 1, 0, 5])
    expect(names[3]).toBe('sequence 1, step 1')
  })

  it('says what is wrong with the links', async () => {
    const root = folderWith({
      'c.npz': npz({ x: floats(4, 1) }),
      'both.npz': npz({ x: floats(4, 1), state: floats(2, 1, 1) }),
    })
    const refused = (links: Record<string, string>, file = 'c.npz', given = inputs) =>
      expect(read(root, { file, state: links }, given, model)).rejects
    await refused({ stateM: 'state' }).toThrow(
      "feeds back 'stateM', which is no output of the model. Did you mean 'stateN'?",
    )
    await refused({ stateN: 'stat' }).toThrow("Did you mean 'state'?")
    await refused({ stateN: 'state' }, 'both.npz').toThrow("gives 'state', which is fed back as well")
    await refused({ y: 'ids' }, 'c.npz', [...inputs, input('ids', ['n'], 'int64')]).toThrow(
      "feeds back 'y' of float32 to 'ids', which is int64",
    )
  })

  it('names the step that the model fails at', async () => {
    const root = folderWith({ 'c.npz': npz({ x: floats(4, 1) }) })
    const failing = async (feeds: Feeds) => {
      if (feeds.x?.data[0] === 2) throw new Error('Non-zero status code')
      return sums(feeds)
    }
    await expect(
      read(root, { file: 'c.npz', state }, inputs, { outputs, run: failing }),
    ).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_SAMPLE_INVALID',
      message: expect.stringContaining("'c.npz', row 2: the model fails on it: Non-zero status code"),
    })
  })
})

describe('what to do where a model with state fails', () => {
  const inspection = { inputs: [input('x', ['n', 1]), input('h0', [2, 'n', 1])], outputs: [] }
  const data = (kind: 'wav' | 'numpy' | 'images', options: object) =>
    ({ kind, name: 'speech', path: 'speech', options, files: [], sha256: '' }) as unknown as CalibrationData

  it('names the state that the model probably has, and a window for sound', () => {
    const outputs = [input('y', ['n', 1]), input('h.n', [2, 'n', 1]), input('c', [2, 'n', 1])]
    const cure = (kind: 'wav' | 'numpy' | 'images', options = {}) =>
      recurrentCure(data(kind, options), { ...inspection, outputs })
    expect(cure('wav')).toContain("{ wav: 'speech', window: 512, state: { 'h.n': 'h0' } }")
    expect(cure('wav', { window: 256 })).toContain('state: {')
    expect(cure('numpy')).toContain("{ file: 'speech', state: { 'h.n': 'h0' } }")
    expect(cure('wav', { window: 256, state: { hn: 'h0' } })).toContain('whether window is the number of')
    expect(cure('numpy', { state: { hn: 'h0' } })).toBeUndefined()
    expect(cure('images')).toBeUndefined()
  })

  it('is nothing special where it has none', () => {
    const without = { inputs: [input('x', ['n', 1])], outputs: [input('y', ['n', 1])] }
    expect(recurrentCure(data('wav', {}), without)).toBeUndefined()
  })
})

describe('a speech detector on recordings', () => {
  const [, v5 = ''] = sileroTrio
  let session: EngineSession
  beforeAll(async () => {
    session = await openModel(await findEngine('wasm', packageRoot, 'vad'), readFileSync(v5))
  })
  afterAll(() => session.close())

  it('says in its error what it wants of recordings, and that cures it', async () => {
    const sound = Array.from({ length: 9 * 512 }, (_, index) => Math.sin(index / 7) * Math.sin(index / 300))
    const root = folderWith({ 'speech/a.wav': wav({ channels: [sound] }) })
    const convertWith = (calibration: CalibrationOptions) =>
      convert(v5, {
        root: packageRoot,
        cacheDir: join(root, 'cache'),
        targets: ['wasm'],
        effort: 'fast',
        recipes: ['float16'],
        calibration,
      })
    const folder = join(root, 'speech')
    await expect(convertWith(folder)).rejects.toMatchObject({
      code: 'ONNX_CALIBRATION_SAMPLE_INVALID',
      cure: expect.stringContaining(`{ wav: '${folder}', window: 512, state: { stateN: 'state' } }`),
    })
    const { manifest } = await convertWith({ wav: folder, window: 512, state: { stateN: 'state' } })
    expect(manifest.verifiedOn.source).toBe('calibration')
  })

  it('comes to the states that it comes to in the app', async () => {
    const sound = Array.from(
      { length: 3 * 512 },
      (_, index) => 0.3 * Math.sin(index / 7) * Math.sin(index / 300),
    )
    const root = folderWith({
      'speech/a.wav': wav({ channels: [sound] }),
      'speech/b.wav': wav({ channels: [sound] }),
    })
    const inspection = inspectModel(readModel(readFileSync(v5)))
    const source = await opened(
      root,
      { wav: 'speech', input: 'input', window: 512, state: { stateN: 'state' } },
      inspection.inputs,
      { ...inspection, run: session.run },
    )
    const { feeds, names } = await samplesOf(source, plenty)
    expect(names).toEqual(
      [0, 1, 2].map((at) => `a.wav, window ${at}`).concat([0, 1, 2].map((at) => `b.wav, window ${at}`)),
    )
    expect(feeds[0]?.sr?.data).toEqual(BigInt64Array.of(16000n))
    expect(feeds[0]?.input?.dims).toEqual([1, 512])
    let carried = feeds[0]!.state!
    expect([...(carried.data as Float32Array)].every((value) => value === 0)).toBe(true)
    for (const feed of feeds.slice(0, 3)) {
      expect(feed.state).toEqual(carried)
      const { stateN } = await session.run({ ...feed, state: carried })
      carried = stateN!
    }
    expect(feeds[3]).toEqual(feeds[0])
    expect(feeds[2]?.state).not.toEqual(feeds[0]?.state)
    await source.close()
  })
})
