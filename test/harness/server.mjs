/** A static file server for built apps: right MIME types, a log of requests, and faults on demand. */
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wav': 'audio/wav',
}

/**
 * Serves a folder on a free port of this machine.
 * @param {string} folder
 * @param {{ base?: string, headers?: Record<string, string>, tamper?: (path: string, bytes: Buffer) => Buffer | undefined,
 *   respond?: (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => boolean }} [options]
 *   base: path under which the folder lies; tamper: other bytes for a file; respond: true if it took the request
 * @returns {Promise<{ url: string, requests: { path: string, status: number }[], close: () => Promise<void> }>}
 */
export async function serve(folder, { base = '/', headers = {}, tamper, respond } = {}) {
  const requests = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    response.on('finish', () => requests.push({ path: pathname, status: response.statusCode }))
    if (respond?.(request, response)) return
    const inside = pathname.startsWith(base) ? decodeURIComponent(pathname.slice(base.length)) : undefined
    const file =
      inside === undefined ? undefined : join(folder, normalize(`/${inside === '' ? 'index.html' : inside}`))
    const stat = file?.startsWith(join(folder, sep)) ? statSync(file, { throwIfNoEntry: false }) : undefined
    if (!file || !stat?.isFile()) {
      // The icon that browsers ask for by themselves is nobody's mistake.
      response.writeHead(pathname === '/favicon.ico' ? 204 : 404).end()
      return
    }
    const type = types[extname(file)] ?? 'application/octet-stream'
    const changed = tamper?.(pathname, readFileSync(file))
    response.writeHead(200, {
      'content-type': type,
      'content-length': changed?.length ?? stat.size,
      ...headers,
    })
    if (changed) response.end(changed)
    else createReadStream(file).pipe(response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = server.address()
  return {
    url: `http://127.0.0.1:${port}${base}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve(undefined))
        server.closeAllConnections()
      }),
  }
}
