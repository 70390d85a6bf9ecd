import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CutOff, Manifest } from '@unplugin-onnx/runtime'
import { locksLeft, takeLock } from './cache-lock'
import { Uses, usesIn } from './cache-uses'
import { damageOf } from './entry-damage'
import { reasonOf } from './errors'
import { sealOf } from './hash'
import { leftoversIn, ownPrefix, removeAll } from './leftovers'
import type { Logger } from './logger'
import type { ReportData } from './report/data'
import { filesOf } from './variant-files'
import type { WorkerLimits } from './worker-limits'

/** A finished conversion on disk. Its manifest names no source file: many paths may hold the same model. */
export interface Entry {
  readonly dir: string
  readonly manifest: Manifest
}

/** Folder names carry the layout's version, so that another version's files are never misread. */
const layout = 'v2'

/** Of folders that stand in for a cache folder which can't be written to. */
const substituteStart = 'unplugin-onnx-instead-'

/** Where conversions of a project lie unless it says otherwise. */
export const defaultCacheDir = (root: string): string => join(root, 'node_modules', '.cache', 'unplugin-onnx')

/** Of a cache folder, the part that this version reads and writes. */
export const layoutIn = (folder: string): string => join(folder, layout)

/**
 * Content-addressed cache of conversions:
 * `entries/<key>/` with manifest and variants, `models/<sha256>.json` with what is known of a model without parsing it,
 * `locks/` for single flight between processes, `uses/` for what they have given out, `tmp/` for what is being written.
 */
export class Cache {
  readonly #folder: string
  readonly #logger: Logger
  /** Where entries go when the folder can't be written to; made once, gone when the process ends. */
  #substitute: string | undefined
  /** Entries whose hashes held once in this process, with what stat said then. */
  readonly #verified = new Map<string, string>()
  /** Entries that were marked as used. */
  readonly #used = new Set<string>()
  /** Entries whose damage was told; it is met again on the way to the new entry. */
  readonly #told = new Set<string>()
  /** Entries that were made for this process. */
  readonly #made = new Set<string>()
  readonly #uses: Uses
  readonly #limits: Required<WorkerLimits>
  #collecting: Promise<void> | undefined

  /** @param limits in force: what was cut off by lower ones is made again */
  constructor(folder: string, logger: Logger, limits: Required<WorkerLimits>) {
    this.#folder = layoutIn(folder)
    this.#uses = new Uses(this.#folder)
    this.#logger = logger
    this.#limits = limits
  }

  /** Locations of external data of the model with this hash; undefined if it was never parsed. */
  async externalLocations(modelSha256: string): Promise<readonly string[] | undefined> {
    for (const folder of this.#folders()) {
      const text = await readFile(join(folder, 'models', `${modelSha256}.json`), 'utf8').catch(
        () => undefined,
      )
      const locations = text === undefined ? undefined : locationsIn(text, modelSha256)
      if (locations !== undefined) return locations
    }
    return undefined
  }

  async rememberLocations(modelSha256: string, locations: readonly string[]): Promise<void> {
    const layout = await this.#writable()
    const folder = join(layout, 'models')
    await mkdir(folder, { recursive: true })
    const temporary = await ownPath(layout)
    try {
      const seal = sealOf(modelSha256, JSON.stringify(locations))
      await writeDurably(temporary, JSON.stringify({ external: locations, seal }))
      await rename(temporary, join(folder, `${modelSha256}.json`))
    } finally {
      await rm(temporary, { force: true })
    }
  }

  /** The entry of this key, if it is there and every byte of it is as it was written. */
  async read(key: string): Promise<Entry | undefined> {
    for (const folder of this.#folders()) {
      const entry = await this.#readFrom(join(folder, 'entries', key), key)
      if (entry !== undefined) return entry
    }
    return undefined
  }

