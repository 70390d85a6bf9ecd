import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { layoutIn } from '../src/cache'
import {
  type Conversion,
  type Converter,
  cacheStats,
  createConverter,
  pruneCache,
  verifyCache,
} from '../src/index'
import { machine } from '../src/processes'
import { fixtures, packageRoot, temporaryFolder } from './models'
import { runScript } from './script'

const folder = temporaryFolder()
const day = 24 * 3600_000
let count = 0

/** A cache with an entry of three recipes, used so many days ago. */
async function cacheWith(...days: readonly number[]) {
  const cacheDir = join(folder, `cache-${count++}`)
  const converter = createConverter({ root: packageRoot, cacheDir })
  const recipes = ['int8', 'float16', 'float32']
  const conversions: Conversion[] = []
  for (const [index, ago] of days.entries()) {
    const options = { targets: ['node'], recipes: [recipes[index] ?? 'int8'], effort: 'fast' as const }
    const conversion = await converter.convert(join(fixtures, 'digits_mlp.onnx'), options)
    conversions.push(conversion)
    const used = new Date(Date.now() - ago * day)
    utimesSync(join(conversion.dir, 'manifest.json'), used, used)
  }
  await converter.close()
  return { cacheDir, conversions, entries: () => readdirSync(join(layoutIn(cacheDir), 'entries')).sort() }
}

const keysOf = (conversions: readonly (Conversion | undefined)[]) =>
  conversions.map((each) => each?.key ?? '').sort()

describe('cacheStats', () => {
  it('counts entries, models and bytes, by recipe as well', async () => {
    const { cacheDir, conversions } = await cacheWith(3, 1)
    const stats = await cacheStats(cacheDir)
    const sizeOf = (dir: string) =>
      readdirSync(dir).reduce((sum, file) => sum + statSync(join(dir, file)).size, 0)
    expect(stats).toMatchObject({ entries: 2, models: 1, leftovers: { count: 0, bytes: 0 } })
    expect(stats.bytes).toBe(conversions.reduce((sum, { dir }) => sum + sizeOf(dir), 0))
    expect(stats.recipes).toEqual(
      conversions
        .map(({ manifest: { variants } }) => ({
          recipe: variants[0]!.recipe,
          files: 1,
          bytes: variants[0]!.bytes,
        }))
        .sort((a, b) => b.bytes - a.bytes),
    )
    expect(Date.parse(stats.newest!) - Date.parse(stats.oldest!)).toBeCloseTo(2 * day, -4)
  })

  it('says of a folder that is not there that it is empty', async () => {
    expect(await cacheStats(join(folder, 'nowhere'))).toEqual({
      entries: 0,
      bytes: 0,
      models: 0,
      recipes: [],
      leftovers: { count: 0, bytes: 0 },
    })
    expect(await pruneCache(join(folder, 'nowhere'), { all: true })).toMatchObject({ removed: [], bytes: 0 })
    expect(existsSync(join(folder, 'nowhere'))).toBe(false)
  })
})

describe('pruneCache', () => {
  it('removes what was not used for so long', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(40, 1, 31)
    const [old, recent, older] = conversions
    const { removed, kept, bytes } = await pruneCache(cacheDir, { olderThan: 30 * day })
    expect(removed.map(({ key }) => key)).toEqual([old?.key, older?.key])
    expect(entries()).toEqual(keysOf([recent]))
    expect([kept, bytes]).toEqual([1, removed.reduce((sum, each) => sum + each.bytes, 0)])
  })

  it('removes what was used longest ago until the rest is small enough', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(1, 3, 2)
    const { bytes } = await cacheStats(cacheDir)
    const { keptBytes } = await pruneCache(cacheDir, { maxBytes: bytes - 1 })
    expect(entries()).toEqual(keysOf([conversions[0], conversions[2]]))
    expect((await cacheStats(cacheDir)).bytes).toBe(keptBytes)
    await pruneCache(cacheDir, { maxBytes: 0 })
    expect(entries()).toEqual([])
  })

  it('keeps what was read again of late, and warm builds still convert nothing', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(40, 50)
    const converter = createConverter({ root: packageRoot, cacheDir })
    const again = await converter.convert(join(fixtures, 'digits_mlp.onnx'), {
      targets: ['node'],
      recipes: ['float16'],
      effort: 'fast',
    })
    await converter.close()
    expect(again).toMatchObject({ cached: true, key: conversions[1]?.key })
    await pruneCache(cacheDir, { olderThan: 30 * day })
    expect(entries()).toEqual(keysOf([conversions[1]]))
  })

  it('leaves an entry alone that another process is at work on', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(40, 50)
    const locks = join(layoutIn(cacheDir), 'locks')
    const script = `
      import { createRequire } from 'node:module'
      const { lock } = createRequire(${JSON.stringify(join(packageRoot, 'package.json'))})('proper-lockfile')
      import { pruneCache } from ${JSON.stringify(join(packageRoot, 'dist/index.js'))}
      const release = await lock(${JSON.stringify(join(locks, conversions[0]!.key))}, { realpath: false })
      const pruned = await pruneCache(${JSON.stringify(cacheDir)}, { all: true })
      await release()
      console.log(JSON.stringify(pruned))`
    expect(await runScript(script)).toMatchObject({
      removed: [{ key: conversions[1]?.key }],
      inUse: 1,
      kept: 1,
    })
    expect(entries()).toEqual(keysOf([conversions[0]]))
    expect(existsSync(join(conversions[0]!.dir, 'manifest.json'))).toBe(true)
  })

  it('clears away what dead processes and other versions left, and nothing of those that live', async () => {
    const { cacheDir, entries, conversions } = await cacheWith(1)
    const tmp = join(layoutIn(cacheDir), 'tmp')
    mkdirSync(tmp, { recursive: true })
    // No process has this number: it is above what systems give out.
    for (const name of [`${machine}-99999999-abcdef`, `${machine}-${process.pid}-abcdef`]) {
      mkdirSync(join(tmp, name))
      writeFileSync(join(tmp, name, 'half'), 'x'.repeat(100))
    }
    mkdirSync(join(layoutIn(cacheDir), 'entries', 'half'))
    mkdirSync(join(cacheDir, 'v1/entries'), { recursive: true })
    writeFileSync(join(cacheDir, 'v1/entries/old'), 'x'.repeat(50))
    writeFileSync(join(cacheDir, 'mine.txt'), 'not of the cache')
    expect((await cacheStats(cacheDir)).leftovers).toEqual({ count: 3, bytes: 150 })
    expect(await pruneCache(cacheDir)).toMatchObject({ removed: [], leftovers: 2, bytes: 100, kept: 1 })
    expect(readdirSync(tmp)).toEqual([`${machine}-${process.pid}-abcdef`])
    expect(entries()).toEqual(keysOf(conversions))
    expect(await pruneCache(cacheDir, { all: true })).toMatchObject({
      removed: [{ key: conversions[0]?.key }],
      leftovers: 1,
    })
    expect([existsSync(join(cacheDir, 'v1')), readFileSync(join(cacheDir, 'mine.txt'), 'utf8')]).toEqual([
      false,
      'not of the cache',
    ])
    expect(await cacheStats(cacheDir)).toMatchObject({ entries: 0, models: 0, bytes: 0 })
  })
})

