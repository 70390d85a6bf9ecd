import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { printable } from '@unplugin-onnx/build/plugin'
import { nearest } from '@unplugin-onnx/core/catalog'
import picomatch from 'picomatch'
import { matches } from './model-options'
import type { Options } from './schema'

/** Watches for globs under `models` that are of no use, since a misspelt one leaves its model to the defaults, silently. */
export interface Globs {
  /** A model that was converted, by its absolute path. */
  add(model: string): void
  /** A warning for each glob that fits no model so far; each glob once. */
  warnings(options: Options, root: string): Promise<readonly string[]>
}

/** Files and folders that are looked at, at most. */
const maxEntries = 50_000
/** Models that a warning lists. */
const listed = 6

export function createGlobs(): Globs {
  const models = new Set<string>()
  const warned = new Set<string>()
  return {
    add: (model) => void models.add(model),
    async warnings(options, root) {
      const warnings: string[] = []
      for (const glob of Object.keys(options.models ?? {})) {
        if (warned.has(glob) || [...models].some((model) => matches(glob, model, root))) continue
        // A model of another build, or of another call of the command line, is no mistake.
        const others = await modelsFor(glob, root)
        if (others.some((model) => matches(glob, model, root))) continue
        warned.add(glob)
        warnings.push(warningOf(glob, [...models], others, root))
      }
      return warnings
    },
  }
}

function warningOf(glob: string, models: readonly string[], others: readonly string[], root: string): string {
  const shown = models.map((model) => printable(relative(root, model).replaceAll('\\', '/')))
  const more = shown.length > listed ? ` and ${shown.length - listed} more` : ''
  const there =
    shown.length === 0
      ? 'none was imported'
      : `there ${shown.length === 1 ? 'is' : 'are'} ${shown.slice(0, listed).join(', ')}${more}`
  // Without the ending that all of them have: it would make any two names alike.
  const names = [...models, ...others].map((model) => basename(model, '.onnx'))
  const near = nearest(basename(glob, '.onnx'), names)
  const cure = near === undefined ? '' : ` Did you mean ${printable(near)}.onnx?`
  return `models['${printable(glob)}'] fits no model: ${there}.${cure}`
}

/** Models on disk that a glob could mean: below the folder that it begins with. */
export async function modelsFor(glob: string, root: string): Promise<string[]> {
  const { base, isGlob } = picomatch.scan(glob)
  const start = resolve(root, base)
  if (!isGlob) return existsSync(start) ? [start] : modelsBelow(root)
  return modelsBelow(start)
}

/** Without packages and hidden folders, unless the folder itself is one. */
async function modelsBelow(folder: string): Promise<string[]> {
  const found: string[] = []
  const folders = [folder]
  let entries = 0
  for (const each of folders) {
    for (const entry of await readdir(each, { withFileTypes: true }).catch(() => [])) {
      if (++entries > maxEntries) return found
      const path = join(each, entry.name)
      if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.'))
        folders.push(path)
      else if (entry.name.endsWith('.onnx')) found.push(path)
    }
  }
  return found
}
