import { createHash } from 'node:crypto'
import { closeSync, copyFileSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { applyPasses, OnnxError, readModel, recipes, writeModel } from '@unplugin-onnx/core'
import { errors } from '../errors'
import { ExternalFiles } from '../external'
import { sha256 } from '../hash'
import { printable } from '../printable'
import { readBytes } from '../read-bytes'
import { sourceRecipe } from '../source-recipe'
import type { ModelFile, Skip, Written } from './task'

/**
 * Names say the recipe alone: an entry serves every path that holds this model. Not `.onnx`, or a bundler plugin would take
 * a variant for a source.
 */
const fileOf = (recipe: string): string => `${recipe}.onnxv`

const maxSkips = 100

export async function write(model: ModelFile, recipe: string, work: string): Promise<Written> {
  const file = fileOf(recipe)
  const path = join(work, file)
  if (recipe === sourceRecipe && model.external.length === 0) {
    copyFileSync(model.path, path)
    return { ok: true, file, bytes: model.bytes, sha256: model.sha256, skipped: [] }
  }
  const source = readBytes(model.path)
  if (sha256(source) !== model.sha256) throw errors.modelChanging(model.name)
  const external = new ExternalFiles(model.path, model.name)
  try {
    const parsed = readModel(source, { external: external.reader, name: printable(model.name) })
    const steps = recipe === sourceRecipe ? [] : (recipes.get(recipe) ?? [])
    const done = await applyPasses(parsed, steps)
    const skipped = done.flatMap((each): readonly Skip[] => each.skipped).slice(0, maxSkips)
    return { ok: true, file, ...writeChunks(path, writeModel(parsed)), skipped }
  } catch (cause) {
    // A pass that fails costs its candidate, not the build.
    const reason =
      cause instanceof OnnxError ? cause.problem : cause instanceof Error ? cause.message : String(cause)
    return { ok: false, reason: `the recipe failed: ${printable(reason)}` }
  } finally {
    external.close()
  }
}

function writeChunks(path: string, chunks: Iterable<Uint8Array>): { bytes: number; sha256: string } {
  const descriptor = openSync(path, 'w')
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done)
      hash.update(chunk)
      bytes += chunk.length
    }
  } finally {
    closeSync(descriptor)
  }
  return { bytes, sha256: hash.digest('hex') }
}
