import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import picomatch from 'picomatch'
import { noModels } from '../../errors'
import { matches } from '../../options/model-options'
import { modelsFor } from '../../options/unmatched'

/**
 * The models that arguments name, each once: files, and globs where no shell has put files in their place.
 * @throws OnnxError ONNX_MODEL_NOT_FOUND where a glob fits nothing
 */
export async function modelsNamed(named: readonly string[], root: string): Promise<string[]> {
  const models = new Map<string, string>()
  for (const name of named) {
    // What is there is meant, whatever its name looks like.
    const isGlob = !existsSync(resolve(root, name)) && picomatch.scan(name).isGlob
    const found = isGlob ? await modelsBelow(name, root) : [name]
    if (found.length === 0) throw noModels(name)
    for (const model of found) models.set(resolve(root, model), model)
  }
  return [...models.values()]
}

async function modelsBelow(glob: string, root: string): Promise<string[]> {
  const found = (await modelsFor(glob, root)).filter((file) => matches(glob, file, root))
  return found.map((file) => relative(root, file)).sort()
}
