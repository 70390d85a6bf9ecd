import { type PruneOptions, pruneCache } from './cache-upkeep'

/** What a cache folder may hold where nothing is said: some hundred models of middle size. */
export const defaultMaxBytes = 5e9
/** Between two looks at all entries, where more is converted all the time. */
const pause = 60_000

/** Keeps a cache folder below a size: entries that were used longest ago go, but none that a process uses. */
export class CacheLimit {
  readonly #folder: string
  readonly #options: PruneOptions
  #looking: Promise<unknown> = Promise.resolve()
  #grown = false
  #looked = Date.now()

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder
    this.#options = { maxBytes }
  }

  /** To be told of each new entry. */
  grew(): void {
    this.#grown = true
    // A dev server is never done.
    if (Date.now() - this.#looked > pause) this.#look()
  }

  /** Looks once more where there is something new. */
  async settle(): Promise<void> {
    if (this.#grown) this.#look()
    await this.#looking
  }

  #look(): void {
    if (this.#options.maxBytes === Number.POSITIVE_INFINITY) return
    this.#grown = false
    this.#looked = Date.now()
    // A folder that can't be tidied is as good as before.
    this.#looking = this.#looking.then(() => pruneCache(this.#folder, this.#options)).catch(() => {})
  }
}
