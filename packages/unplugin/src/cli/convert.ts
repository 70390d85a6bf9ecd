import { resolve } from 'node:path'
import {
  type Conversion,
  createConverter,
  formatSummary,
  type ModelOptions,
  printable,
  targets,
} from '@unplugin-onnx/build'
import type { OnnxError } from '@unplugin-onnx/core'
import { Command } from 'commander'
import { createOptionsReader } from '../options/config-file'
import { converterOptions } from '../options/converter-options'
import { modelOptions } from '../options/model-options'
import type { Options, SizeBudgets } from '../options/schema'
import { createGlobs } from '../options/unmatched'
import { createTerminal, type Terminal } from '../terminal'
import { accuracy, collect, maxDrop, shard } from './arguments'
import { accuracyOf, type BudgetFlags } from './budget'
import { cacheFolder } from './cache'
import { modelsNamed } from './convert/models'
import { convertShard, reportShard, type Shard } from './convert/shard'
import { foldersOf, type Written, write, writeReports } from './convert/write'
import { type ExitCode, exitCodes } from './exit'
import { errorJson, print, report } from './report'

interface Flags extends BudgetFlags {
  readonly out?: string
  readonly shard?: Shard
  readonly target?: string[]
  readonly recipe?: string[]
  readonly calibration?: string
  readonly prefer?: NonNullable<ModelOptions['prefer']>
  readonly effort?: NonNullable<ModelOptions['effort']>
  readonly strict?: true
  readonly cacheDir?: string
  readonly report?: boolean
  readonly json?: true
}

const recipeNames = [...new Set([...targets.values()].flatMap(({ recipes }) => recipes))]

export const convertCommand = (): Command =>
  new Command('convert')
    .description('make and verify a variant for each target, and write them with a manifest.json')
    .argument('<models...>', 'the .onnx files, or globs')
    .option(
      '-o, --out <dir>',
      'folder for the variants, manifest.json and report.html; required without --shard',
    )
    .option('--shard <index/count>', "one machine's share of models x targets, into the cache: 2/4", shard)
    .option(
      '-t, --target <names>',
      `targets, separated by commas: ${[...targets.keys()].join(', ')}`,
      collect,
    )
    .option('-r, --recipe <names>', `only these recipes: ${recipeNames.join(', ')}`, collect)
    .option(
      '-c, --calibration <path>',
      'inputs to measure on: .npz, .npy, a module that yields feeds, or a folder of pictures or WAV files',
    )
    .option(
      '-a, --accuracy <budget>',
      "high, balanced or small, or measures: 'sqnr=25,cosine=0.99'",
      accuracy,
    )
    .option('-e, --evaluate <module>', 'a module that scores models at their task, as part of the budget')
    .option(
      '--max-drop <drop>',
      "how much worse a variant may score: 0.01, or '0.5%' of the source's",
      maxDrop,
    )
    .option('--prefer <what>', 'size, speed or balanced')
    .option('--effort <level>', 'how long to search for a mix of precisions: fast, default or thorough')
    .option('--strict', 'fail with 3 where nothing smaller is within the budget')
    .option('--cache-dir <dir>', 'folder of the cache')
    .option('--report', 'write report.html and report.json (the default)')
    .option('--no-report', 'leave the report out')
    .option('--json', 'print the manifest as JSON, or of several models an array of theirs')
    .action(convert)

type Outcome = { readonly written: Written; readonly conversion: Conversion } | { readonly error: unknown }

