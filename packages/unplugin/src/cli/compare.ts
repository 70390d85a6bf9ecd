import { resolve } from 'node:path'
import {
  type Budget,
  budgets,
  type Comparison,
  compareModels,
  type EngineName,
  judge,
  type ModelOptions,
  printable,
  type Sizes,
} from '@unplugin-onnx/build'
import type { Accuracy } from '@unplugin-onnx/runtime'
import { Command, Option } from 'commander'
import { createOptionsReader } from '../options/config-file'
import { limitsOf } from '../options/limits'
import { modelOptions } from '../options/model-options'
import { createTerminal } from '../terminal'
import { accuracy, maxDrop } from './arguments'
import { accuracyOf, type BudgetFlags } from './budget'
import { type Way, writtenBeside } from './compare/manifest'
import { exitCodes } from './exit'
import { print } from './report'
import { bytes as shown } from './units'

interface Flags extends BudgetFlags {
  readonly inputs?: string
  readonly calibration?: string
  readonly engine?: EngineName
  readonly target?: string
  readonly time?: true
  readonly json?: true
}

export const compareCommand = (): Command =>
  new Command('compare')
    .description('run a model and a variant on the same inputs, and measure how well they agree')
    .argument('<source>', 'the .onnx file that is right')
    .argument('<variant>', 'the .onnx file that is measured')
    .addOption(
      new Option(
        '-i, --inputs <path>',
        'run on all of these: .npz, .npy, a module that yields feeds, or a folder of pictures or WAV files',
      ).conflicts('calibration'),
    )
    .option('-c, --calibration <path>', 'run on what convert verifies on with this calibration')
    .addOption(
      new Option('--engine <name>', "what runs them; default: what runs the variant's target").choices([
        'wasm',
        'node',
      ]),
    )
    .option('-t, --target <name>', 'of a variant that convert wrote: open it as this target does')
    .option(
      '-a, --accuracy <budget>',
      "exit with 3 below it: high, balanced or small, or measures: 'sqnr=25,cosine=0.99'",
      accuracy,
    )
    .option('-e, --evaluate <module>', 'a module that scores both at their task')
    .option(
      '--max-drop <drop>',
      "exit with 3 where the variant scores worse by more: 0.01, or '0.5%'",
      maxDrop,
    )
    .option('--time', 'time both, by turns')
    .option('--json', 'print JSON')
    .action(compare)

/** A comparison, and the targets that open the variant in this way. */
type Result = Comparison & {
  readonly targets: readonly string[]
  /** Only with a budget. */
  readonly verdict?: { readonly within: boolean; readonly reason?: string }
}

async function compare(source: string, variant: string, flags: Flags): Promise<void> {
  const root = process.cwd()
  const options = await createOptionsReader(root, {})()
  const configured = modelOptions(options, resolve(root, source), root, 'unknown')
  const terminal = createTerminal(
    flags.json ? 'warn' : (options.logLevel ?? 'info'),
    process.stderr,
    'comparing',
  )
  const written = await writtenBeside(resolve(root, variant), flags.target)
  const ways = waysOf(written?.ways, flags.engine)
  const calibration = flags.inputs === undefined ? (flags.calibration ?? configured.calibration) : undefined
  if (written?.verifiedOn === 'calibration' && calibration === undefined && flags.inputs === undefined)
    terminal.warn(
      "It was verified on calibration samples; without --calibration others are made up, and numbers aren't the report's.",
    )
  const task = accuracyOf({ ...flags, accuracy: {} }, configured.accuracy, printable(source))
  let compared: Awaited<ReturnType<typeof compareModels>>
  try {
    compared = await compareModels(source, variant, {
      root,
      runs: ways,
      limits: limitsOf(options),
      ...(flags.inputs !== undefined && { inputs: flags.inputs }),
      ...(calibration !== undefined && { calibration }),
      ...(configured.inputs && { overrides: configured.inputs }),
      ...((flags.evaluate ?? flags.maxDrop) !== undefined && typeof task === 'object' && { task }),
      ...(flags.time && { time: true }),
      onProgress: (event) => terminal.progress(event),
    })
  } finally {
    terminal.settle()
  }
  const results = compared.runs.map((run, index): Result => {
    const verdict = verdictOf(run, flags)
    return { targets: ways[index]?.targets ?? [], ...run, ...(verdict && { verdict }) }
  })
  if (results.some(({ verdict }) => verdict?.within === false)) process.exitCode = exitCodes.budgetMissed
  const [first, ...others] = results
  const sizes = { source: compared.source, variant: compared.variant }
  if (flags.json) return print({ ...sizes, ...first, ...(others.length > 0 && { others }) })
  process.stdout.write(`${text(compared.source, compared.variant, results)}\n`)
  for (const { verdict } of results)
    if (verdict?.within === false) process.stderr.write(`Below the budget: ${verdict.reason}\n`)
}

