/** Module ids that the plugin knows, the same in every bundler. */

/** A model, with or without a query. Bundlers differ in whether a filter sees the query. */
export const modelPattern = /\.onnx(\?.*)?$/

/** Bundlers resolve this to the plugin's own copy, whichever package the importing model lies in. */
export const runtimeId = 'unplugin-onnx/runtime'

/** Looks like a package's file, since webpack reads what's before a colon as a scheme. */
export const enginePrefix = 'unplugin-onnx/engine/'

/** The specifier that generated code imports an engine by. */
export const engineSpecifier = (name: string): string => `${enginePrefix}${name}`

/** The resolved id of an engine module; \0 keeps other plugins away. */
export const engineId = (name: string): string => `\0${enginePrefix}${name}`

/** The engine's name, of either form. */
export function engineOf(id: string): string | undefined {
  const plain = id.startsWith('\0') ? id.slice(1) : id
  return plain.startsWith(enginePrefix) ? plain.slice(enginePrefix.length) : undefined
}

export interface ModelRequest {
  readonly file: string
  /** `model`: the import that gives an asset. `url`: the untouched file's URL. */
  readonly kind: 'model' | 'url'
}

/**
 * Reads a resolved id.
 * @returns undefined for queries that belong to the bundler (`?raw`, Vite's `?url&no-inline`, …)
 */
export function modelRequest(id: string): ModelRequest | undefined {
  const at = id.indexOf('?')
  const file = at === -1 ? id : id.slice(0, at)
  if (!file.endsWith('.onnx') || file.startsWith('\0')) return undefined
  const keys =
    at === -1
      ? []
      : id
          .slice(at + 1)
          .split('&')
          .map((part) => part.split('=')[0] ?? '')
  // Vite adds ?import, ?t=… and ?v=… on its own account.
  const meant = keys.filter((key) => key !== '' && key !== 'import' && key !== 't' && key !== 'v')
  if (meant.length === 0) return { file, kind: 'model' }
  return meant.length === 1 && meant[0] === 'url' ? { file, kind: 'url' } : undefined
}
