import { open, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Model, readModel, writeModel } from '@unplugin-onnx/core'
import type { Manifest, Variant } from '@unplugin-onnx/runtime'
import { identical } from './accuracy'
import type { HashedFile } from './hash'
import type { InputLimits } from './limits'
import { openModelFile } from './open-model'
import { printable } from './printable'
import { hashModel } from './source'
import { sourceRecipe } from './special-recipes'
import type { Target } from './targets'
import { inspectModel } from './tasks/inspect-model'

/** A model that nothing was done to, in the form of a conversion. */
export interface AsIs {
  readonly manifest: Manifest
  /** Folder of the file that all variants are. */
  readonly dir: string
  /** Absolute paths of model and external data. */
  readonly files: readonly string[]
}

/**
 * Takes the source for the variant of every target: its signature is read, and nothing is run, verified or cached. Where
 * weights lie outside of the model's file, they are put in, since a variant is one file.
 * @param folder gives the folder that a model with its weights put in is written to
 * @throws OnnxError, ONNX_MODEL_TOO_LARGE where model and external data don't fit one file
 */
export async function takeAsIs(
  path: string,
  name: string,
  targets: readonly Target[],
  folder: () => Promise<string>,
  limits: Partial<InputLimits> = {},
): Promise<AsIs> {
  const hashed = await hashModel(path, name, limits)
  const opened = openModelFile(path, name, undefined, limits)
  try {
    const model = readModel(opened.bytes, { external: opened.external, name: printable(name), limits })
    const { inputs, outputs, external, warnings } = inspectModel(model)
    const locations = external.filter((location) => location !== opened.itself)
    const file = locations.length === 0 ? hashed : await putTogether(model, hashed, name, await folder())
    const variants = targets.map(({ name: target, provider }) => asIs(target, provider, file))
    return {
      dir: dirname(file.path),
      files: [path, ...locations.map((location) => opened.external(location).path ?? location)],
      manifest: {
        version: 1,
        source: {
          file: name,
          bytes: hashed.bytes,
          brotliBytes: hashed.bytes,
          sha256: hashed.sha256,
          external: [],
        },
        inputs,
        outputs,
        variants,
        candidates: [],
        verifiedOn: { source: 'synthesized', samples: 0 },
        engines: {},
        warnings,
      },
    }
  } finally {
    opened.close()
  }
}

const asIs = (
  target: string,
  provider: Variant['provider'],
  { path, bytes, sha256 }: HashedFile,
): Variant => ({
  target,
  provider,
  file: basename(path),
  bytes,
  brotliBytes: bytes,
  sha256,
  recipe: sourceRecipe,
  accuracy: identical,
})

/** External data may change where the model doesn't: the name tells nothing, and the file is written each time. */
async function putTogether(
  model: Model,
  { sha256 }: HashedFile,
  name: string,
  folder: string,
): Promise<HashedFile> {
  const temporary = join(folder, `${sha256}.${Math.random().toString(36).slice(2)}.tmp`)
  const handle = await open(temporary, 'wx')
  try {
    await writeFile(handle, writeModel(model))
  } finally {
    await handle.close()
  }
  const hashed = await hashModel(temporary, name)
  const path = join(folder, `${hashed.sha256.slice(0, 16)}.onnxv`)
  await rename(temporary, path)
  return { ...hashed, path }
}