  /** A new folder of this process to prepare an entry in. */
  async workFolder(): Promise<string> {
    const work = await ownPath(await this.#writable())
    // Whoever converts for long, as a dev server does, isn't to leave it to its end.
    this.#collecting ??= this.collect()
    await this.#collecting
    await mkdir(work)
    return work
  }

  /**
   * Makes an entry visible, whole or not at all: everything is on disk before one rename shows it. Where another process
   * was faster, its entry stays.
   */
  async commit(work: string, key: string, manifest: Manifest, report: ReportData): Promise<Entry> {
    const text = `${JSON.stringify(manifest, null, 2)}\n`
    await writeDurably(join(work, 'manifest.json'), text)
    await writeDurably(join(work, 'manifest.sha256'), sealOf(key, text))
    await writeDurably(join(work, 'report.json'), `${JSON.stringify(report)}\n`)
    const files = new Set(filesOf(manifest).map(({ file }) => file))
    for (const file of files) await flush(join(work, file))
    // Dropped candidates and samples go; what stays is on disk before it is shown.
    const kept = new Set([...files, 'manifest.json', 'manifest.sha256', 'report.json'])
    for (const file of await readdir(work))
      if (!kept.has(file)) await rm(join(work, file), { recursive: true })
    await flush(work)
    const entries = join(await this.#writable(), 'entries')
    await mkdir(entries, { recursive: true })
    const dir = join(entries, key)
    if ((await this.#readFrom(dir, key)) === undefined) {
      // What lies there is damaged, cut off, or nothing: it is moved away first, since no rename replaces a folder that has files.
      await rename(dir, `${work}-damaged`).catch(() => undefined)
      await rename(work, dir).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST' && cause.code !== 'EPERM') throw cause
      })
      await rm(`${work}-damaged`, { recursive: true, force: true })
    }
    await flush(entries)
    this.#made.add(dir)
    this.#told.delete(dir)
    const entry = await this.#readFrom(dir, key)
    if (entry === undefined) throw new Error('the cache entry vanished as it was written')
    return entry
  }

  /** Says that this process needs none of the entries that it gave out any more. */
  release(): void {
    this.#uses.release()
  }

  /** Removes a work folder, if it is still there. */
  async discard(work: string): Promise<void> {
    await rm(work, { recursive: true, force: true }).catch(() => {})
  }

  /** Removes what processes that died left. */
  async collect(): Promise<void> {
    // A folder that can't be written to is none that anything is removed from.
    await removeAll(await collectable(this.#folder)).catch(() => {})
  }

  /**
   * Lets one process at a time work on a key. A process that died holds no lock for longer than 15 s, and of this machine for
   * no longer than 2 s.
   * @param onWait called once if another process is at work
   */
  async exclusively<T>(key: string, onWait: () => void, action: () => Promise<T>): Promise<T> {
    const folder = join(await this.#writable(), 'locks')
    let told = false
    for (;;) {
      const release = await takeLock(folder, key)
      if (release !== undefined) {
        try {
          return await action()
        } finally {
          await release()
        }
      }
      if (!told) onWait()
      told = true
      await new Promise((resume) => setTimeout(resume, 200))
    }
  }

  #folders(): string[] {
    return this.#substitute === undefined ? [this.#folder] : [this.#folder, this.#substitute]
  }

  async #writable(): Promise<string> {
    if (this.#substitute !== undefined) return this.#substitute
    try {
      mkdirSync(this.#folder, { recursive: true })
      const probe = await ownPath(this.#folder)
      await writeFile(probe, '')
      await rm(probe, { force: true })
      return this.#folder
    } catch (cause) {
      if (this.#substitute !== undefined) return this.#substitute
      const substitute = mkdtempSync(join(tmpdir(), `${substituteStart}${ownPrefix}`))
      this.#substitute = substitute
      await removeAll(await leftoversIn(tmpdir(), false, substituteStart))
      process.once('exit', () => rmSync(substitute, { recursive: true, force: true }))
      this.#logger.warn(
        `The cache folder can't be written to (${reasonOf(cause)}): models are converted again in every build. Set cache.dir to a folder that can.`,
      )
      return substitute
    }
  }

  async #readFrom(dir: string, key: string): Promise<Entry | undefined> {
    const isThere = async () => (await stat(dir).catch(() => undefined)) !== undefined
    if (!(await isThere())) return undefined
    this.#uses.add(key)
    const text = await readFile(join(dir, 'manifest.json'), 'utf8').catch(() => undefined)
    const problem =
      text === undefined ? 'manifest.json is missing' : await damageOf(dir, text, this.#verified)
    if (text === undefined || problem !== undefined) {
      // Removed meanwhile, to make room.
      if (!(await isThere())) return undefined
      if (!this.#told.has(dir)) {
        this.#logger.warn(`The cache entry ${key.slice(0, 12)} is damaged (${problem}): it is made again.`)
      }
      this.#told.add(dir)
      return undefined
    }
    const manifest = JSON.parse(text) as Manifest
    // No damage: it is right for who made it, and may be better by now.
    if (manifest.cutOff && !this.#made.has(dir) && !staysCutOff(manifest.cutOff, this.#limits))
      return undefined
    await this.#use(dir)
    return { dir, manifest }
  }

  /** Says that an entry is of use, once in a process: pruning removes first what wasn't for longest. */
  async #use(dir: string): Promise<void> {
    if (this.#used.has(dir)) return
    this.#used.add(dir)
    const now = new Date()
    // A folder that can't be written to is none that is pruned.
    await utimes(join(dir, 'manifest.json'), now, now).catch(() => {})
  }
}

/** A path in a cache that nobody else writes to, and that is known for what it is when this process has died. */
async function ownPath(layout: string): Promise<string> {
  const folder = join(layout, 'tmp')
  await mkdir(folder, { recursive: true })
  return join(folder, `${ownPrefix}${randomBytes(6).toString('hex')}`)
}

/** What processes that died left in a cache. */
export const collectable = async (layout: string): Promise<string[]> =>
  (
    await Promise.all([
      leftoversIn(join(layout, 'tmp'), true),
      leftoversIn(usesIn(layout), false),
      locksLeft(join(layout, 'locks')),
    ])
  ).flat()

/** Whether what was given up would be given up again. */
const staysCutOff = (
  { conversionSeconds = Number.POSITIVE_INFINITY, workerMemory = Number.POSITIVE_INFINITY, killed }: CutOff,
  limits: Required<WorkerLimits>,
): boolean =>
  killed !== true && limits.conversionSeconds <= conversionSeconds && limits.workerMemory <= workerMemory

/** Undefined where the text is damaged, or was written of another model. */
function locationsIn(text: string, modelSha256: string): string[] | undefined {
  try {
    const { external, seal } = JSON.parse(text) as { external?: unknown; seal?: unknown }
    if (seal !== sealOf(modelSha256, JSON.stringify(external))) return undefined
    return external as string[]
  } catch {
    return undefined
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** fsync of a file, or of a folder's list of names, which some systems refuse. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (handle === undefined) return
  await handle.sync().catch(() => {})
  await handle.close()
}
