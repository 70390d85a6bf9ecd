import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errors } from './errors'
import type { EngineFinder } from './observe'
import type { EngineName } from './targets'

/** An installed onnxruntime package. */
export interface EnginePackage {
  readonly engine: EngineName
  /** Name on the registry. */
  readonly name: string
  readonly version: string
  /** URL of the module to import. */
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
      const required = createRequire(base).resolve(name)
      const { folder, version, exports } = await packageAt(required, name)
      const entry = pathToFileURL(moduleIn(folder, exports) ?? required).href
      return { engine, name, version, entry }
    } catch (error) {
      cause = error
    }
  }
  throw errors.engineMissing(model, name, cause)
}

/** The installed onnxruntime, looked for once. */
export function engineFinder(engine: EngineName, root: string, model: string): EngineFinder {
  let found: Promise<EnginePackage> | undefined
  return () => {
    found ??= findEngine(engine, root, model)
    return found
  }
}

interface PackageJson {
  readonly name?: unknown
  readonly version?: unknown
  readonly exports?: unknown
}

async function packageAt(entry: string, name: string) {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
    const { name: found, version, exports } = JSON.parse(text) as PackageJson
    if (found === name && typeof version === 'string') return { folder, version, exports }
  }
  throw new Error(`no package.json of ${name}`)
}

/**
 * The ES module among a package's entries for Node. Both packages register an engine called 'cpu' in onnxruntime-common, and
 * there the first one wins: required, onnxruntime-web would compute for onnxruntime-node in the same process without a
 * word. As a module it has a registry of its own.
 */
function moduleIn(folder: string, exports: unknown): string | undefined {
  let entry: unknown = Object(exports)['.']
  for (const condition of ['node', 'import', 'default']) {
    if (typeof entry === 'string') break
    entry = Object(entry)[condition] ?? entry
  }
  return typeof entry === 'string' && entry.endsWith('.mjs') ? join(folder, entry) : undefined
}
