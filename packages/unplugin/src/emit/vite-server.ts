import { createReadStream } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { basename, join } from 'node:path'
import type { ViteDevServer } from 'vite'
import { engineScripts, webDist } from '../module/engines'

/**
 * What Vite's dev server needs help with.
 *
 * onnxruntime-web's scripts are served as they are. Vite would transform them as source modules: it rewrites their
 * imports of Node's modules, and a worker that onnxruntime starts from its own URL would load Vite's client.
 * Models get a content type: Vite knows none for them.
 */
export function serveFiles(server: ViteDevServer): void {
  const { base, root } = server.config
  server.middlewares.use((request, response, next) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    // ?import and ?url ask for a module of Vite's, not for the file.
    if (searchParams.has('import') || searchParams.has('url')) return next()
    if (/\.onnxv?$/.test(pathname)) {
      response.setHeader('Content-Type', 'application/octet-stream')
      return next()
    }
    const name = basename(pathname)
    if (!engineScripts.has(name)) return next()
    const path = decodeURI(pathname.startsWith(base) ? pathname.slice(base.length - 1) : pathname)
    const file = path.startsWith('/@fs/') ? path.slice('/@fs'.length) : join(root, path)
    if (file !== scriptFile(name, root)) return next()
    setServerHeaders(server, response)
    response.setHeader('Content-Type', 'text/javascript')
    response.setHeader('Cache-Control', 'no-cache')
    createReadStream(file).on('error', next).pipe(response)
  })
}

/** What the user wants of every response. */
export function setServerHeaders(server: ViteDevServer, response: ServerResponse): void {
  for (const [header, value] of Object.entries(server.config.server.headers ?? {})) {
    if (value !== undefined) response.setHeader(header, value)
  }
}

function scriptFile(name: string, root: string): string | undefined {
  try {
    return join(webDist(root), name)
  } catch {
    return undefined
  }
}
