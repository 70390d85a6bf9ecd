import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  type Conversion,
  createConverter,
  formatSummary,
  type ModelOptions,
  readReport,
  renderReport,
  reportJson,
  targets,
  withFileNames,
} from '@unplugin-onnx/build'
import type { Manifest } from '@unplugin-onnx/runtime'
import { Command } from 'commander'
import { variantName } from '../module/asset-module'
import { createOptionsReader } from '../options/config-file'
import { modelOptions } from '../options/model-options'
import { createTerminal } from '../terminal'
import { accuracy, collect } from './arguments'
import { exitCodes } from './exit'
import { print } from './report'

interface Flags {
  readonly out: string
  readonly target?: string[]
  readonly recipe?: string[]
  readonly calibration?: string
  readonly accuracy?: NonNullable<ModelOptions['accuracy']>
  readonly json?: true
}

const recipeNames = [...new Set([...targets.values()].flatMap(({ recipes }) => recipes))]

export const convertCommand = (): Command =>
  new Command('convert')
    .description('make and verify a variant for each target, and write them with a manifest.json')
    .argument('<model>', 'the .onnx file')
    .requiredOption('-o, --out <dir>', 'folder for the variants, manifest.json and report.html')
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
    .option('-a, --accuracy <budget>', "high, balanced, small, or measures: 'sqnr=25,cosine=0.99'", accuracy)
    .option('--json', 'print the manifest as JSON')
    .action(convert)

async function convert(file: string, flags: Flags): Promise<void> {
  const root = process.cwd()
  const options = await createOptionsReader(root, {})()
  const configured = modelOptions(options, resolve(root, file), root, 'unknown')
  const asked: ModelOptions = {
    ...configured,
    ...(flags.target && { targets: flags.target }),
    ...(flags.recipe && { recipes: flags.recipe }),
    ...(flags.calibration !== undefined && { calibration: flags.calibration }),
    ...(flags.accuracy !== undefined && { accuracy: flags.accuracy }),
  }
  const terminal = createTerminal(flags.json ? 'warn' : (options.logLevel ?? 'info'))
  const converter = createConverter({
    root,
    ...(options.cache?.dir !== undefined && { cacheDir: resolve(root, options.cache.dir) }),
    logger: terminal,
    onProgress: (event) => terminal.progress(event),
  })
  try {
    const conversion = await converter.convert(file, asked)
    terminal.settle()
    const manifest = await write(file, conversion, flags.out)
    if (flags.json) print(manifest)
    else process.stdout.write(`${formatSummary([conversion], { color: terminal.color })}\n`)
    if (missesBudget(manifest, asked.recipes)) process.exitCode = exitCodes.budgetMissed
  } finally {
    terminal.settle()
    await converter.close()
  }
}

/** Outside of bundlers the variants are plain .onnx files again, for any ONNX Runtime to open. */
async function write(source: string, { manifest, dir }: Conversion, out: string): Promise<Manifest> {
  await mkdir(out, { recursive: true })
  const nameOf = (file: string) => variantName(source, file).replace(/\.onnxv$/, '.onnx')
  const variants = manifest.variants.map((variant) => ({ ...variant, file: nameOf(variant.file) }))
  for (const [index, { file }] of manifest.variants.entries()) {
    const to = variants[index]
    if (to) await copyFile(join(dir, file), join(out, to.file))
  }
  const written: Manifest = { ...manifest, variants }
  await writeFile(join(out, 'manifest.json'), `${JSON.stringify(written, null, 2)}\n`)
  const reports = [withFileNames(await readReport({ manifest, dir }), nameOf)]
  await writeFile(join(out, 'report.json'), reportJson(reports))
  await writeFile(join(out, 'report.html'), renderReport(reports))
  return written
}

/** None of the recipes that were asked for came through: what was written is the source. */
const missesBudget = ({ variants }: Manifest, recipes: readonly string[] | undefined): boolean =>
  recipes !== undefined && variants.some(({ recipe }) => !recipes.includes(recipe))
