import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@unplugin-onnx/runtime'
import { collectable, layoutIn } from './cache'
import { takeLock } from './cache-lock'
import { keysInUse } from './cache-uses'
import { damageOf } from './entry-damage'
import { ownPrefix } from './leftovers'

/** What a cache folder holds. */
export interface CacheStats {
  readonly entries: number
  /** Of entries. */
  readonly bytes: number
  /** Models that the cache knows something about. */
  readonly models: number
  /** When the entry that was used longest ago, and the one that was used last, were: ISO 8601. */
  readonly oldest?: string
  readonly newest?: string
  /** Files of variants by recipe, the largest share first. */
  readonly recipes: readonly { readonly recipe: string; readonly files: number; readonly bytes: number }[]
  /** What processes that died left behind, and what other versions of the cache hold. */
  readonly leftovers: { readonly count: number; readonly bytes: number }
}

export interface PruneOptions {
  /** Everything goes that isn't in use, what other versions left too. */
  readonly all?: boolean
  /** Entries that weren't used for this many milliseconds go. */
  readonly olderThan?: number
  /** Those used longest ago go until the rest has no more bytes than this. */
  readonly maxBytes?: number
}

export interface Pruned {
  /** Entries that are gone, the one used longest ago first. */
  readonly removed: readonly { readonly key: string; readonly bytes: number; readonly used: string }[]
  /** Freed, leftovers included. */
  readonly bytes: number
  /** Work folders, locks and half entries of processes that died. */
  readonly leftovers: number
  /** Entries that should have gone, and that a process uses or is at work on. */
  readonly inUse: number
  readonly kept: number
  readonly keptBytes: number
}

interface StoredEntry {
  readonly key: string
  readonly path: string
  readonly bytes: number
  /** Milliseconds since 1970; undefined where the entry isn't whole. */
  readonly used: number | undefined
}

/** @param folder of the cache, which needn't be there */
export async function cacheStats(folder: string): Promise<CacheStats> {
  const entries = await entriesIn(folder)
  const whole = entries.filter(isWhole)
  const used = whole.map((entry) => entry.used).sort((a, b) => a - b)
  const recipes = new Map<string, { files: number; bytes: number }>()
  for (const { path } of whole) {
    for (const { recipe, bytes } of await variantsIn(path)) {
      const before = recipes.get(recipe) ?? { files: 0, bytes: 0 }
      recipes.set(recipe, { files: before.files + 1, bytes: before.bytes + bytes })
    }
  }
  const leftovers = [...(await leftoversOf(folder, entries)), ...(await otherLayouts(folder))]
  const [oldest, newest] = [used[0], used.at(-1)]
  return {
    entries: whole.length,
    bytes: sum(whole),
    models: (await namesIn(join(layoutIn(folder), 'models'))).filter((name) => name.endsWith('.json')).length,
    ...(oldest !== undefined && { oldest: new Date(oldest).toISOString() }),
    ...(newest !== undefined && { newest: new Date(newest).toISOString() }),
    recipes: [...recipes]
      .map(([recipe, size]) => ({ recipe, ...size }))
      .sort((a, b) => b.bytes - a.bytes || (a.recipe < b.recipe ? -1 : 1)),
    leftovers: { count: leftovers.length, bytes: await sizesOf(leftovers) },
  }
}

/**
 * Makes room in a cache folder: leftovers always go, entries as the options say. An entry that a process uses or is at work
 * on stays, and no process ever sees half of one.
 * @param folder of the cache, which needn't be there
 */
export async function pruneCache(folder: string, options: PruneOptions = {}): Promise<Pruned> {
  const entries = await entriesIn(folder)
  const leftovers = await leftoversOf(folder, entries)
  if (options.all) leftovers.push(...(await otherLayouts(folder)))
  let bytes = await sizesOf(leftovers)
  for (const path of leftovers) await rm(path, { recursive: true, force: true })
  const whole = entries.filter(isWhole).sort((a, b) => a.used - b.used)
  const removed: Pruned['removed'][number][] = []
  let left = sum(whole)
  let inUse = 0
  const used = await keysInUse(layoutIn(folder))
  for (const entry of whole) {
    if (!isDue(entry.used, left, options)) continue
    if (used.has(entry.key) || !(await removeEntry(folder, entry, 'unused'))) {
      inUse++
      continue
    }
    removed.push({ key: entry.key, bytes: entry.bytes, used: new Date(entry.used).toISOString() })
    bytes += entry.bytes
    left -= entry.bytes
  }
  // What is known of a model is a few bytes, and found out again by reading it.
  if (options.all && inUse === 0) await rm(join(layoutIn(folder), 'models'), { recursive: true, force: true })
  return {
    removed,
    bytes,
    leftovers: leftovers.length,
    inUse,
    kept: whole.length - removed.length,
    keptBytes: left,
  }
}

