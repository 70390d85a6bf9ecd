/// <reference lib="dom" />
import { nodeFiles } from './detect'
import { errors, messageOf, OnnxError } from './errors'
import type { AssetFile } from './types'

export type Bytes = Uint8Array<ArrayBuffer>

/** Tries that bring nothing new until a download is given up; each waits twice as long as the one before it. */
const tries = 4
const firstPause = 200
/** Answers that may be others a moment later: too slow, too many requests, the server's own faults. */
const passing = (status: number): boolean => /408|429|5../.test(`${status}`)

/**
 * Downloads a file, or reads it from disk in Node, and checks that it is the one that was built. What is cut off goes on
 * where it was; what arrives damaged is fetched once more.
 * @param progress told how many bytes are there; fewer than before where a download begins again
 * @throws OnnxError ONNX_FETCH_FAILED, ONNX_HASH_MISMATCH; the signal's reason when aborted
 */
export async function fetchFile(
  model: string,
  file: AssetFile,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<Bytes> {
  const { url } = file
  const files = url.startsWith('file:') ? nodeFiles() : undefined
  try {
    for (const cache of ['default', 'reload'] as const) {
      const bytes = files
        ? ((await files.readFile(new URL(url), { signal })) as Bytes)
        : await download(model, file, signal, progress, cache)
      if (files && bytes) progress(bytes.length)
      if (bytes && (await matches(bytes, file))) return bytes
      signal.throwIfAborted()
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw cause instanceof OnnxError ? cause : errors.fetchFailed(model, url, messageOf(cause), cause)
  }
  throw errors.hashMismatch(model, url)
}

/** Undefined: it has another length than the file that was built. */
async function download(
  model: string,
  { url, bytes: total }: AssetFile,
  signal: AbortSignal,
  progress: (bytes: number) => void,
  cache: RequestCache,
): Promise<Bytes | undefined> {
  const bytes = new Uint8Array(total)
  let loaded = 0
  for (let left = tries; ; ) {
    const before = loaded
    let lasting = false
    // Positions are the file's only where it travels as it is.
    let encoded = false
    try {
      const response = await fetch(url, {
        signal,
        cache,
        // Not If-Range, which other hosts would have to be asked for first: what doesn't fit together fails its sha256.
        ...(before > 0 && { headers: { range: `bytes=${before}-` } }),
      })
      const { ok, status, headers } = response
      const isPage = headers.get('content-type')?.startsWith('text/html')
      if (!ok || isPage) {
        lasting = ok || !passing(status)
        throw errors.fetchFailed(model, url, `the server answered ${ok ? 'with an HTML page' : status}`)
      }
      encoded = headers.has('content-encoding')
      if (status !== 206) loaded = 0
      const reader = response.body?.getReader()
      for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
        if (loaded + part.value.length > total) {
          await reader?.cancel()
          return undefined
        }
        bytes.set(part.value, loaded)
        loaded += part.value.length
        progress(loaded)
      }
      return loaded === total ? bytes : undefined
    } catch (cause) {
      left = loaded > before ? tries - 1 : left - 1
      if (lasting || left === 0 || signal.aborted) throw cause
      if (encoded) loaded = 0
      const milliseconds = firstPause * 2 ** (tries - 1 - left)
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
    }
  }
}

let warned = false

/**
 * Browsers hide `crypto.subtle` where the page is not a secure context (plain http on another host than localhost). There
 * nothing is checked: a page that anyone on the way can change gains nothing from a hash in it.
 */
export async function matches(bytes: Bytes, { bytes: length, sha256 }: AssetFile): Promise<boolean> {
  if (bytes.length !== length) return false
  const subtle = globalThis.crypto?.subtle
  if (!subtle) {
    if (!warned)
      console.warn('unplugin-onnx: sha256 of models is not checked, the page is not a secure context')
    warned = true
    return true
  }
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes))
  return sha256 === Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
