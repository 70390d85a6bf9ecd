import { relative } from 'node:path'
import type { ModelOptions } from '@unplugin-onnx/build/plugin'
import picomatch from 'picomatch'
import type { Bundler } from '../emit/bundler'
import type { Options, Pattern } from './schema'

/** Targets when none are named: what runs where the code that imports the model runs. */
export const defaultTargets = (runs: Bundler['runs']): readonly string[] =>
  runs === 'node' ? ['node'] : ['webgpu', 'wasm']

/** Is this model one that the plugin takes? */
export function includesModel({ include, exclude }: Options, file: string, root: string): boolean {
  if (exclude !== undefined && matches(exclude, file, root)) return false
  return include === undefined || matches(include, file, root)
}

/**
 * The options of one model: the common ones, then those of each glob in `models` that matches, in order.
 * @param file absolute path of the model
 */
export function modelOptions(
  options: Options,
  file: string,
  root: string,
  runs: Bundler['runs'],
): ModelOptions {
  let result: ModelOptions = {
    targets: options.targets ?? defaultTargets(runs),
    ...(options.accuracy !== undefined && { accuracy: options.accuracy }),
    ...(options.prefer !== undefined && { prefer: options.prefer }),
    ...(options.effort !== undefined && { effort: options.effort }),
    ...(options.strict !== undefined && { strict: options.strict }),
    ...(options.shards !== undefined && { shards: options.shards }),
  }
  for (const [glob, own] of Object.entries(options.models ?? {})) {
    if (matches(glob, file, root)) result = { ...result, ...own }
  }
  return result
}

/** Whether a model, by its absolute path, is meant. */
export function matches(patterns: Pattern | readonly Pattern[], file: string, root: string): boolean {
  const path = slashed(file)
  const inRoot = slashed(relative(root, file))
  const list: readonly Pattern[] =
    typeof patterns === 'string' || patterns instanceof RegExp ? [patterns] : patterns
  return list.some((pattern) => {
    if (pattern instanceof RegExp) return path.search(pattern) !== -1
    const glob = pattern.replace(/^\.\//, '')
    if (glob === '') return false
    const isMatch = picomatch(glob, { dot: true })
    // A model outside the root, in a linked package say, is matched by its whole path.
    return isMatch(inRoot) || isMatch(path)
  })
}

const slashed = (path: string) => path.replaceAll('\\', '/')
