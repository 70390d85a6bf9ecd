import type { ChildProcess } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { recipes as coreRecipes } from '@unplugin-onnx/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type Conversion,
  type Converter,
  type ConverterOptions,
  createConverter,
  type ProgressEvent,
  targets,
} from '../src/index'
import { computesInIntegers } from '../src/special-recipes'
import { fixtures, packageRoot, temporaryFolder } from './models'
import { runScript } from './script'

const folder = temporaryFolder()
const model = join(fixtures, 'digits_mlp.onnx')
const forks = vi.spyOn(
  createRequire(import.meta.url)('node:child_process') as { fork(): ChildProcess },
  'fork',
)

let count = 0
const open: Converter[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((converter) => converter.close()))
  forks.mockClear()
})

function converterIn(cacheDir: string, options: Partial<ConverterOptions> = {}) {
  const events: ProgressEvent[] = []
  const warnings: string[] = []
  const converter = createConverter({
    root: packageRoot,
    cacheDir,
    concurrency: 1,
    logger: { info() {}, warn: (message) => void warnings.push(message) },
    onProgress: (event) => void events.push(event),
    ...options,
  })
  open.push(converter)
  return { converter, events, warnings, stages: () => events.map((event) => event.stage) }
}
/** Entries are the same to the cache however long they took. */
const fast = { effort: 'fast' } as const
const newCache = () => join(folder, `cache-${count++}`)
const entriesOf = (cacheDir: string) => readdirSync(join(cacheDir, 'v2', 'entries'))
const bytesOf = ({ dir, manifest }: Conversion) =>
  manifest.variants.map(({ file }) => readFileSync(join(dir, file)))
/**
 * Candidates that are made whatever comes of the others, and whatever is preferred, and the source as it is, for devices with
 * float16: without calibration there is nothing of their own for them.
 */
const recipes =
  1 +
  targets.get('wasm')!.recipes.filter((recipe) => coreRecipes.has(recipe) && !computesInIntegers(recipe))
    .length

