import { basename } from 'node:path'
import {
  type Budget,
  budgets,
  type Comparison,
  calibrationFeeds,
  compareModels,
  type EngineName,
  inspectModel,
  judge,
  printable,
} from '@unplugin-onnx/build'
import { encodeModel, type Model } from '@unplugin-onnx/core'
import type { Accuracy } from '@unplugin-onnx/runtime'
import { Command, Option } from 'commander'
import { accuracy } from './arguments'
import { exitCodes } from './exit'
import { withModel } from './model-file'
import { print } from './report'
import { bytes as shown } from './units'

interface Flags {
  readonly inputs: string
  readonly engine: EngineName
  readonly accuracy?: ReturnType<typeof accuracy>
  readonly json?: true
}

export const compareCommand = (): Command =>
  new Command('compare')
    .description('run a model and a variant on the same inputs, and measure how well they agree')
    .argument('<source>', 'the .onnx file that is right')
    .argument('<variant>', 'the .onnx file that is measured')
    .requiredOption(
      '-i, --inputs <path>',
      'inputs to run on: .npz, .npy, a module that yields feeds, or a folder of pictures or WAV files',
    )
    .addOption(new Option('--engine <name>', 'what runs them').choices(['wasm', 'node']).default('wasm'))
    .option(
      '-a, --accuracy <budget>',
      "exit with 3 below it: high, balanced, small, or measures: 'sqnr=25,cosine=0.99'",
      accuracy,
    )
    .option('--json', 'print JSON')
    .action(compare)

async function compare(source: string, variant: string, flags: Flags): Promise<void> {
  await withModel(source, async (model, sourceBytes) => {
    await withModel(variant, async (other, variantBytes) => {
      const feeds = await calibrationFeeds(model, flags.inputs, process.cwd(), basename(source))
      const { classes } = inspectModel(model)
      const result = await compareModels(
        compared(source, model),
        compared(variant, other),
        feeds,
        flags.engine,
        { classes },
      )
      const verdict =
        flags.accuracy === undefined ? undefined : judge(result.accuracy, budgetOf(flags.accuracy))
      if (verdict?.within === false) process.exitCode = exitCodes.budgetMissed
      if (flags.json) return print({ ...result, sourceBytes, variantBytes, ...(verdict && { verdict }) })
      process.stdout.write(`${text(result, sourceBytes, variantBytes)}\n`)
      if (verdict?.within === false) process.stderr.write(`Below the budget: ${verdict.reason}\n`)
    })
  })
}

const compared = (file: string, model: Model) => ({ name: basename(file), bytes: encodeModel(model) })

const budgetOf = (given: NonNullable<Flags['accuracy']>): Partial<Budget> =>
  typeof given === 'string' ? budgets[given] : given

function text({ engine, samples, outputs }: Comparison, source: number, variant: number): string {
  const share = ((100 * variant) / source).toFixed(1)
  const runs = samples === 1 ? '1 sample' : `${samples} samples`
  const width = Math.max(...outputs.map(({ name }) => name.length))
  return [
    `${shown(source)} -> ${shown(variant)} (${share} %), ${runs} in ${engine}, the worst of them:`,
    ...outputs.map((output) => `  ${printable(output.name).padEnd(width)}  ${measures(output.accuracy)}`),
  ].join('\n')
}

const measures = ({ sqnr, cosine, maxError, top1 }: Accuracy): string =>
  [
    `${sqnr.toFixed(1)} dB`,
    `cosine ${cosine.toFixed(6)}`,
    `largest error ${maxError.toPrecision(3)}`,
    ...(top1 === undefined ? [] : [`same best class in ${(100 * top1).toFixed(1)} %`]),
  ].join('   ')
