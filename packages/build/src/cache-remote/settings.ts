import { errors } from '../errors'

/**
 * A server that speaks Turborepo's remote cache protocol, which teams share conversions through. The names are those of
 * `remoteCache` in turbo.json, times are in milliseconds.
 */
export interface RemoteOptions {
  /** Of the server, without `/v8/artifacts`: `'https://cache.example.com'`. */
  readonly url: string
  /** Sent as `Authorization: Bearer …`, to this server only. */
  readonly token?: string
  /** Entries are signed and checked with it (HMAC-SHA256). Without it the server isn't used. */
  readonly signatureKey?: string
  /** Whether nothing is written. Default: true. Writing takes a token and a signature key as well. */
  readonly readOnly?: boolean
  /** Whose entries they are, as the server tells teams apart: `'team_…'`. */
  readonly teamId?: string
  /** The same by name. */
  readonly teamSlug?: string
  /** How long an answer may take to begin, and to go on. Default: 2000. */
  readonly timeout?: number
  /** How long the end of a build waits for uploads. Default: 10 000. */
  readonly uploadTimeout?: number
}

export interface RemoteSettings {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | undefined
  readonly signatureKey: string
  readonly writes: boolean
  /** Query parameters that name the team. */
  readonly team: Readonly<Record<string, string>>
  readonly timeout: number
  readonly uploadTimeout: number
}

/** What an option gives: settings, or none where the server can't be used, and what is to be said of it. */
export interface Remote {
  readonly settings?: RemoteSettings
  /** For a log: why it isn't used. */
  readonly note?: string
  readonly warnings: readonly string[]
}

const defaults = { timeout: 2000, uploadTimeout: 10_000 }

/** Turborepo asks for as many where `longerSignatureKey` is set. */
const signatureKeyBytes = 32

/**
 * Checks options and says what is to be done with the server.
 * @throws OnnxError ONNX_OPTION_INVALID, which never shows a value
 */
export function remoteSettings(options: RemoteOptions): Remote {
  const url = urlOf(options.url)
  const token = secretOf('token', options.token)
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw errors.remoteInvalid(
      'token',
      'holds characters that no header can',
      'Check how it came into the configuration.',
    )
  const signatureKey = secretOf('signatureKey', options.signatureKey)
  const { readOnly = true, timeout = defaults.timeout, uploadTimeout = defaults.uploadTimeout } = options
  for (const [name, value] of Object.entries({ timeout, uploadTimeout }))
    if (!(value >= 0)) throw errors.remoteInvalid(name, 'is no number of milliseconds', 'Write 2000 for 2 s.')
  if (signatureKey === undefined) {
    const note = `The remote cache isn't used: entries can't be checked without cache.remote.signatureKey.`
    return readOnly ? { note, warnings: [] } : { warnings: [note] }
  }
  const warnings: string[] = []
  if (!readOnly && token === undefined)
    warnings.push('Nothing is written to the remote cache: that takes cache.remote.token.')
  if (Buffer.byteLength(signatureKey) < signatureKeyBytes)
    warnings.push(
      `cache.remote.signatureKey has fewer than ${signatureKeyBytes} bytes, which can be guessed: make one with openssl rand -hex 32.`,
    )
  const settings: RemoteSettings = {
    url,
    token,
    signatureKey,
    writes: !readOnly && token !== undefined,
    team: {
      ...(options.teamId && { teamId: options.teamId }),
      ...(options.teamSlug && { slug: options.teamSlug }),
    },
    timeout,
    uploadTimeout,
  }
  return { settings, warnings }
}

function urlOf(text: unknown): string {
  const cure = "Write the server's address: 'https://cache.example.com'."
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw errors.remoteInvalid('url', 'is no address that begins with http:// or https://', cure)
  // It would be in logs.
  if (url.username !== '' || url.password !== '')
    throw errors.remoteInvalid('url', 'holds a user or a password', 'Put the secret into cache.remote.token.')
  if (url.search !== '' || url.hash !== '') throw errors.remoteInvalid('url', 'has a ? or a # in it', cure)
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/** CI systems give what isn't set as an empty text, and files end in a newline. */
function secretOf(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw errors.remoteInvalid(name, 'is no text', 'Write a string.')
  return value.trim() === '' ? undefined : value.trim()
}
