/// <reference lib="dom" />
import { nodeFiles } from './detect'
import { errors, messageOf, OnnxError } from './errors'
import type { AssetVariant, LoadOptions } from './types'

type Bytes = Uint8Array<ArrayBuffer>

/**
 * Downloads one variant, or reads it from disk in Node, and checks that it is the file that was built.
 * @throws OnnxError ONNX_FETCH_FAILED, ONNX_HASH_MISMATCH; the signal's reason when aborted
 */
export async function download(model: string, variant: AssetVariant, options: LoadOptions): Promise<Bytes> {
  const { url } = variant
  const { signal } = options
  signal?.throwIfAborted()
  let bytes: Bytes | undefined
  try {
    bytes = await read(model, variant, options)
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof OnnxError) throw cause
    throw errors.fetchFailed(model, url, messageOf(cause), cause)
  }
  if (bytes === undefined || !(await matches(bytes, variant.sha256))) throw errors.hashMismatch(model, url)
  signal?.throwIfAborted()
  return bytes
}

/** Undefined: it has another length than the file that was built. */
async function read(
  model: string,
  { url, bytes: total }: AssetVariant,
  { signal, onProgress }: LoadOptions,
): Promise<Bytes | undefined> {
  const files = url.startsWith('file:') ? nodeFiles() : undefined
  if (files) {
    const bytes = (await files.readFile(new URL(url), signal && { signal })) as Bytes
    onProgress?.({ loaded: bytes.length, total })
    return bytes
  }
  const response = await fetch(url, signal && { signal })
  if (!response.ok) throw errors.fetchFailed(model, url, `the server answered ${response.status}`)
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw errors.fetchFailed(model, url, 'the server answered with an HTML page')
  }
  const bytes = new Uint8Array(total)
  let loaded = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    if (loaded + part.value.length > total) {
      await reader?.cancel()
      return undefined
    }
    bytes.set(part.value, loaded)
    loaded += part.value.length
    onProgress?.({ loaded, total })
  }
  return loaded === total ? bytes : undefined
}

let warned = false

/**
 * Browsers hide `crypto.subtle` where the page is not a secure context (plain http on another host than localhost). There
 * nothing is checked: a page that anyone on the way can change gains nothing from a hash in it.
 */
async function matches(bytes: Bytes, sha256: string): Promise<boolean> {
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
