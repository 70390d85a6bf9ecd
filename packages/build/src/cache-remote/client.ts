import { open } from 'node:fs/promises'
import { reasonOf } from '../errors'
import { Patience } from './patience'
import type { RemoteSettings } from './settings'
import { entryTag } from './signature'

/** A call that came to nothing, in words for a log: never a secret, an address' path or what the server wrote. */
export interface Failed {
  readonly kind: 'failed'
  readonly reason: string
}

export type Downloaded =
  | { readonly kind: 'found'; readonly bytes: number; readonly tag: string | null; readonly computed: Buffer }
  | { readonly kind: 'missing' }
  | { readonly kind: 'too large' }
  | Failed

/** Between two pieces of an upload, a server that hands on to another one may take as long. */
const uploadPause = 30_000

/** Speaks Turborepo's remote cache protocol: `/v8/artifacts/<key>`. No call throws, and none is redirected. */
export class RemoteClient {
  readonly #settings: RemoteSettings
  readonly #ended: AbortSignal

  /** @param ended breaks off all calls */
  constructor(settings: RemoteSettings, ended: AbortSignal) {
    this.#settings = settings
    this.#ended = ended
  }

  /** Downloads an archive into a new file, and computes its tag on the way. */
  download(key: string, path: string, maxBytes: number): Promise<Downloaded> {
    const patience = new Patience(this.#settings.timeout, this.#ended)
    return this.#call(patience, async () => {
      const response = await this.#request('GET', key, patience)
      if (response.status !== 200 || response.body === null) {
        await drain(response)
        return response.status === 404 ? { kind: 'missing' } : refused(response.status)
      }
      const computed = entryTag(this.#settings, key)
      let bytes = 0
      const file = await open(path, 'wx')
      try {
        for await (const chunk of response.body) {
          patience.moved(chunk.length)
          bytes += chunk.length
          if (bytes > maxBytes) return { kind: 'too large' }
          computed.update(chunk)
          for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten
        }
      } finally {
        await file.close()
      }
      return {
        kind: 'found',
        bytes,
        tag: response.headers.get('x-artifact-tag'),
        computed: computed.digest(),
      }
    })
  }

  /** Whether the server has an artifact of this key. */
  has(key: string): Promise<{ readonly kind: 'found' | 'missing' } | Failed> {
    const patience = new Patience(this.#settings.timeout, this.#ended)
    return this.#call(patience, async () => {
      const { status, ok } = await this.#request('HEAD', key, patience)
      if (status === 404) return { kind: 'missing' }
      return ok ? { kind: 'found' } : refused(status)
    })
  }

  /**
   * Uploads an archive, which is read twice: the tag and the length go first.
   * @param archive gives the same bytes each time
   */
  upload(
    key: string,
    archive: () => ReadableStream<Uint8Array>,
  ): Promise<{ readonly kind: 'stored'; readonly bytes: number } | Failed> {
    const patience = new Patience(uploadPause, this.#ended)
    return this.#call(patience, async () => {
      const computed = entryTag(this.#settings, key)
      let bytes = 0
      for await (const chunk of archive()) {
        computed.update(chunk)
        bytes += chunk.length
        patience.moved(chunk.length)
      }
      const count = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          patience.moved(chunk.length)
          controller.enqueue(chunk)
        },
      })
      // fetch sends a stream as it comes where it's told so, in Node; in the types of browsers that isn't known.
      const init: RequestInit & { readonly duplex: 'half' } = {
        body: archive().pipeThrough(count),
        duplex: 'half',
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(bytes),
          'x-artifact-tag': computed.digest('base64'),
        },
      }
      const response = await this.#request('PUT', key, patience, init)
      await drain(response)
      return response.ok ? { kind: 'stored', bytes } : refused(response.status)
    })
  }

  #request(method: string, key: string, patience: Patience, init: RequestInit = {}): Promise<Response> {
    const { url, token, team } = this.#settings
    const query = new URLSearchParams(team).toString()
    return fetch(`${url}/v8/artifacts/${key}${query && `?${query}`}`, {
      ...init,
      method,
      // The token is for this server, and no other may be asked in its place.
      redirect: 'manual',
      signal: patience.signal,
      headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    })
  }

  async #call<T>(patience: Patience, action: () => Promise<T | Failed>): Promise<T | Failed> {
    try {
      return await action()
    } catch (cause) {
      if (this.#ended.aborted) return { kind: 'failed', reason: 'it was broken off' }
      if (patience.isOver) return { kind: 'failed', reason: 'it is too slow' }
      // What fetch throws says that it failed; its cause says why.
      const inner = cause instanceof TypeError && cause.cause instanceof Error ? cause.cause : cause
      return { kind: 'failed', reason: `the call failed (${reasonOf(inner)})` }
    } finally {
      patience.end()
    }
  }
}

function refused(status: number): Failed {
  const reason =
    (status >= 300 && status < 400 && 'it redirects to another address') ||
    ((status === 401 || status === 403) && 'it refuses the token') ||
    (status === 413 && 'the entry is too large for it') ||
    (status === 507 && 'it is full') ||
    'it answers with an error'
  return { kind: 'failed', reason: `${reason} (${status})` }
}

/** Reads what an answer says beside its status, so that the connection can be used again; of long ones only the beginning. */
async function drain({ body }: Response): Promise<void> {
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > 1 << 16) return
  }
}