/** An engine that is asked for opens the variant as its target does, where one of its targets runs in it. */
function waysOf(written: readonly Way[] | undefined, engine: EngineName | undefined): readonly Way[] {
  const fitting = written?.filter((way) => engine === undefined || way.engine === engine) ?? []
  return fitting.length > 0 ? fitting : [{ targets: [], engine: engine ?? 'wasm' }]
}

function verdictOf(run: Comparison, { accuracy: budget, maxDrop: drop }: Flags): Result['verdict'] {
  const verdicts = [
    ...(budget === undefined ? [] : [judge(run.accuracy, budgetOf(budget))]),
    ...(drop === undefined || run.taskVerdict === undefined ? [] : [run.taskVerdict]),
  ]
  if (verdicts.length === 0) return undefined
  const reasons = verdicts.flatMap((verdict) => (verdict.within ? [] : [verdict.reason]))
  return reasons.length === 0 ? { within: true } : { within: false, reason: reasons.join(', ') }
}

const budgetOf = (given: NonNullable<ModelOptions['accuracy']>): Partial<Budget> =>
  typeof given === 'string' ? budgets[given] : given

function text(source: Sizes, variant: Sizes, results: readonly Result[]): string {
  const share = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`
  const sizes = [
    `${shown(source.bytes)} -> ${shown(variant.bytes)} (${share(variant.bytes, source.bytes)})`,
    `brotli ${shown(source.brotliBytes)} -> ${shown(variant.brotliBytes)} (${share(variant.brotliBytes, source.brotliBytes)})`,
  ]
  return [sizes.join(', '), ...results.flatMap(linesOf)].join('\n')
}

const kinds = { inputs: '', calibration: 'verification ', synthesized: 'synthesized ' } as const

function linesOf({ engine, targets, samples, from, outputs, latency, task }: Result): string[] {
  const width = Math.max(...outputs.map(({ name }) => printable(name).length))
  const whom = targets.length > 0 ? `for ${targets.map(printable).join(', ')} ` : ''
  return [
    `${samples} ${kinds[from]}${samples === 1 ? 'sample' : 'samples'} ${whom}in ${engine}, the worst of them:`,
    ...outputs.map((output) => `  ${printable(output.name).padEnd(width)}  ${measures(output)}`),
    ...(latency
      ? [`  ${latency.milliseconds.toFixed(2)} ms, ${latency.ratio.toFixed(2)} times the source's`]
      : []),
    ...(task ? [`  score ${task.variant}, the source's ${task.source}`] : []),
  ]
}

const measures = ({ sqnr, cosine, maxError, top1 }: Accuracy): string =>
  [
    `${sqnr.toFixed(1)} dB`,
    `cosine ${cosine.toFixed(6)}`,
    `largest error ${maxError === 0 ? '0' : maxError.toPrecision(3)}`,
    ...(top1 === undefined ? [] : [`same best class in ${(100 * top1).toFixed(1)} %`]),
  ].join('   ')
