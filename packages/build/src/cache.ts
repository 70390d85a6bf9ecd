import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@unplugin-onnx/runtime'
import { Uses } from './cache-uses'
import { damageOf } from './entry-damage'
import { reasonOf } from './errors'
import { sha256 } from './hash'
import type { Logger } from './logger'
import { alive, machine, staleFolder } from './processes'
import type { ReportData } from './report/data'
import { filesOf } from './variant-files'

/** A finished conversion on disk. Its manifest names no source file: many paths may hold the same model. */
export interface Entry {
  readonly dir: string
  readonly manifest: Manifest
}

/** Folder names carry the layout's version, so that another version's files are never misread. */
const layout = 'v2'
export const staleLock = 15_000

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
  readonly #uses: Uses
  #collected = false

  constructor(folder: string, logger: Logger) {
    this.#folder = layoutIn(folder)
    this.#uses = new Uses(this.#folder)
    this.#logger = logger
  }

  /** Locations of external data of the model with this hash; undefined if it was never parsed. */
  async externalLocations(modelSha256: string): Promise<readonly string[] | undefined> {
    for (const folder of this.#folders()) {
      const text = await readFile(join(folder, 'models', `${modelSha256}.json`), 'utf8').catch(
        () => undefined,
      )
      const locations = text === undefined ? undefined : locationsIn(text)
      if (locations !== undefined) return locations
    }
    return undefined
  }

  async rememberLocations(modelSha256: string, locations: readonly string[]): Promise<void> {
    const folder = join(await this.#writable(), 'models')
    await mkdir(folder, { recursive: true })
    const temporary = join(folder, `${modelSha256}.${randomBytes(6).toString('hex')}.tmp`)
    await writeDurably(temporary, JSON.stringify({ external: locations }))
    await rename(temporary, join(folder, `${modelSha256}.json`))
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
    const folder = join(await this.#writable(), 'tmp')
    await mkdir(folder, { recursive: true })
    await this.#collect(folder)
    const work = join(folder, `${machine}-${process.pid}-${randomBytes(6).toString('hex')}`)
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
    await writeDurably(join(work, 'manifest.sha256'), sha256(text))
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
      // What lies there is damaged, or nothing: it is moved away first, since no rename replaces a folder that has files.
      await rename(dir, `${work}-damaged`).catch(() => undefined)
      await rename(work, dir).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST' && cause.code !== 'EPERM') throw cause
      })
      await rm(`${work}-damaged`, { recursive: true, force: true })
    }
    await flush(entries)
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

  /**
   * Lets one process at a time work on a key. A process that died holds no lock for longer than 15 s.
   * @param onWait called once if another process is at work
   */
  async exclusively<T>(key: string, onWait: () => void, action: () => Promise<T>): Promise<T> {
    const folder = join(await this.#writable(), 'locks')
    await mkdir(folder, { recursive: true })
    // Loaded when it's needed: it would be a tenth of the time that the command line takes for a small model.
    const { lock } = await import('proper-lockfile')
    let told = false
    for (;;) {
      const release = await lock(join(folder, key), {
        realpath: false,
        stale: staleLock,
        update: 3_000,
        // A bundler that blocks its thread for long may lose its lock. Then two processes do the same work, and the
        // second rename finds the entry there already: nothing to end a process for.
        onCompromised: () => {},
      }).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ELOCKED') return undefined
        throw cause
      })
      if (release !== undefined) {
        try {
          return await action()
        } finally {
          await release().catch(() => {})
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
      const probe = join(this.#folder, `.probe-${process.pid}-${randomBytes(4).toString('hex')}`)
      await writeFile(probe, '')
      await rm(probe, { force: true })
      return this.#folder
    } catch (cause) {
      if (this.#substitute !== undefined) return this.#substitute
      const substitute = mkdtempSync(join(tmpdir(), 'unplugin-onnx-'))
      this.#substitute = substitute
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
    await this.#use(dir)
    return { dir, manifest: JSON.parse(text) as Manifest }
  }

  /** Says that an entry is of use, once in a process: pruning removes first what wasn't for longest. */
  async #use(dir: string): Promise<void> {
    if (this.#used.has(dir)) return
    this.#used.add(dir)
    const now = new Date()
    // A folder that can't be written to is none that is pruned.
    await utimes(join(dir, 'manifest.json'), now, now).catch(() => {})
  }

  /** Removes work folders of processes that died. */
  async #collect(folder: string): Promise<void> {
    if (this.#collected) return
    this.#collected = true
    for (const path of await leftoversIn(folder))
      await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

/** Work folders of processes that died, in the folder for them. */
export async function leftoversIn(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    const [host, pid] = name.split('-')
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
    if ((host === machine && !alive(Number(pid))) || age > staleFolder) found.push(path)
  }
  return found
}

function locationsIn(text: string): string[] | undefined {
  try {
    const { external } = JSON.parse(text) as { external?: unknown }
    return Array.isArray(external) && external.every((each) => typeof each === 'string')
      ? external
      : undefined
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
