import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isLeft, ownPrefix } from './leftovers'

/** Milliseconds after which a lock that nobody has touched is given up, whoever had it. */
export const staleLock = 15_000
/** The same of a process that is known to be gone: as short as proper-lockfile lets it be. */
const goneLock = 2_000
/** Who has a lock touches it this often. */
const touch = 1_000

/**
 * Takes a lock that processes share: a folder `<key>.lock`, and beside it in `<key>.holder` whose it is, so that the lock of
 * a process that was killed isn't waited for as long as that of one that is only slow.
 * @param folder of locks; it is made
 * @returns what gives it back, or undefined where another process has it
 */
export async function takeLock(folder: string, key: string): Promise<(() => Promise<void>) | undefined> {
  await mkdir(folder, { recursive: true })
  // Loaded when it's needed: it would be a tenth of the time that the command line takes for a small model.
  const { lock } = await import('proper-lockfile')
  const holder = join(folder, `${key}${holderEnding}`)
  const release = await lock(join(folder, key), {
    realpath: false,
    stale: (await isGone(holder)) ? goneLock : staleLock,
    update: touch,
    // A bundler that blocks its thread for long may lose its lock. Then two processes do the same work, and the
    // second rename finds the entry there already: nothing to end a process for.
    onCompromised: () => {},
  }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ELOCKED') return undefined
    throw cause
  })
  if (release === undefined) return undefined
  await writeFile(holder, ownPrefix).catch(() => {})
  return async () => {
    await rm(holder, { force: true }).catch(() => {})
    await release().catch(() => {})
  }
}

/** Locks of processes that are gone, and what says whose they are. */
export async function locksLeft(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    const holder = path.replace(/\.lock$/, holderEnding)
    if (await isGone(holder)) found.push(path)
    else if (path !== holder && !existsSync(holder) && (await ageOf(path)) > staleLock) found.push(path)
  }
  return found
}

async function ageOf(path: string): Promise<number> {
  return Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
}

const holderEnding = '.holder'

async function isGone(holder: string): Promise<boolean> {
  const prefix = await readFile(holder, 'utf8').catch(() => undefined)
  return prefix !== undefined && (await isLeft(holder, prefix))
}
