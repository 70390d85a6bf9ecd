import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename, join } from 'node:path'
import type { ViteDevServer } from 'vite'
import { engineScripts, webDist } from '../module/engines'
import { sendFile } from './send-file'

/**
 * What Vite's dev server needs help with.
 *
 * onnxruntime-web's scripts are served as they are. Vite would transform them as source modules: it rewrites their
 * imports of Node's modules, and a worker that onnxruntime starts from its own URL would load Vite's client.
 * Models get a content type: Vite knows none for them.
 */
export function serveFiles(server: ViteDevServer): void {
  const { base, root } = server.config
  server.middlewares.use(async (request, response, next) => {
    const asked = addressIn(request.url)
    if (asked === undefined) return next()
    const { pathname, path, searchParams } = asked
    // ?import and ?url ask for a module of Vite's, not for the file.
    if (searchParams.has('import') || searchParams.has('url')) return next()
    if (/\.onnxv?$/.test(pathname)) {
      response.setHeader('Content-Type', 'application/octet-stream')
      return next()
    }
    const name = basename(pathname)
    if (!engineScripts.has(name)) return next()
    const below = path.startsWith(base) ? path.slice(base.length - 1) : path
    const file = below.startsWith('/@fs/') ? below.slice('/@fs'.length) : join(root, below)
    if (file !== scriptFile(name, root)) return next()
    if (refusesMethod(request, response)) return
    try {
      setServerHeaders(server, response)
      response.setHeader('Content-Type', 'text/javascript')
      response.setHeader('Cache-Control', 'no-cache')
      if (!(await sendFile(request, response, file))) next()
    } catch (error) {
      next(error)
    }
  })
}

/** What a request asks for, its path as it is written and decoded; undefined for what is no address. */
function addressIn(
  url = '',
): (Pick<URL, 'pathname' | 'searchParams'> & { readonly path: string }) | undefined {
  try {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    return { pathname, searchParams, path: decodeURI(pathname) }
  } catch {
    return undefined
  }
}

/** Answers whatever is neither GET nor HEAD: files are only read. */
export function refusesMethod({ method }: IncomingMessage, response: ServerResponse): boolean {
  if (method === 'GET' || method === 'HEAD') return false
  response.writeHead(405, { Allow: 'GET, HEAD' }).end()
  return true
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