async function convert(named: readonly string[], flags: Flags, command: Command): Promise<void> {
  const root = process.cwd()
  const { out, shard } = flags
  if (shard !== undefined && out !== undefined)
    command.error("error: a shard is converted into the cache: leave '-o, --out <dir>' out with '--shard'")
  const models = await modelsNamed(named, root)
  const options = await createOptionsReader(root, {})()
  const terminal = createTerminal(flags.json ? 'warn' : (options.logLevel ?? 'info'))
  const kept = converterOptions(root, options)
  const converter = createConverter({
    root,
    ...kept,
    // What a shard is there for. An upload that stands still or drips is broken off in any case.
    ...(shard && kept.remote && { remote: { ...kept.remote, uploadTimeout: Number.POSITIVE_INFINITY } }),
    cacheDir: await cacheFolder(root, flags.cacheDir),
    logger: terminal,
    onProgress: (event) => terminal.progress(event),
  })
  if (out === undefined) {
    if (shard === undefined) return command.error("error: required option '-o, --out <dir>' not specified")
    const work = models.map((file) => ({ file, options: askedFor(file, root, options, flags) }))
    const outcomes = await convertShard(converter, root, work, shard).finally(() => {
      terminal.settle()
      return converter.close()
    })
    const color = terminal.color && process.stdout.isTTY === true
    process.exitCode = reportShard(outcomes, shard, converter, { json: flags.json === true, color })
    return
  }
  const folders = foldersOf(models)
  let outcomes: Outcome[]
  try {
    outcomes = await Promise.all(
      models.map(async (model, index): Promise<Outcome> => {
        try {
          const asked = askedFor(model, root, options, flags)
          const conversion = await converter.convert(model, asked)
          const written = await write(model, conversion, out, folders[index] ?? '')
          return { written: { ...written, missed: missesBudget(written, asked.recipes) }, conversion }
        } catch (error) {
          // What is wrong with one model is no reason to leave the others; of one alone it is the command's.
          if (models.length === 1) throw error
          return { error }
        }
      }),
    )
  } finally {
    terminal.settle()
    await converter.close()
  }
  const globs = createGlobs()
  for (const model of models) globs.add(resolve(root, model))
  for (const text of await globs.warnings(options, root)) terminal.warn(text)
  const done = outcomes.flatMap((outcome) => ('written' in outcome ? [outcome] : []))
  if (flags.report !== false && done.length > 0) await writeReports(done, out)
  if (flags.json) {
    const documents = outcomes.map((each) =>
      'written' in each ? each.written.manifest : errorJson(each.error),
    )
    print(models.length === 1 ? documents[0] : documents)
  } else if (done.length > 0) {
    const color = terminal.color && process.stdout.isTTY === true
    const conversions = done.map(({ conversion }) => conversion)
    process.stdout.write(`${formatSummary(conversions, { color })}\n`)
  }
  const sizes = await sizesOf(models, outcomes, options.budgets, root, terminal)
  const codes = outcomes.map((outcome): ExitCode => {
    if ('error' in outcome) return report(outcome.error, false)
    return outcome.written.missed === true ? exitCodes.budgetMissed : exitCodes.done
  })
  if (sizes !== undefined) codes.push(report(sizes, false))
  const [worst] = codes.filter((code) => code !== exitCodes.done).sort()
  if (worst !== undefined) process.exitCode = worst
}

/** What exceeds the size budgets of the configuration. */
async function sizesOf(
  models: readonly string[],
  outcomes: readonly Outcome[],
  budgets: SizeBudgets | undefined,
  root: string,
  terminal: Terminal,
): Promise<OnnxError | undefined> {
  if (budgets === undefined) return undefined
  const { checkSizes, sizesExceeded } = await import('../size-budgets/check')
  const built = outcomes.flatMap((outcome, index) =>
    'written' in outcome
      ? [{ file: resolve(root, models[index] ?? ''), manifest: outcome.written.manifest }]
      : [],
  )
  const { checks, unused } = checkSizes(built, budgets, root)
  // Of a model alone, the budgets of the others are no mistake.
  if (models.length > 1) for (const text of unused) terminal.warn(text)
  return sizesExceeded(checks)
}

function askedFor(model: string, root: string, options: Options, flags: Flags): ModelOptions {
  const configured = modelOptions(options, resolve(root, model), root, 'unknown')
  const { target, recipe, calibration, prefer, effort, strict } = flags
  const budget = accuracyOf(flags, configured.accuracy, printable(model))
  return {
    ...configured,
    ...(target && { targets: target }),
    ...(recipe && { recipes: recipe }),
    ...(calibration !== undefined && { calibration }),
    ...(budget !== undefined && { accuracy: budget }),
    ...(prefer !== undefined && { prefer }),
    ...(effort !== undefined && { effort }),
    ...(strict && { strict }),
  }
}

/** None of the recipes that were asked for came through: what was written is the source. */
const missesBudget = ({ manifest }: Written, recipes: readonly string[] | undefined): boolean =>
  recipes !== undefined && manifest.variants.some(({ recipe }) => !recipes.includes(recipe))
