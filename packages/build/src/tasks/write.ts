import { type Model, OnnxError, writeModel } from '@unplugin-onnx/core'
import type { EnginePackage } from '../engine-package'
import { isOfDisk } from '../errors'
import type { Samples } from '../observe'
import { type UnsupportedNode, unsupported } from '../operators'
import { passContext } from '../pass-context'
import { printable } from '../printable'
import { sessionOptionsFor } from '../session-options'
import { sourceRecipe } from '../special-recipes'
import { parseSource } from './open-source'
import { applyRecipe } from './recipe'
import type { ModelFile, WriteRequest, Written } from './task'
import type { Workbench } from './workbench'

const maxSkips = 100

/** Applies a recipe to the source and writes the variant. A pass that fails costs its candidate, not the build. */
export async function write(
  model: ModelFile,
  { recipe, file, keep = [], samples, places }: WriteRequest,
  work: Workbench,
  engine: EnginePackage,
): Promise<Written> {
  const source = work.openSource()
  try {
    const read = () => parseSource(model, source.bytes, source.external)
    const parsed = read()
    const own = places.map((place) => unsupported(parsed, place, place))
    if (recipe === sourceRecipe && model.external.length === 0) {
      const bounced = own.map((inherited) => ({ added: [], inherited }))
      return { ok: true, file, ...(await work.keep(file, [source.bytes])), skipped: [], bounced }
    }
    const seen: Samples =
      samples === undefined
        ? []
        : { length: samples.count, at: (index) => work.sample(samples.of, index).feeds }
    const context = passContext(async () => engine, model.name, seen, seen.length > 0 ? read() : undefined)
    const written = async (variant: Model, weightsAreFinite: boolean): Promise<Written> => {
      const skipped =
        recipe === sourceRecipe
          ? []
          : await applyRecipe(variant, recipe, keep, { ...context, weightsAreFinite })
      const options = sessionOptionsFor(variant)
      return {
        ok: true,
        file,
        ...(await work.keep(file, writeModel(variant))),
        skipped: skipped.slice(0, maxSkips),
        bounced: places.map((place, index) => {
          const inherited = own[index] ?? []
          return { added: addedTo(inherited, unsupported(variant, place, place)), inherited }
        }),
        ...(options && { session: options }),
      }
    }
    // Weights are hardly ever not finite, and to look at each beforehand would be to read all of them twice.
    try {
      return await written(parsed, true)
    } catch (cause) {
      if (!(cause instanceof OnnxError) || cause.code !== 'ONNX_WEIGHT_NOT_FINITE') throw cause
      return await written(read(), false)
    }
  } catch (cause) {
    if (isOfDisk(cause)) throw cause
    // What is wrong with the source is wrong with all candidates.
    if (cause instanceof OnnxError && (recipe === sourceRecipe || cause.code.startsWith('ONNX_EXTERNAL'))) {
      throw cause
    }
    const reason =
      cause instanceof OnnxError ? cause.problem : cause instanceof Error ? cause.message : String(cause)
    return { ok: false, reason: `the recipe failed: ${printable(reason)}` }
  } finally {
    source.close()
  }
}

/** What came with the recipe: an operator in a form that the source has nowhere, whatever nodes are called now. */
function addedTo(inherited: readonly UnsupportedNode[], all: readonly UnsupportedNode[]): UnsupportedNode[] {
  const known = new Set(inherited.map(({ opType, outcome }) => `${opType} ${outcome}`))
  return all.filter(({ opType, outcome }) => !known.has(`${opType} ${outcome}`))
}
