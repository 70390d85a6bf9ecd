import type { OutgoingHttpHeaders } from 'node:http'

/** What a page has to be sent with so that its scripts may share memory, as WebAssembly's threads do. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
} as const

/** Adds the headers to those of a server; what its user set stays. */
export function isolate(server: { headers?: OutgoingHttpHeaders | undefined }): void {
  const own = server.headers ?? {}
  const set = new Set(Object.keys(own).map((name) => name.toLowerCase()))
  const missing = Object.entries(headers).filter(([name]) => !set.has(name.toLowerCase()))
  server.headers = { ...own, ...Object.fromEntries(missing) }
}

/** Whether pages that are sent with these headers are isolated. */
export function isIsolated(own: OutgoingHttpHeaders | undefined): boolean {
  const set = new Map(Object.entries(own ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]))
  return (
    set.get('cross-origin-opener-policy') === 'same-origin' &&
    ['require-corp', 'credentialless'].includes(set.get('cross-origin-embedder-policy') ?? '')
  )
}
