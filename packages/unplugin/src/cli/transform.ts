import { basename } from 'node:path'
import { type EngineName, printable, transform } from '@unplugin-onnx/build'
import { OnnxError, recipes, type Step } from '@unplugin-onnx/core'
import { Command, Option } from 'commander'
import { step } from './arguments'
import { listPasses } from './list-passes'
import { saveModel, withModel } from './model-file'
import { print } from './report'
import { bytes as shown } from './units'

interface Flags {
  readonly out?: string
  readonly pass?: ReturnType<typeof step>[]
  readonly recipe?: string
  readonly calibration?: string
  readonly engine: EngineName
  readonly list?: true
  readonly json?: true
}

export const transformCommand = (): Command =>
  new Command('transform')
    .description('apply passes to a model, in the order they are given')
    .argument('[model]', 'the .onnx file')
    .option('-o, --out <file>', 'the file to write')
    .option(
      '-p, --pass <NAME[:JSON]>',
      'a pass, with options as JSON, or a recipe; may be given several times',
      (text: string, before: ReturnType<typeof step>[] = []) => [...before, step(text)],
    )
    .addOption(new Option('-r, --recipe <NAME>', 'a recipe before the passes').choices([...recipes.keys()]))
    .option(
      '-c, --calibration <path>',
      'inputs for passes that look at activations: .npz, .npy, a module, or a folder of pictures or WAV files',
    )
    .addOption(
      new Option('--engine <name>', 'what runs constants and activations')
        .choices(['wasm', 'node'])
        .default('wasm'),
    )
    .option('-l, --list', 'list the passes: options, defaults, and where each method comes from')
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, flags: Flags, command: Command) => {
      if (flags.list) return listPasses(flags.json === true)
      if (file === undefined) command.error("error: missing required argument 'model'")
      if (flags.out === undefined) command.error("error: required option '-o, --out <file>' not specified")
      const steps = [...(recipes.get(flags.recipe ?? '') ?? []), ...(flags.pass ?? [])]
      if (steps.length === 0)
        command.error(
          "error: required option '-p, --pass <NAME[:JSON]>' or '-r, --recipe <NAME>' not specified",
        )
      await transformFile(file, flags.out, steps, flags)
    })

/** Weights are hardly ever not finite, and to look at each beforehand would be to read all of them twice. */
async function transformFile(file: string, out: string, steps: readonly Step[], flags: Flags): Promise<void> {
  try {
    await applyAndSave(file, out, steps, flags, true)
  } catch (error) {
    if (!(error instanceof OnnxError) || error.code !== 'ONNX_WEIGHT_NOT_FINITE') throw error
    await applyAndSave(file, out, steps, flags, false)
  }
}

async function applyAndSave(
  file: string,
  out: string,
  steps: readonly Step[],
  { calibration, engine, json }: Flags,
  weightsAreFinite: boolean,
): Promise<void> {
  await withModel(
    file,
    async (model, before, read, { limits }) => {
      const applied = await transform(model, steps, {
        name: basename(file),
        limits,
        engine,
        weightsAreFinite,
        // Nothing can be compared with it where nothing runs.
        ...(calibration === undefined ? {} : { calibration, reference: read() }),
      })
      const after = await saveModel(model, out)
      if (json) return print({ file: out, sourceBytes: before, bytes: after, passes: applied })
      for (const { pass, changed, skipped } of applied) {
        process.stdout.write(`${pass}: ${changed} changed, ${skipped.length} skipped\n`)
        for (const { node, reason } of skipped) process.stdout.write(`  ${printable(`${node}: ${reason}`)}\n`)
      }
      process.stdout.write(`${printable(`${file} ${shown(before)} -> ${out} ${shown(after)}`)}\n`)
    },
    'on disk',
  )
}
