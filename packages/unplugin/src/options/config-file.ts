import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { configUnreadable } from '../errors'
import type { Options } from './schema'
import { validateOptions } from './validate'

const names = ['onnx.config.ts', 'onnx.config.mts', 'onnx.config.js', 'onnx.config.mjs']

/** The configuration file of a project, if it has one. */
export function configFile(root: string): string | undefined {
  return names.map((name) => join(root, name)).find((file) => existsSync(file))
}

/** Loads and validates a configuration file. It is evaluated from its text: Node would remember a module for ever. */
async function loadConfigFile(file: string): Promise<Options> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(file, { moduleCache: false, fsCache: false })
  let exported: { readonly default?: unknown }
  try {
    const text = await readFile(file, 'utf8')
    exported = Object(
      await jiti.evalModule(text, {
        filename: file,
        id: file,
        ext: '.ts',
        async: true,
        forceTranspile: true,
      }),
    )
  } catch (cause) {
    throw configUnreadable(basename(file), cause)
  }
  return validateOptions(exported.default, basename(file))
}

/**
 * The options in force: inline ones over those of the configuration file, which is read again when it changed.
 * `models` and `cache` are merged key by key.
 */
export function createOptionsReader(root: string, inline: Options): () => Promise<Options> {
  let stamp = ''
  let current: Promise<Options> | undefined
  return () => {
    const file = configFile(root)
    const now = file === undefined ? 'none' : `${file} ${statSync(file).mtimeMs}`
    if (current === undefined || now !== stamp) {
      stamp = now
      current =
        file === undefined
          ? Promise.resolve(inline)
          : loadConfigFile(file).then((fromFile) => mergeOptions(fromFile, inline))
    }
    return current
  }
}

export function mergeOptions(base: Options, over: Options): Options {
  const given = Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined))
  return {
    ...base,
    ...given,
    ...((base.models || over.models) && { models: { ...base.models, ...over.models } }),
    ...((base.cache || over.cache) && { cache: { ...base.cache, ...over.cache } }),
  }
}
