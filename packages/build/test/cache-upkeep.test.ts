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
import { layoutIn, machine } from '../src/cache'
import { type Conversion, cacheStats, createConverter, pruneCache } from '../src/index'
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
