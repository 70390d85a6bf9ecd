import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Bundler, barePackage } from './bundler'

/** What the plugin needs of a Rollup-like plugin context. */
export interface EmittingContext {
  info(message: string): void
  emitFile(file: { type: 'asset'; name: string; source: Uint8Array }): string
}

export type Emitter = (context: EmittingContext, file: string, name?: string) => Promise<string>

/** Emits files in this build, each once, however many modules take it. */
export function createEmitter(): Emitter {
  const references = new Map<string, Promise<string>>()
  return (context, file, name = basename(file)) => {
    const key = `${name} ${file}`
    let reference = references.get(key)
    if (reference === undefined) {
      reference = readFile(file).then((source) => context.emitFile({ type: 'asset', name, source }))
      references.set(key, reference)
    }
    return reference
  }
}

/**
 * Rollup and Rolldown on their own.
 * @param runs where they don't say it, what `targets` names decides
 */
export function rollupBundler(context: EmittingContext, emit: Emitter, runs: Bundler['runs']): Bundler {
  return {
    runs,
    note: (text) => context.info(text),
    nodeEngine: barePackage,
    take: async (file, name) => ({
      head: [],
      url: `import.meta.ROLLUP_FILE_URL_${await emit(context, file, name)}`,
    }),
  }
}
