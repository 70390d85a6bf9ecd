import { constants } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import {
  type Conversion,
  putWhole,
  readReport,
  renderReport,
  reportJson,
  withFileNames,
} from '@unplugin-onnx/build'
import type { Manifest } from '@unplugin-onnx/runtime'
import { variantName } from '../../module/asset-module'
import { saveText } from '../model-file'

/** What was written of one model. */
export interface Written {
  readonly manifest: Manifest
  /** Folder in the output's, '' for that itself. */
  readonly folder: string
  readonly missed?: boolean
}

/**
 * Where each of several models goes in the output's folder: one alone into that itself, several into a folder by their
 * name each, or where names are the same, by as much of their path as tells them apart.
 */
export function foldersOf(models: readonly string[]): string[] {
  if (models.length === 1) return ['']
  const paths = models.map((model) => resolve(model.replace(/\.onnx$/i, '')).split(sep))
  return paths.map((path, index) => {
    for (let length = 1; ; length++) {
      const end = path.slice(-length)
      const same = paths.some((other, at) => at !== index && other.slice(-length).join('/') === end.join('/'))
      if (!same || length >= path.length) return end.join('/')
    }
  })
}

/** Outside of bundlers the variants are plain .onnx files again, for any ONNX Runtime to open. */
export async function write(
  source: string,
  { manifest, dir }: Conversion,
  out: string,
  folder: string,
): Promise<Written> {
  const to = join(out, folder)
  await mkdir(to, { recursive: true })
  const nameOf = plainName(source)
  for (const file of new Set(manifest.variants.map((variant) => variant.file)))
    await copyWhole(join(dir, file), join(to, nameOf(file)))
  // Under the name that the model has for them.
  for (const { file, path } of manifest.variants.flatMap(({ shards = [] }) => shards))
    await copyWhole(join(dir, file), join(to, path))
  const variants = manifest.variants.map(({ shards, ...variant }) => ({
    ...variant,
    file: nameOf(variant.file),
    ...(shards && { shards: shards.map((shard) => ({ ...shard, file: shard.path })) }),
  }))
  const written: Manifest = { ...manifest, variants }
  // Last: where it is, so is everything that it names.
  await saveText(`${JSON.stringify(written, null, 2)}\n`, join(to, 'manifest.json'))
  return { manifest: written, folder }
}

/** One report for all that was converted. */
export async function writeReports(
  done: readonly { readonly written: Written; readonly conversion: Conversion }[],
  out: string,
): Promise<void> {
  const reports = await Promise.all(
    done.map(async ({ conversion, written: { folder } }) => {
      const nameOf = plainName(conversion.manifest.source.file)
      const prefix = folder === '' ? '' : `${folder}/`
      return withFileNames(await readReport(conversion), (file) => `${prefix}${nameOf(file)}`)
    }),
  )
  await saveText(reportJson(reports), join(out, 'report.json'))
  await saveText(renderReport(reports), join(out, 'report.html'))
}

const plainName = (source: string) => (file: string) =>
  variantName(source, file).replace(/(\.graph)?\.onnxv$/, '.onnx')

/** Never through a link that somebody laid there. */
const copyWhole = (from: string, to: string): Promise<void> =>
  putWhole(to, (temporary) => copyFile(from, temporary, constants.COPYFILE_EXCL))
