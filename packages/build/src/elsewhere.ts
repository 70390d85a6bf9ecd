import type { Cache, Entry } from './cache'
import type { RemoteCache } from './cache-remote/remote-cache'
import type { Report } from './logger'
import { joinParts, partKey } from './parts'
import type { Request } from './request'

/** An entry, and how it came. */
export interface Found {
  readonly entry: Entry
  /** Whether the remote cache had it, or a part of it. */
  readonly fetched?: true
}

/** Where entries come from that aren't in the local cache as they are asked for. */
export class Elsewhere {
  readonly #cache: Cache
  readonly #remote: (() => Promise<RemoteCache>) | undefined

  /** @param remote opens the remote cache, where there is one */
  constructor(cache: Cache, remote: (() => Promise<RemoteCache>) | undefined) {
    this.#cache = cache
    this.#remote = remote
  }

  /**
   * Takes an entry from the remote cache, or puts it together from parts that machines have made, each for one target.
   * @param only the target whose part is asked for
   */
  async find(asked: Request, key: string, report: Report, only?: string): Promise<Found | undefined> {
    if (this.#remote !== undefined) {
      report('fetch')
      const whole = await this.#fetch(this.#remote, key, asked)
      if (typeof whole !== 'string') return { entry: whole, fetched: true }
      // A server that is of no use has no parts either, and isn't waited for once more.
      if (whole === 'failed') return undefined
    }
    return only === undefined && asked.targets.length > 1 ? this.#fromParts(asked, key) : undefined
  }

  async #fetch(remote: () => Promise<RemoteCache>, key: string, asked: Request) {
    const { fetchEntry } = await import('./cache-remote/fetch-entry')
    return fetchEntry(await remote(), this.#cache, key, asked)
  }

  async #fromParts(asked: Request, key: string): Promise<Found | undefined> {
    const parts: Entry[] = []
    let fetched = false
    for (const { name } of asked.targets) {
      const part = partKey(key, name)
      const here = await this.#cache.read(part)
      const there = here === undefined && this.#remote ? await this.#fetch(this.#remote, part, asked) : here
      if (there === undefined || typeof there === 'string') return undefined
      fetched ||= here === undefined
      parts.push(there)
    }
    const work = await this.#cache.workFolder()
    try {
      const joined = await joinParts(parts, work)
      if (joined === undefined) return undefined
      const entry = await this.#cache.commit(work, key, joined.manifest, joined.report)
      return { entry, ...(fetched && { fetched }) }
    } finally {
      await this.#cache.discard(work)
    }
  }
}
