import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import type { OnnxError } from '@unplugin-onnx/core/catalog'
import { configUnreadable, configWithoutDefault } from '../errors'
import type { Options } from './schema'
import { validateOptions } from './validate'

const names = ['onnx.config.ts', 'onnx.config.mts', 'onnx.config.js', 'onnx.config.mjs']

/** The configuration file of a project, if it has one. */
export function configFile(root: string): string | undefined {
  return names.map((name) => join(root, name)).find((file) => existsSync(file))
}

/** Whether a file is, or would be, the configuration file of a project. */
export const isConfigFile = (file: string, root: string): boolean =>
  names.some((name) => join(root, name) === join(file))

/** Loads and validates a configuration file. It is evaluated from its text: Node would remember a module for ever. */
async function loadConfigFile(file: string): Promise<Options> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(file, { moduleCache: false, fsCache: false })
  const name = basename(file)
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
    throw loadFailure(file, cause)
  }
  // Without a default, jiti gives all exports in its place, which is right for `module.exports`.
  if ('__esModule' in exported && !Object.hasOwn(exported, 'default')) throw configWithoutDefault(name)
  return validateOptions(exported.default, name)
}

/** Why a configuration file can't be loaded, in its own words and places: parsers and Node add paths of this machine. */
function loadFailure(file: string, cause: unknown): OnnxError {
  const name = basename(file)
  const text = cause instanceof Error ? cause.message : String(cause)
  // The file itself, or one that it imports.
  const [, problem = '', path, line, column] =
    /^ParseError: (.*?)\s*\n\s*(\S.*):(\d+):(\d+)$/s.exec(text) ?? []
  if (path !== undefined)
    return configUnreadable(
      `${relative(dirname(file), path)}:${line}:${Number(column) + 1}`,
      `can't be read: ${problem.replace(/\.$/, '')}`,
      'Correct what is written there.',
      cause,
    )
  const [said = ''] = text.split('\nRequire stack:')
  const module = /^Cannot find (?:module|package) '([^']+)'/.exec(said)?.[1]
  if (module === undefined)
    return configUnreadable(
      name,
      `fails when it is loaded: ${said}`,
      'Correct what it runs or imports.',
      cause,
    )
  const cure = /^(?:[./]|[A-Za-z]:)/.test(module)
    ? 'Correct the path; it starts from where the file lies.'
    : `Install it in the project: npm install --save-dev ${module.split('/', module.startsWith('@') ? 2 : 1).join('/')}.`
  return configUnreadable(name, `imports '${module}', which is not there`, cure, cause)
}

/**
 * The options in force: inline ones over those of the configuration file, which is read again when it changed.
 * `models`, `limits`, `cache` and `cache.remote` are merged key by key.
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
    ...((base.limits || over.limits) && { limits: { ...base.limits, ...over.limits } }),
    ...((base.cache || over.cache) && { cache: mergeCache(base.cache, over.cache) }),
  }
}

function mergeCache(base: Options['cache'], over: Options['cache']): NonNullable<Options['cache']> {
  const remote = (base?.remote || over?.remote) && { remote: { ...base?.remote, ...over?.remote } }
  return { ...base, ...over, ...remote }
}
