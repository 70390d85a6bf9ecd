/// <reference lib="dom" />
import { orAborted } from './abort'
import { nodeFiles } from './detect'
import * as errors from './errors'
import { messageOf, OnnxError } from './errors'
import type { Store } from './store'
import type { AssetFile, Bytes } from './types'

/** Attempts in a row that bring no byte before a file is given up; between them 0.3, 0.9 and 2.7 s. */
const attempts = 4

/**
 * Takes a file from the store, from disk in Node, else from the server, and checks that it is the one that was built. What
 * isn't is fetched once more, past the browser's cache.
 * @param tell is told how many bytes of it are there, which falls where it begins again
 * @returns the bytes, and whether they lie in the store now
 * @throws OnnxError ONNX_FETCH_FAILED, ONNX_HASH_MISMATCH; the signal's reason
 */
export async function fetchFile(
  model: string,
  file: AssetFile,
  store: Store | undefined,
  signal: AbortSignal,
  tell: (loaded: number) => void,
): Promise<readonly [bytes: Bytes, stored: boolean | undefined]> {
  const { url, sha256 } = file
  const files = url.startsWith('file:') && nodeFiles()
  try {
    for (const from of [undefined, 'default', 'reload'] as const) {
      const bytes = !from
        ? await store?.get(sha256)
        : files
          ? ((await files.readFile(new URL(url), { signal })) as Bytes)
          : await download(model, file, from, signal, tell)
      if (bytes && (await matches(bytes, sha256))) {
        tell(bytes.length)
        return [bytes, !from || (await store?.put(sha256, bytes))]
      }
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw cause instanceof OnnxError ? cause : errors.fetchFailed(model, url, messageOf(cause), cause)
  }
  throw errors.hashMismatch(model, url)
}

/**
 * Fetches a file. After a connection that broke, or a server's bad moment, it goes on where the bytes end, if the server
 * knows ranges.
 * @returns undefined: the server's file has another length
 */
async function download(
  model: string,
  { url, bytes: total }: AssetFile,
  cache: RequestCache,
  signal: AbortSignal,
  tell: (loaded: number) => void,
): Promise<Bytes | undefined> {
  const bytes = new Uint8Array(total)
  let loaded = 0
  let most = 0
  let version: string | undefined
  for (let failures = 0; ; ) {
    // Positions are the file's only where it travels as it is.
    let encoded = false
    try {
      const headers: Record<string, string> = {}
      if (loaded) headers.range = `bytes=${loaded}-`
      if (loaded && version) headers['if-range'] = version
      const response = await fetch(url, { signal, cache, headers })
      const { status } = response
      const header = (name: string) => response.headers.get(name) ?? ''
      const why = !response.ok
        ? `the server answered ${status}`
        : header('content-type').startsWith('text/html') && 'the server answered with an HTML page'
      // What another attempt may mend: also a range beyond the end, since the last asks for none.
      if (why)
        throw /408|416|429|5../.test(`${status}`) ? new Error(why) : errors.fetchFailed(model, url, why)
      encoded = header('content-encoding') !== ''
      if (status !== 206) loaded = 0
      // Weak ETags don't go with ranges, and other origins would have to allow the header first.
      version = response.type === 'basic' ? /^".*/.exec(header('etag'))?.[0] : undefined
      const reader = response.body?.getReader()
      for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
        if (loaded + read.value.length > total) {
          await reader?.cancel()
          return undefined
        }
        bytes.set(read.value, loaded)
        loaded += read.value.length
        tell(loaded)
      }
      return loaded === total ? bytes : undefined
    } catch (cause) {
      if (loaded > most) failures = 0
      most = Math.max(most, loaded)
      failures++
      if (signal.aborted || cause instanceof OnnxError || failures === attempts) throw cause
      // The last attempt asks for no range, which may be what fails; nor does one whose result nobody checks.
      if (encoded || failures === attempts - 1 || !(version || subtle())) loaded = 0
      await orAborted(signal, new Promise((resolve) => setTimeout(resolve, 100 * 3 ** failures)))
    }
  }
}

const subtle = (): SubtleCrypto | undefined => globalThis.crypto?.subtle

let warned = false

/**
 * Browsers hide `crypto.subtle` where the page is not a secure context (plain http on another host than localhost). There
 * nothing is checked: a page that anyone on the way can change gains nothing from a hash in it.
 */
async function matches(bytes: Bytes, sha256: string): Promise<boolean> {
  const hasher = subtle()
  if (hasher) {
    const digest = new Uint8Array(await hasher.digest('SHA-256', bytes))
    return sha256 === digest.reduce((hex, byte) => hex + byte.toString(16).padStart(2, '0'), '')
  }
  if (!warned) console.warn('unplugin-onnx: sha256 of models is not checked, this is no secure context')
  warned = true
  return true
}
