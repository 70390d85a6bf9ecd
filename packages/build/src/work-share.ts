import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { canonical } from './hash'
import { limiter } from './limit'
import { type ModelOptions, normalizeOptions } from './options'
import { displayName } from './request'
import { absolute, hashModel } from './source'

/** A model to convert, and how. */
export interface Work {
  readonly file: string
  readonly options: ModelOptions
}

/** What one of several machines does of it. */
export interface ShareOfWork extends Work {
  /** Names of the targets that are this machine's. */
  readonly targets: readonly string[]
  /** Whether these are all of the model's. */
  readonly whole: boolean
}

/** What a conversion costs however small the model is, in the bytes that cost as much. */
const leastCost = 2e6
/** Files that are hashed at a time. */
const atATime = 8

/**
 * The share of one of several machines in models x targets. All machines that are given the same models find the same
 * division, in which every pair is in one share: it depends on the content of files, their names below the root and the
 * options, and on nothing that a machine knows for itself. Pairs are laid out in a row, those of a model side by side, and
 * the row is cut where the shares cost about the same, so that few models have targets in two shares. Of models that are the
 * same in content and options, one is taken.
 * @param index from 1 to count
 */
export async function shareOfWork(
  root: string,
  all: readonly Work[],
  { index, count }: { readonly index: number; readonly count: number },
): Promise<readonly ShareOfWork[]> {
  const hashing = limiter(atATime)
  const models = await Promise.all(
    all.map((work) =>
      hashing(async () => {
        const { file, options } = work
        const name = displayName(root, file)
        const path = absolute(root, file)
        const { sha256, bytes } = await hashModel(path, name)
        const { targets, ...rest } = normalizeOptions(options, name)
        const cost = leastCost + bytes + (await bytesBeside(path))
        return { work, name, targets, cost, sha256, same: `${sha256} ${canonical({ targets, ...rest })}` }
      }),
    ),
  )
  models.sort((a, b) => order(a.sha256, b.sha256) || order(a.name, b.name))
  const distinct = [...new Map(models.toReversed().map((model) => [model.same, model])).values()].reverse()
  const total = distinct.reduce((sum, { cost, targets }) => sum + cost * targets.length, 0)
  let before = 0
  const shares: ShareOfWork[] = []
  for (const { work, targets, cost } of distinct) {
    const own = targets.filter((_, at) => {
      const middle = before + cost * (at + 0.5)
      return Math.min(count - 1, Math.floor((count * middle) / total)) === index - 1
    })
    before += cost * targets.length
    if (own.length > 0)
      shares.push({ ...work, targets: own.map(({ name }) => name), whole: own.length === targets.length })
  }
  return shares
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Bytes of files whose names begin with the model's, as external data is called. A model is not read for this: what it
 * costs is an estimate in any case, and has to be the same on machines that know the model and such that don't.
 */
async function bytesBeside(path: string): Promise<number> {
  const folder = dirname(path)
  const name = basename(path)
  const others = (await readdir(folder)).filter((each) => each !== name && each.startsWith(name))
  const sizes = await Promise.all(others.map(async (each) => (await stat(join(folder, each))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