describe('the size of a cache', () => {
  const convertAll = async (converter: Converter, recipes: readonly string[]) => {
    const made: Conversion[] = []
    for (const recipe of recipes)
      made.push(
        await converter.convert(join(fixtures, 'digits_mlp.onnx'), {
          targets: ['node'],
          recipes: [recipe],
          effort: 'fast',
        }),
      )
    return made
  }

  it('is kept by removing what was used longest ago, and nothing that a build, this one or another, uses', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(3, 2)
    const [old, used] = conversions
    const maker = createConverter({ root: packageRoot, cacheDir, cacheMaxBytes: 1 })
    const other = createConverter({ root: packageRoot, cacheDir })
    await convertAll(other, ['float16'])
    const [, made] = await convertAll(maker, ['float16', 'float32'])
    await maker.close()
    expect(entries()).toEqual(keysOf([used, made]))
    expect(await pruneCache(cacheDir, { all: true })).toMatchObject({ inUse: 1 })
    expect(entries()).toEqual(keysOf([used]))
    expect(existsSync(join(used!.dir, 'manifest.json'))).toBe(true)
    await other.close()
    await pruneCache(cacheDir, { all: true })
    expect(entries()).toEqual([])
    expect(old!.key).not.toBe(used!.key)
  })

  it('leaves alone what another process gave out, until that ends', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(3)
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { createConverter } from ${JSON.stringify(join(packageRoot, 'dist/index.js'))}
        const converter = createConverter({ root: ${JSON.stringify(packageRoot)}, cacheDir: ${JSON.stringify(cacheDir)} })
        await converter.find(${JSON.stringify(join(fixtures, 'digits_mlp.onnx'))}, { targets: ['node'], recipes: ['int8'], effort: 'fast' })
        console.log('used')
        setInterval(() => {}, 1000)`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_PATH: '' } },
    )
    await once(child.stdout, 'data')
    expect(await pruneCache(cacheDir, { maxBytes: 0 })).toMatchObject({ inUse: 1, kept: 1 })
    expect(entries()).toEqual(keysOf(conversions))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await pruneCache(cacheDir, { maxBytes: 0 })).toMatchObject({ inUse: 0, kept: 0 })
    expect(readdirSync(join(layoutIn(cacheDir), 'uses'))).toEqual([])
  })
})

describe('verifyCache', () => {
  it('removes every entry of which a byte is another one, and leaves the others', async () => {
    const { cacheDir, conversions, entries } = await cacheWith(1, 1, 1)
    const [changed, shorter, right] = conversions
    expect(await verifyCache(cacheDir)).toMatchObject({ entries: 3, damaged: [] })
    const file = ({ dir, manifest }: Conversion) => join(dir, manifest.variants[0]!.file)
    const bytes = readFileSync(file(changed!))
    bytes[bytes.length >> 1]! ^= 1
    // Neither size nor time tells of it.
    const { atime, mtime } = statSync(file(changed!))
    writeFileSync(file(changed!), bytes)
    utimesSync(file(changed!), atime, mtime)
    writeFileSync(file(shorter!), readFileSync(file(shorter!)).subarray(1))
    mkdirSync(join(layoutIn(cacheDir), 'entries', 'half'))
    const { damaged, ...rest } = await verifyCache(cacheDir)
    expect(rest).toEqual({ entries: 1, bytes: (await cacheStats(cacheDir)).bytes })
    expect(damaged).toHaveLength(3)
    expect(damaged).toEqual(
      expect.arrayContaining([
        { key: changed!.key, problem: expect.stringMatching(/has other content/), removed: true },
        { key: shorter!.key, problem: expect.stringMatching(/has another size/), removed: true },
        { key: 'half', problem: 'manifest.json is missing', removed: true },
      ]),
    )
    expect(entries()).toEqual(keysOf([right]))
    expect(await verifyCache(join(folder, 'nowhere'))).toEqual({ entries: 0, bytes: 0, damaged: [] })
  })
})
