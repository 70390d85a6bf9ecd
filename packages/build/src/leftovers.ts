import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { alive, machine, staleFolder } from './processes'

/** What a process puts into a folder that others look at begins with this. */
export const ownPrefix = `${machine}-${process.pid}-`

/** Whether the process is gone whose files begin with `<machine>-<process>-`. */
export async function isLeft(path: string, prefix: string): Promise<boolean> {
  const [host, pid] = prefix.split('-')
  if (host === machine && Number(pid) > 0) return !alive(Number(pid))
  // Of another machine's process nobody can tell whether it lives: its word holds for a day.
  return isOld(path)
}

/**
 * What processes that died left in a folder where names begin with theirs.
 * @param old whether what is older than a day goes in any case: another process may have the same number by now
 * @param start what names have before that; others are left alone
 */
export async function leftoversIn(folder: string, old: boolean, start = ''): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start)) continue
    const path = join(folder, name)
    if ((await isLeft(path, name.slice(start.length))) || (old && (await isOld(path)))) found.push(path)
  }
  return found
}

async function isOld(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined)
  return stats !== undefined && Date.now() - stats.mtimeMs > staleFolder
}

export async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true }).catch(() => {})
}
