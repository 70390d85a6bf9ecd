import { resolve } from 'node:path'
import {
  cacheStats,
  defaultCacheDir,
  type Pruned,
  type PruneOptions,
  printable,
  pruneCache,
  verifyCache,
} from '@unplugin-onnx/build'
import { Command } from 'commander'
import { createOptionsReader } from '../options/config-file'
import { duration, size } from './arguments'
import { print } from './report'
import { bytes as shown } from './units'

interface Flags {
  readonly cacheDir?: string
  readonly json?: true
}

interface PruneFlags extends Flags {
  readonly all?: true
  readonly olderThan?: number
  readonly maxSize?: number
}

export const cacheCommand = (): Command =>
  new Command('cache')
    .description('look after the folder that conversions are kept in')
    .addCommand(withFlags('stats', 'say what it holds').action(stats))
    .addCommand(
      withFlags('prune', 'remove what processes that died left behind, and what is no longer of use')
        .option('--all', 'everything that is not in use')
        .option('--older-than <time>', 'what was not used for so long: 30d, 12h, 45m', duration)
        .option('--max-size <size>', 'what was used longest ago, until the rest is no larger: 500MB', size)
        .action(prune),
    )
    .addCommand(
      withFlags('verify', 'hash every file of every entry, and remove entries that are damaged').action(
        verify,
      ),
    )
    .addCommand(withFlags('dir', 'print the folder').action(dir))

const withFlags = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .option('--cache-dir <dir>', 'folder of the cache')
    .option('--json', 'print JSON')

/** As named, as configured, or where it is by default. */
export async function cacheFolder(root: string, dir: string | undefined): Promise<string> {
  if (dir !== undefined) return resolve(root, dir)
  const { cache } = await createOptionsReader(root, {})()
  return cache?.dir === undefined ? defaultCacheDir(root) : resolve(root, cache.dir)
}

async function dir(flags: Flags): Promise<void> {
  const folder = await cacheFolder(process.cwd(), flags.cacheDir)
  if (flags.json) print({ dir: folder })
  else process.stdout.write(`${folder}\n`)
}

async function stats(flags: Flags): Promise<void> {
  const folder = await cacheFolder(process.cwd(), flags.cacheDir)
  const found = await cacheStats(folder)
  if (flags.json) return print({ dir: folder, ...found })
  const { entries, bytes, models, oldest, newest, recipes, leftovers } = found
  const rows: [string, string][] = [
    ['entries', `${entries} with ${shown(bytes)}`],
    ['models', String(models)],
    ...(oldest === undefined || newest === undefined
      ? []
      : [['last used', oldest === newest ? oldest : `${oldest} to ${newest}`] as [string, string]]),
    ...recipes.map(({ recipe, files, bytes: size }): [string, string] => [
      printable(recipe),
      `${files === 1 ? '1 file' : `${files} files`} with ${shown(size)}`,
    ]),
    ...(leftovers.count === 0
      ? []
      : [['leftovers', `${leftovers.count} with ${shown(leftovers.bytes)}`] as [string, string]]),
  ]
  process.stdout.write(rows.map(([label, text]) => `${label.padEnd(16)}${text}\n`).join(''))
}

async function prune({ cacheDir, json, all, olderThan, maxSize }: PruneFlags): Promise<void> {
  const folder = await cacheFolder(process.cwd(), cacheDir)
  const options: PruneOptions = {
    ...(all && { all }),
    ...(olderThan !== undefined && { olderThan }),
    ...(maxSize !== undefined && { maxBytes: maxSize }),
  }
  const pruned = await pruneCache(folder, options)
  if (json) print({ dir: folder, ...pruned })
  else process.stdout.write(`${prunedText(pruned)}\n`)
}

async function verify({ cacheDir, json }: Flags): Promise<void> {
  const folder = await cacheFolder(process.cwd(), cacheDir)
  const verified = await verifyCache(folder)
  if (json) return print({ dir: folder, ...verified })
  const { entries, bytes, damaged } = verified
  const lines = damaged.map(
    ({ key, problem, removed }) =>
      `${removed ? 'removed' : 'at work'}  ${printable(key).slice(0, 12)}  ${printable(problem)}\n`,
  )
  process.stdout.write(
    `${lines.join('')}${entries === 1 ? '1 entry holds' : `${entries} entries hold`}: ${shown(bytes)}. ${damaged.length === 0 ? 'None is' : damaged.length === 1 ? '1 was' : `${damaged.length} were`} damaged.\n`,
  )
}

function prunedText({ removed, leftovers, bytes, inUse, kept, keptBytes }: Pruned): string {
  const entries = (count: number) => (count === 1 ? '1 entry' : `${count} entries`)
  const gone = `Removed ${entries(removed.length)}${leftovers > 0 ? ` and ${leftovers} leftovers` : ''}: ${shown(bytes)}.`
  const busy = inUse > 0 ? ` ${entries(inUse)} in use by a process stayed.` : ''
  return `${gone} Kept ${entries(kept)} with ${shown(keptBytes)}.${busy}`
}
