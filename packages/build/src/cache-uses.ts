import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isLeft, ownPrefix } from './leftovers'

/** Of this process. */
const files = new Set<string>()

function removeAll(): void {
  for (const file of files) rmSync(file, { force: true })
}

/**
 * What processes say of the entries that they gave out: a bundler reads them long after, a dev server for as long as it
 * runs. Each process has a file `uses/<machine>-<process>-<random>` in the cache with a key in each line, until it ends or
 * takes them back.
 */
export class Uses {
  readonly #folder: string
  readonly #keys = new Set<string>()
  #file: string | undefined

  /** @param folder of the cache's layout */
  constructor(folder: string) {
    this.#folder = usesIn(folder)
  }

  /** Says that this process uses an entry. To be called before the entry is looked at: whoever removes it looks here after. */
  add(key: string): void {
    if (this.#keys.has(key)) return
    try {
      appendFileSync(this.#path(), `${key}\n`)
      this.#keys.add(key)
    } catch {
      // A folder that can't be written to is none that anything is removed from.
    }
  }

  /** Takes all back. */
  release(): void {
    this.#keys.clear()
    if (this.#file === undefined) return
    rmSync(this.#file, { force: true })
    files.delete(this.#file)
    if (files.size === 0) process.off('exit', removeAll)
    this.#file = undefined
  }

  #path(): string {
    if (this.#file === undefined) {
      mkdirSync(this.#folder, { recursive: true })
      if (files.size === 0) process.once('exit', removeAll)
      const file = join(this.#folder, `${ownPrefix}${randomBytes(6).toString('hex')}`)
      this.#file = file
      files.add(file)
    }
    return this.#file
  }
}

/** Keys of entries that processes use, this one among them; what processes left that ended without a word is removed. */
export async function keysInUse(folder: string): Promise<ReadonlySet<string>> {
  const uses = usesIn(folder)
  const keys = new Set<string>()
  for (const name of await readdir(uses).catch(() => [])) {
    const path = join(uses, name)
    if (await isLeft(path, name)) await rm(path, { force: true }).catch(() => {})
    else for (const key of (await readFile(path, 'utf8').catch(() => '')).split('\n')) keys.add(key)
  }
  return keys
}

export const usesIn = (folder: string): string => join(folder, 'uses')