/** What a look at every byte of a cache folder has found. */
export interface Verified {
  /** Entries that hold. */
  readonly entries: number
  /** Of these. */
  readonly bytes: number
  readonly damaged: readonly {
    readonly key: string
    readonly problem: string
    /** Not where another process is at work on it: it makes it anew. */
    readonly removed: boolean
  }[]
}

/**
 * Holds every file of every entry against the sha256 that its manifest has for it, and removes entries that don't hold:
 * they are made again when they are asked for.
 * @param folder of the cache, which needn't be there
 */
export async function verifyCache(folder: string): Promise<Verified> {
  const damaged: Verified['damaged'][number][] = []
  let [entries, bytes] = [0, 0]
  for (const entry of await entriesIn(folder)) {
    const text = await readFile(join(entry.path, 'manifest.json'), 'utf8').catch(() => undefined)
    const problem = text === undefined ? 'manifest.json is missing' : await damageOf(entry.path, text)
    if (problem === undefined) {
      entries++
      bytes += entry.bytes
    } else damaged.push({ key: entry.key, problem, removed: await removeEntry(folder, entry, 'any') })
  }
  return { entries, bytes, damaged }
}

function isDue(used: number, left: number, { all = false, olderThan, maxBytes }: PruneOptions): boolean {
  return (
    all ||
    (olderThan !== undefined && Date.now() - used > olderThan) ||
    (maxBytes !== undefined && left > maxBytes)
  )
}

/**
 * Takes an entry away in one rename, under the lock that who makes it holds.
 * @param which whether one that processes use stays
 * @returns whether it is gone; not where another process has the lock
 */
async function removeEntry(
  folder: string,
  { key, path }: Pick<StoredEntry, 'key' | 'path'>,
  which: 'unused' | 'any',
): Promise<boolean> {
  const locks = join(layoutIn(folder), 'locks')
  const temporary = join(layoutIn(folder), 'tmp')
  await mkdir(temporary, { recursive: true })
  const release = await takeLock(locks, key)
  if (release === undefined) return false
  try {
    const doomed = join(temporary, `${ownPrefix}${randomBytes(6).toString('hex')}`)
    await rename(path, doomed)
    // Who wants to use it says so before looking at it: who came first is known now.
    if (which === 'unused' && (await keysInUse(layoutIn(folder))).has(key)) {
      await rename(doomed, path)
      return false
    }
    await rm(doomed, { recursive: true, force: true })
    return true
  } catch (cause) {
    // Another process that prunes was faster.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw cause
  } finally {
    await release()
  }
}

const isWhole = (entry: StoredEntry): entry is StoredEntry & { readonly used: number } =>
  entry.used !== undefined

async function entriesIn(folder: string): Promise<StoredEntry[]> {
  const entries = join(layoutIn(folder), 'entries')
  return Promise.all(
    (await namesIn(entries)).map(async (key): Promise<StoredEntry> => {
      const path = join(entries, key)
      const manifest = await stat(join(path, 'manifest.json')).catch(() => undefined)
      return { key, path, bytes: await sizeOf(path), used: manifest?.mtimeMs }
    }),
  )
}

/** What processes that died left, and entries without a manifest. */
async function leftoversOf(folder: string, entries: readonly StoredEntry[]): Promise<string[]> {
  const halves = entries.filter((entry) => !isWhole(entry)).map(({ path }) => path)
  return [...(await collectable(layoutIn(folder))), ...halves]
}

/** Folders of other versions of the layout. */
async function otherLayouts(folder: string): Promise<string[]> {
  const own = layoutIn(folder)
  return (await namesIn(folder))
    .filter((name) => /^v\d+$/.test(name))
    .map((name) => join(folder, name))
    .filter((path) => path !== own)
}

/** Each file once: targets share what is the same. */
async function variantsIn(path: string): Promise<{ readonly recipe: string; readonly bytes: number }[]> {
  try {
    const { variants } = JSON.parse(await readFile(join(path, 'manifest.json'), 'utf8')) as Manifest
    return [...new Map(variants.map((variant) => [variant.file, variant])).values()]
  } catch {
    return []
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats?.isDirectory()) return stats?.size ?? 0
  return sizesOf((await namesIn(path)).map((name) => join(path, name)))
}

async function sizesOf(paths: readonly string[]): Promise<number> {
  let bytes = 0
  for (const path of paths) bytes += await sizeOf(path)
  return bytes
}

const sum = (entries: readonly StoredEntry[]): number =>
  entries.reduce((total, { bytes }) => total + bytes, 0)
