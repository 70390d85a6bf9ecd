import { randomBytes } from 'node:crypto'
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isLeft, ownPrefix } from './leftovers'

const ending = '.tmp'

/**
 * Puts a file into its place, whole or not at all: it is written under another name beside it, and renamed. What processes
 * that were killed on the way left there is removed.
 * @param write is handed the path to write to
 */
export async function putWhole<T>(file: string, write: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = `${file}.${ownPrefix}${randomBytes(4).toString('hex')}${ending}`
  try {
    const written = await write(temporary)
    await rename(temporary, file)
    return written
  } finally {
    await rm(temporary, { force: true })
    await removeLeft(file)
  }
}

async function removeLeft(file: string): Promise<void> {
  const folder = dirname(file)
  const start = `${basename(file)}.`
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start) || !name.endsWith(ending)) continue
    const path = join(folder, name)
    const prefix = name.slice(start.length)
    if (/^[0-9a-f]+-\d+-[0-9a-f]+\.tmp$/.test(prefix) && (await isLeft(path, prefix)))
      await rm(path, { force: true }).catch(() => {})
  }
}
