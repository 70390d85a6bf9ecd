import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { errors } from './errors'
import type { EngineName } from './targets'

/** An installed onnxruntime package. */
export interface EnginePackage {
  readonly engine: EngineName
  /** Name on the registry. */
  readonly name: string
  readonly version: string
  /** Path of the module to import. */
  readonly entry: string
}

export const packageOf: Readonly<Record<EngineName, string>> = {
  wasm: 'onnxruntime-web',
  node: 'onnxruntime-node',
}

/**
 * Finds onnxruntime: the project's own first, because that one will run the variants, else this package's peer.
 * @throws OnnxError ONNX_ENGINE_MISSING
 */
export async function findEngine(engine: EngineName, root: string, model: string): Promise<EnginePackage> {
  const name = packageOf[engine]
  let cause: unknown
  for (const base of [join(root, 'package.json'), import.meta.url]) {
    try {
      const entry = createRequire(base).resolve(name)
      return { engine, name, entry, version: await versionOf(entry, name) }
    } catch (error) {
      cause = error
    }
  }
  throw errors.engineMissing(model, name, cause)
}

async function versionOf(entry: string, name: string): Promise<string> {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
    const { name: found, version } = JSON.parse(text) as { name?: unknown; version?: unknown }
    if (found === name && typeof version === 'string') return version
  }
  throw new Error(`no package.json of ${name}`)
}
