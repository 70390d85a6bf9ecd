import { stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@unplugin-onnx/runtime'
import { limiter } from '../limit'
import type { Logger } from '../logger'
import type { Unpacked } from './archive'
import { type Failed, RemoteClient } from './client'
import { NotAnEntry } from './manifest-shape'
import type { RemoteSettings } from './settings'
import { isTag } from './signature'
import { noTransfers, type Transfers } from './transfers'

/** Loaded when it's needed: most builds find all there is in their own cache. */
const archives = () => import('./archive')

/** What an archive has to be to be used. */
export interface Expected {
  /** sha256 of the model that it was made of. */
  readonly model: string
  /** No right archive of this model is larger. */
  readonly maxBytes: number
}

/** After so many calls in a row that came to nothing, there are no more. */
const maxFailures = 3
/** For so many milliseconds a server that was given up isn't asked by the next converter either: builds have several. */
const outage = 60_000
/** When servers were given up. */
const givenUp = new Map<string, number>()
/** Calls at a time. */
const atATime = { downloads: 8, uploads: 2 }

/** The cache that a team shares. It makes builds faster where it can, and never makes one fail. */
export class RemoteCache {
  readonly #settings: RemoteSettings
  readonly #logger: Logger
  readonly #client: RemoteClient
  readonly #abort = new AbortController()
  readonly #downloading = limiter(atATime.downloads)
  readonly #uploading = limiter(atATime.uploads)
  /** Keys that the server is known to have, or not to have in a form that holds. */
  readonly #known = new Map<string, 'there' | 'missing'>()
  readonly #uploads = new Set<Promise<void>>()
  readonly #told = new Set<string>()
  readonly #transfers: { -readonly [K in keyof Transfers]: number } = { ...noTransfers }
  /** In a row. */
  #failures = 0

  constructor(settings: RemoteSettings, logger: Logger) {
    this.#settings = settings
    this.#logger = logger
    this.#client = new RemoteClient(settings, this.#abort.signal)
    if (Date.now() - (givenUp.get(settings.url) ?? Number.NEGATIVE_INFINITY) < outage) this.#abort.abort()
  }

  get transfers(): Transfers {
    return { ...this.#transfers }
  }

  /**
   * The entry of this key, if the server has it and all of it holds.
   * @param work an empty folder, which its files are put into
   * @returns 'missing' where the server has none, 'failed' where nobody knows
   */
  fetch(key: string, expected: Expected, work: string): Promise<Unpacked | 'missing' | 'failed'> {
    return this.#downloading(async () => {
      if (this.#abort.signal.aborted) return 'failed'
      const archive = join(work, 'entry.tar')
      const found = await this.#client.download(key, archive, expected.maxBytes)
      if (found.kind === 'failed') return this.#fail(found)
      if (found.kind === 'missing') {
        this.#succeed(key, 'missing')
        return 'missing'
      }
      if (found.kind === 'too large') return this.#reject(key, 'it is larger than it can be')
      if (found.tag === null)
        return this.#reject(key, 'it has no x-artifact-tag, which the server has to keep and to send')
      if (!isTag(found.tag, found.computed))
        return this.#reject(key, 'its signature does not hold: it was changed, or signed with another key')
      try {
        const unpacked = await (await archives()).unpack(archive, work)
        if (unpacked.manifest.source.sha256 !== expected.model)
          throw new NotAnEntry('it was made of another model')
        await unlink(archive)
        this.#succeed(key, 'there')
        this.#transfers.fetched++
        this.#transfers.fetchedBytes += found.bytes
        return unpacked
      } catch (cause) {
        if (!(cause instanceof NotAnEntry)) throw cause
        return this.#reject(key, cause.message)
      }
    })
  }

  /** Sees to it that the server has an entry, in the background. */
  offer(key: string, dir: string, manifest: Manifest): void {
    if (!this.#settings.writes || this.#known.get(key) === 'there' || this.#abort.signal.aborted) return
    const known = this.#known.get(key)
    this.#known.set(key, 'there')
    const upload = this.#uploading(() => this.#upload(key, dir, manifest, known === undefined)).finally(
      () => void this.#uploads.delete(upload),
    )
    this.#uploads.add(upload)
  }

  /**
   * Waits for uploads, as long as the settings say, and breaks off what is left.
   * @param now breaks off at once
   */
  async close(now = false): Promise<void> {
    if (!now && this.#uploads.size > 0) {
      let timer: NodeJS.Timeout | undefined
      const { uploadTimeout } = this.#settings
      const late = new Promise<'late'>((resolve) => {
        // Longer is for ever, and a timer that is longer ends at once.
        if (uploadTimeout < 2 ** 31) timer = setTimeout(() => resolve('late'), uploadTimeout)
      })
      const done = await Promise.race([Promise.all(this.#uploads), late])
      clearTimeout(timer)
      if (done === 'late' && !this.#abort.signal.aborted)
        this.#warn(
          `${this.#uploads.size} uploads to the remote cache took longer than ${uploadTimeout / 1000} s and were broken off.`,
        )
    }
    this.#abort.abort()
    await Promise.all(this.#uploads)
    const { fetched, fetchedBytes, uploaded, uploadedBytes } = this.#transfers
    if (fetched + uploaded > 0)
      this.#logger.info(
        `Remote cache: ${fetched} ${fetched === 1 ? 'entry' : 'entries'} fetched (${megabytes(fetchedBytes)}), ${uploaded} uploaded (${megabytes(uploadedBytes)}).`,
      )
  }

  async #upload(key: string, dir: string, manifest: Manifest, ask: boolean): Promise<void> {
    if (this.#abort.signal.aborted) return
    // Without its report an entry isn't whole, and what was removed meanwhile is no entry.
    if ((await stat(join(dir, 'report.json')).catch(() => undefined)) === undefined) return
    if (ask) {
      const has = await this.#client.has(key)
      if (has.kind === 'failed') {
        this.#fail(has)
        return
      }
      this.#failures = 0
      if (has.kind === 'found') return
    }
    const { pack } = await archives()
    const stored = await this.#client.upload(key, () => pack(dir, manifest))
    if (stored.kind === 'failed') {
      this.#fail(stored)
      return
    }
    this.#failures = 0
    this.#transfers.uploaded++
    this.#transfers.uploadedBytes += stored.bytes
  }

  #succeed(key: string, state: 'there' | 'missing'): void {
    this.#failures = 0
    this.#known.set(key, state)
  }

  #reject(key: string, problem: string): 'failed' {
    this.#known.set(key, 'missing')
    this.#transfers.rejected++
    this.#warn(`The entry ${key.slice(0, 12)} of the remote cache is not used: ${problem}.`)
    return this.#count()
  }

  #fail({ reason }: Failed): 'failed' {
    if (this.#abort.signal.aborted) return 'failed'
    this.#transfers.failed++
    this.#warn(`The remote cache at ${new URL(this.#settings.url).host} is of no use: ${reason}.`)
    return this.#count()
  }

  #count(): 'failed' {
    if (++this.#failures === maxFailures) {
      this.#warn(
        `${maxFailures} calls to the remote cache in a row came to nothing: it isn't asked any more.`,
      )
      givenUp.set(this.#settings.url, Date.now())
      this.#abort.abort()
    }
    return 'failed'
  }

  #warn(message: string): void {
    if (this.#told.has(message)) return
    this.#told.add(message)
    this.#logger.warn(message)
  }
}

const megabytes = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
