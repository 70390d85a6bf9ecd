import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  code,
  createConverter,
  type DiffedModel,
  diffMarkdown,
  diffModels,
  printable,
  table,
} from '@unplugin-onnx/build'
import { Command } from 'commander'
import { diffSideUnknown } from '../errors'
import { createOptionsReader } from '../options/config-file'
import { limitsOf } from '../options/limits'
import { includesModel, matches, modelOptions } from '../options/model-options'
import { checkSizes, isOver, type SizeCheck } from '../size-budgets/check'
import { createTerminal, type Terminal } from '../terminal'
import { collect } from './arguments'
import { cacheFolder } from './cache'
import { commitOf, modelsHere, withRevision } from './diff/revision'
import { readSide } from './diff/side'
import { exitCodes } from './exit'
import { print } from './report'

interface Flags {
  readonly model?: string[]
  readonly cacheDir?: string
  readonly json?: true
}

export const diffCommand = (): Command =>
  new Command('diff')
    .description('say what a change of models costs, as Markdown: bytes, agreement, scores, decisions')
    .argument('<base>', "a manifest.json, a report's JSON, a folder with them, or a git revision")
    .argument('[head]', 'the same; default: the working tree')
    .option('-m, --model <globs>', 'of revisions and the working tree, only these models', collect)
    .option('--cache-dir <dir>', 'folder of the cache')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nModels of a git revision are converted as onnx.config.ts of that revision says; what the cache has is not converted again.\nExit code 3: the head exceeds `budgets` of the configuration.',
    )
    .action(diff)

async function diff(base: string, head: string | undefined, flags: Flags): Promise<void> {
  const root = process.cwd()
  const { budgets, logLevel } = await createOptionsReader(root, {})()
  const terminal = createTerminal(flags.json ? 'warn' : (logLevel ?? 'info'))
  const before = await sideOf(base, root, flags, terminal)
  const after = await (head === undefined ? here(root, flags, terminal) : sideOf(head, root, flags, terminal))
  const changes = diffModels(before, after)
  const built = after.map(({ name, manifest }) => ({ file: join(root, name), manifest }))
  const { checks, unused } = checkSizes(built, budgets ?? {}, root)
  for (const text of unused) terminal.warn(text)
  if (flags.json) print({ ...changes, ...(checks.length > 0 && { budgets: checks.map(withVerdict) }) })
  else
    process.stdout.write(`${diffMarkdown(changes)}${checks.length > 0 ? `\n${budgetTable(checks)}\n` : ''}`)
  if (checks.some(isOver)) process.exitCode = exitCodes.budgetMissed
}

const withVerdict = (check: SizeCheck) => ({ ...check, within: !isOver(check) })

function budgetTable(checks: readonly SizeCheck[]): string {
  const shown = (bytes: number) => bytes.toLocaleString('en-US')
  const rows = checks.map((check) => {
    const { model, target = '', bytes, budget } = check
    const verdict = isOver(check) ? `**${shown(bytes - budget)} over**` : 'within'
    return [code(model), target === '' ? '' : code(target), shown(bytes), shown(budget), verdict]
  })
  return table(['Budget', 'Target', 'Bytes', 'At most', ''], rows)
}

async function sideOf(name: string, root: string, flags: Flags, terminal: Terminal): Promise<DiffedModel[]> {
  const there = await readSide(name)
  if (there !== undefined) return there
  const commit = await commitOf(root, name)
  if (commit === undefined) throw diffSideUnknown(name)
  const cacheDir = await cacheFolder(root, flags.cacheDir)
  return withRevision(root, commit, cacheDir, (folder, models) =>
    convertAll(folder, models, cacheDir, flags, terminal),
  )
}

async function here(root: string, flags: Flags, terminal: Terminal): Promise<DiffedModel[]> {
  // What was deleted and not yet committed is listed as well.
  const models = (await modelsHere(root)).filter((model) => existsSync(join(root, model)))
  return convertAll(root, models, await cacheFolder(root, flags.cacheDir), flags, terminal)
}

async function convertAll(
  root: string,
  models: readonly string[],
  cacheDir: string,
  { model: wanted }: Flags,
  terminal: Terminal,
): Promise<DiffedModel[]> {
  const options = await createOptionsReader(root, {})()
  const converter = createConverter({
    root,
    cacheDir,
    limits: limitsOf(options),
    logger: terminal,
    onProgress: (event) => terminal.progress(event),
  })
  const taken = models.filter((model) => {
    const file = join(root, model)
    return includesModel(options, file, root) && (wanted === undefined || matches(wanted, file, root))
  })
  if (taken.length === 0 && models.length > 0)
    terminal.warn(`None of ${models.length} models is meant: ${models.slice(0, 5).map(printable).join(', ')}`)
  try {
    return await Promise.all(
      taken.map(async (model) => {
        const file = join(root, model)
        const { manifest } = await converter.convert(file, modelOptions(options, file, root, 'unknown'))
        return { name: model.replaceAll('\\', '/'), manifest }
      }),
    )
  } finally {
    terminal.settle()
    await converter.close()
  }
}