describe('the cache', () => {
  it('converts a thousand copies of one model once', async () => {
    const copies = join(folder, 'copies')
    mkdirSync(copies)
    const files = Array.from({ length: 1000 }, (_, index) => join(copies, `model-${index}.onnx`))
    for (const file of files) copyFileSync(model, file)
    const cacheDir = newCache()
    const { converter, stages } = converterIn(cacheDir)
    const conversions = await Promise.all(files.map((file) => converter.convert(file, fast)))
    expect(stages().filter((stage) => stage === 'inspect')).toHaveLength(1)
    expect(stages().filter((stage) => stage === 'convert')).toHaveLength(recipes)
    expect(entriesOf(cacheDir)).toEqual([conversions[0]?.key])
    expect(new Set(conversions.map(({ dir }) => dir)).size).toBe(1)
    expect(conversions.filter(({ cached }) => !cached)).toHaveLength(1)
    expect(conversions.map(({ manifest }) => manifest.source.file)).toEqual(
      files.map((_, index) => `model-${index}.onnx`),
    )
  })

  it('hashes and stats in a warm build, and starts no process that could parse or run a model', async () => {
    const cacheDir = newCache()
    const external = join(fixtures, 'digits_ext.onnx')
    for (const file of [model, external]) await converterIn(cacheDir).converter.convert(file, fast)
    forks.mockClear()
    const { converter, stages } = converterIn(cacheDir)
    for (const file of [model, external])
      expect(await converter.convert(file, fast)).toMatchObject({ cached: true })
    expect(forks).not.toHaveBeenCalled()
    expect(stages()).toEqual(['hash', 'done', 'hash', 'done'])
  })

  it('lets two processes that start at once convert once', async () => {
    const cacheDir = newCache()
    const script = `
      import { createConverter } from ${JSON.stringify(join(packageRoot, 'dist/index.js'))}
      let made = 0
      const converter = createConverter({ root: ${JSON.stringify(packageRoot)}, cacheDir: ${JSON.stringify(cacheDir)}, onProgress: ({ stage }) => { if (stage === 'convert') made++ } })
      const { key } = await converter.convert(${JSON.stringify(model)}, { effort: 'fast' })
      await converter.close()
      console.log(JSON.stringify({ made, key }))`
    const results = (await Promise.all([runScript(script), runScript(script)])) as {
      made: number
      key: string
    }[]
    expect(results.map(({ made }) => made).sort()).toEqual([0, recipes])
    expect(entriesOf(cacheDir)).toEqual([results[0]?.key])
  })

  it('makes an entry again when a byte of it has changed, and says so', async () => {
    const cacheDir = newCache()
    const first = await converterIn(cacheDir).converter.convert(model, fast)
    const before = bytesOf(first)
    for (const name of [first.manifest.variants[0]!.file, 'manifest.json']) {
      const path = join(first.dir, name)
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(path, bytes)
      const { converter, warnings } = converterIn(cacheDir)
      const again = await converter.convert(model, fast)
      expect(warnings).toEqual([expect.stringMatching(/damaged.*made again/)])
      expect(again.cached).toBe(false)
      expect(bytesOf(again)).toEqual(before)
    }
    expect(await converterIn(cacheDir).converter.convert(model, fast)).toMatchObject({ cached: true })
  })

  it('notices damage in a process that has read the entry before', async () => {
    const { converter, warnings } = converterIn(newCache())
    const { dir, manifest } = await converter.convert(model, fast)
    const path = join(dir, manifest.variants[0]!.file)
    const bytes = readFileSync(path)
    bytes[100]! ^= 1
    writeFileSync(path, bytes)
    expect(await converter.convert(model, fast)).toMatchObject({ cached: false })
    expect(warnings).toHaveLength(1)
  })

  it('makes an entry again whose files were deleted', async () => {
    const cacheDir = newCache()
    const { converter } = converterIn(cacheDir)
    const { dir, manifest } = await converter.convert(model, fast)
    for (const file of [manifest.variants[0]!.file, 'manifest.json']) {
      rmSync(join(dir, file))
      expect(await converter.convert(model, fast)).toMatchObject({ cached: false })
    }
  })

  it('leaves nothing half-written behind, and clears what dead processes left', async () => {
    const cacheDir = newCache()
    await converterIn(cacheDir).converter.convert(model, fast)
    const temporary = join(cacheDir, 'v2', 'tmp')
    expect(readdirSync(temporary)).toEqual([])
    // The same machine, a process id above what Linux gives out, and a folder that another machine abandoned days ago.
    const { machine } = await import('../src/processes')
    mkdirSync(join(temporary, `${machine}-99999999-dead`))
    mkdirSync(join(temporary, `${machine}-${process.pid}-alive`))
    mkdirSync(join(temporary, 'elsewhere-1-old'))
    const days = Date.now() / 1000 - 3 * 24 * 3600
    utimesSync(join(temporary, 'elsewhere-1-old'), days, days)
    await converterIn(cacheDir).converter.convert(join(fixtures, 'diabetes_mlp.onnx'), fast)
    expect(readdirSync(temporary)).toEqual([`${machine}-${process.pid}-alive`])
  })

  it('waits no longer than the lock of a dead process is worth', async () => {
    const cacheDir = newCache()
    const { key } = await converterIn(newCache()).converter.convert(model, fast)
    const lock = join(cacheDir, 'v2', 'locks', `${key}.lock`)
    mkdirSync(lock, { recursive: true })
    const past = Date.now() / 1000 - 9
    utimesSync(lock, past, past)
    const { converter, stages } = converterIn(cacheDir)
    expect(await converter.convert(model, fast)).toMatchObject({ key, cached: false })
    expect(stages()).toContain('wait')
  })

  it('still converts where its folder can not be written to, and warns once', async () => {
    const file = join(folder, 'a-file')
    writeFileSync(file, '')
    const { converter, warnings } = converterIn(join(file, 'cache'))
    const conversions = [
      await converter.convert(model, fast),
      await converter.convert(join(fixtures, 'diabetes_mlp.onnx'), fast),
    ]
    expect(warnings).toEqual([expect.stringContaining("can't be written to (ENOTDIR)")])
    for (const { dir, manifest } of conversions) {
      for (const variant of manifest.variants)
        expect(statSync(join(dir, variant.file)).size).toBe(variant.bytes)
    }
    expect(await converter.convert(model, fast)).toMatchObject({ cached: true })
  })

  it('keys by content: not by name, place or calibration path, but by options and every byte', async () => {
    const { converter } = converterIn(newCache())
    const copy = join(folder, 'renamed.onnx')
    copyFileSync(model, copy)
    const calibration = join(folder, 'c.npz')
    copyFileSync(join(fixtures, 'digits_mlp.npz'), calibration)
    const keyOf = async (file: string, options = {}) =>
      (await converter.convert(file, { ...fast, ...options })).key
    const base = await keyOf(model)
    expect(await keyOf(copy)).toBe(base)
    const calibrated = await keyOf(model, { calibration: join(fixtures, 'digits_mlp.npz') })
    expect(await keyOf(model, { calibration })).toBe(calibrated)
    const others = [
      calibrated,
      await keyOf(model, { targets: ['wasm'] }),
      await keyOf(model, { accuracy: 'high' }),
      await keyOf(model, { recipes: ['float16'] }),
      await keyOf(model, { inputs: { x: [1, 64] } }),
    ]
    expect(new Set([base, ...others]).size).toBe(others.length + 1)
    expect(await keyOf(model, { accuracy: 'balanced', targets: ['webgpu', 'wasm'] })).toBe(base)
  })

  it('keys by external data too', async () => {
    const { converter } = converterIn(newCache())
    const home = join(folder, 'external')
    mkdirSync(home)
    const file = join(home, 'digits_ext.onnx')
    for (const name of ['digits_ext.onnx', 'digits_ext.onnx.data'])
      copyFileSync(join(fixtures, name), join(home, name))
    const first = await converter.convert(file, fast)
    expect(first.dependencies).toEqual([file, join(home, 'digits_ext.onnx.data')])
    const data = readFileSync(join(home, 'digits_ext.onnx.data'))
    data[1000]! ^= 1
    writeFileSync(join(home, 'digits_ext.onnx.data'), data)
    const second = await converter.convert(file, fast)
    expect(second).toMatchObject({ cached: false })
    expect(second.key).not.toBe(first.key)
  })

  it('gives the same bytes and the same manifest on every run', async () => {
    const runs = [
      await converterIn(newCache(), { concurrency: 2 }).converter.convert(model, fast),
      await converterIn(newCache()).converter.convert(model, fast),
    ]
    expect(bytesOf(runs[0]!)).toEqual(bytesOf(runs[1]!))
    expect(runs[0]?.manifest).toEqual(runs[1]?.manifest)
    expect(existsSync(join(runs[0]!.dir, 'manifest.json'))).toBe(true)
  })
})
