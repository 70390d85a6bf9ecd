import { existsSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { DiffedModel } from '@unplugin-onnx/build'
import type { Manifest } from '@unplugin-onnx/runtime'
import { diffSideEmpty, manifestUnreadable } from '../../errors'

/** What is there at a path: a manifest.json, a report's JSON, or a folder of them. Nothing is there: undefined. */
export async function readSide(path: string): Promise<DiffedModel[] | undefined> {
  const file = resolve(path)
  if (!existsSync(file)) return undefined
  if (!statSync(file).isDirectory()) return readManifests(file, path, '')
  const files = await manifestsIn(file)
  const models = await Promise.all(
    files.map((each) => readManifests(join(file, each), join(path, each), dirname(each))),
  )
  if (models.length === 0) throw diffSideEmpty(path)
  return unique(models.flat())
}

/** Models by the name that they were converted under; where two have the same, the folder of the manifest tells them apart. */
function unique(models: readonly (DiffedModel & { readonly folder: string })[]): DiffedModel[] {
  const counts = new Map<string, number>()
  for (const { name } of models) counts.set(name, (counts.get(name) ?? 0) + 1)
  return models.map(({ name, folder, manifest }) => ({
    name: counts.get(name) === 1 ? name : `${folder.replaceAll('\\', '/')}/${name}`,
    manifest,
  }))
}

/** Paths relative to the folder. Packages and hidden folders have none of ours. */
async function manifestsIn(folder: string): Promise<string[]> {
  const found: string[] = []
  const folders = [folder]
  for (const each of folders)
    for (const entry of await readdir(each, { withFileTypes: true })) {
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.'))
        folders.push(join(each, entry.name))
      else if (entry.name === 'manifest.json') found.push(relative(folder, join(each, entry.name)))
    }
  return found.sort()
}

async function readManifests(
  file: string,
  shown: string,
  folder: string,
): Promise<(DiffedModel & { readonly folder: string })[]> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw manifestUnreadable(shown, cause)
  }
  return modelsIn(content, shown).map((model) => ({ ...model, folder }))
}

/**
 * The models of a manifest, of a report, or of an array of these.
 * @throws OnnxError ONNX_MANIFEST_UNREADABLE
 */
export function modelsIn(content: unknown, shown: string): DiffedModel[] {
  // A report holds manifests, of several models an array.
  const manifests = (Array.isArray(content) ? content : [content]).map((each: unknown) =>
    isObject(each) && isObject(each.manifest) ? each.manifest : each,
  )
  return manifests.map((manifest) => {
    if (!isManifest(manifest)) throw manifestUnreadable(shown)
    return { name: manifest.source.file, manifest }
  })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** As far as a diff reads it: files come from anywhere. */
function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || value.version !== 1 || !isObject(value.source)) return false
  const { source, variants, candidates } = value
  return (
    typeof source.file === 'string' &&
    typeof source.sha256 === 'string' &&
    Array.isArray(variants) &&
    variants.every(isVariant) &&
    Array.isArray(candidates) &&
    candidates.every(isCandidate)
  )
}

const isVariant = (value: unknown): boolean =>
  isObject(value) &&
  ['target', 'recipe', 'file', 'sha256'].every((key) => typeof value[key] === 'string') &&
  isCount(value.bytes) &&
  isCount(value.brotliBytes) &&
  isObject(value.accuracy) &&
  typeof value.accuracy.sqnr === 'number' &&
  areStrings(value.requires) &&
  (value.latency === undefined || (isObject(value.latency) && typeof value.latency.ratio === 'number')) &&
  (value.task === undefined || (isObject(value.task) && typeof value.task.variant === 'number')) &&
  (value.shards === undefined ||
    (Array.isArray(value.shards) &&
      value.shards.every(
        (shard) => isObject(shard) && typeof shard.sha256 === 'string' && isCount(shard.bytes),
      )))

const isCandidate = (value: unknown): boolean =>
  isObject(value) &&
  ['target', 'recipe', 'reason'].every((key) => typeof value[key] === 'string') &&
  areStrings(value.requires) &&
  (value.skipped === undefined ||
    (Array.isArray(value.skipped) &&
      value.skipped.every(
        (each) => isObject(each) && typeof each.node === 'string' && typeof each.reason === 'string',
      )))

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0

const areStrings = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.every((each) => typeof each === 'string'))

/** The .onnx files that `convert` wrote into a folder: results, and no models of a project. */
export async function writtenIn(folder: string): Promise<ReadonlySet<string>> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
    return new Set(isManifest(manifest) ? manifest.variants.map(({ file }) => file) : [])
  } catch {
    return new Set()
  }
}
