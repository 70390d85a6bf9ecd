/// <reference lib="dom" />
import type { Bytes } from './types'

/** Files by their content. */
export interface Store {
  get(sha256: string): Promise<Bytes | undefined>
  /** @returns whether it lies there now: there may be no room */
  put(sha256: string, bytes: Bytes): Promise<boolean>
}

/**
 * Opens the browser's Cache Storage and drops what other versions of this asset left there. Undefined where a browser has
 * none for the page (plain http, sandboxed frames, some private windows), and in Node.
 * @param current sha256 of all files that this version may need
 */
export async function openStore(asset: string, current: readonly string[]): Promise<Store | undefined> {
  // A URL that nothing answers: what counts is the content, from whatever page or CDN it came.
  const prefix = `https://onnx.invalid/${encodeURIComponent(asset)}/`
  try {
    const cache = await caches.open('unplugin-onnx')
    const keys = current.map((sha256) => prefix + sha256)
    for (const { url } of await cache.keys())
      if (url.startsWith(prefix) && !keys.includes(url)) await cache.delete(url)
    return {
      get: (sha256) =>
        cache
          .match(prefix + sha256)
          .then((found) => found?.arrayBuffer())
          .then(
            (buffer) => buffer && new Uint8Array(buffer),
            () => undefined,
          ),
      put: (sha256, bytes) =>
        cache.put(prefix + sha256, new Response(bytes)).then(
          () => true,
          () => false,
        ),
    }
  } catch {
    return undefined
  }
}
