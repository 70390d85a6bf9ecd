import { execFile } from 'node:child_process'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { gitFailed } from '../../errors'
import { writtenIn } from './side'

const run = promisify(execFile)

/** More names of models than any project has. */
const maxBuffer = 1 << 26

async function git(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  try {
    const { stdout } = await run('git', [...args], { cwd, maxBuffer, env: { ...process.env, ...env } })
    return stdout
  } catch (cause) {
    throw gitFailed(args[0] ?? '', cause)
  }
}

/** The commit that a name stands for, or undefined where it stands for none, or this is no repository. */
export async function commitOf(root: string, revision: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(
      'git',
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
      { cwd: root },
    )
    return stdout.trim()
  } catch {
    return undefined
  }
}

/** The files of a project as they are in a commit, for as long as the action runs. */
export async function withRevision<T>(
  root: string,
  commit: string,
  cacheDir: string,
  action: (root: string, models: readonly string[]) => Promise<T>,
): Promise<T> {
  const top = (await git(root, ['rev-parse', '--show-toplevel'])).trim()
  const prefix = (await git(root, ['rev-parse', '--show-prefix'])).trim()
  // Below the project's packages: what a configuration or a calibration imports is found as if it lay in the project.
  const folder = join(dirname(cacheDir), 'unplugin-onnx-revisions', `${commit}-${process.pid}`)
  const tree = join(folder, 'tree')
  try {
    await mkdir(tree, { recursive: true })
    // An index of its own: neither the user's index nor the working tree is touched. Filters such as LFS are applied.
    const env = { GIT_INDEX_FILE: join(folder, 'index') }
    await git(top, ['read-tree', commit], env)
    await git(top, ['checkout-index', '--all', '--quiet', `--prefix=${tree}/`], env)
    const listed = await git(top, ['ls-files', '-z', '--', `:(top)${prefix}*.onnx`], env)
    const models = listed.split('\0').filter((path) => path !== '')
    return await action(
      join(tree, prefix),
      models.map((path) => relative(prefix, path)),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
    // Another process may have a revision there as well.
    await rmdir(dirname(folder)).catch(() => {})
  }
}

/** Models of the working tree: those that git knows, and those that it would, but no variants. */
export async function modelsHere(root: string): Promise<string[]> {
  const listed = await git(root, [
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    '--deduplicate',
    '--',
    '*.onnx',
  ])
  const models = listed.split('\0').filter((path) => path !== '')
  const folders = new Map<string, Promise<ReadonlySet<string>>>()
  const isWritten = await Promise.all(
    models.map(async (model) => {
      const folder = join(root, dirname(model))
      const written = folders.get(folder) ?? writtenIn(folder)
      folders.set(folder, written)
      return (await written).has(basename(model))
    }),
  )
  return models.filter((_, index) => isWritten[index] === false)
}
