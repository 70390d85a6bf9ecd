import { createHash } from 'node:crypto'
import { closeSync, copyFileSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { OnnxError, readModel, writeModel } from '@unplugin-onnx/core'
import type { EnginePackage } from '../engine-package'
import { errors } from '../errors'
import { ExternalFiles } from '../external'
import { sha256 } from '../hash'
import { passContext } from '../pass-context'
import { printable } from '../printable'
import { readBytes } from '../read-bytes'
import { mixedRecipe, sourceRecipe } from '../special-recipes'
import { applyRecipe } from './recipe'
import type { ModelFile, Written } from './task'

/**
 * Names say the recipe alone: an entry serves every path that holds this model. Not `.onnx`, or a bundler plugin would take
 * a variant for a source.
 */
const fileOf = (recipe: string): string => `${recipe}.onnxv`

const maxSkips = 100

export async function write(
  model: ModelFile,
  recipe: string,
  work: string,
  engine: EnginePackage,
  keep: readonly string[] = [],
): Promise<Written> {
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
    const context = passContext(async () => engine, model.name)
    const skipped =
      recipe === sourceRecipe
        ? []
        : await applyRecipe(parsed, recipe === mixedRecipe.name ? mixedRecipe.of : recipe, keep, context)
    return { ok: true, file, ...writeChunks(path, writeModel(parsed)), skipped: skipped.slice(0, maxSkips) }
  } catch (cause) {
    // What is wrong with the source is wrong with all candidates.
    if (cause instanceof OnnxError && (recipe === sourceRecipe || cause.code.startsWith('ONNX_EXTERNAL'))) {
      throw cause
    }
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
