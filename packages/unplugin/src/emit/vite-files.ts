import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import type { ViteDevServer } from 'vite'
import { sendFile } from './send-file'
import { refusesMethod, setServerHeaders } from './vite-server'

/** Below the server's base. */
const place = '__onnx/files/'

/** Models and variants that a dev server hands out. */
export interface ServedFiles {
  /**
   * The URL of a file. Another one when its content changes, so that nothing stale is ever taken for it.
   * @param name the last part of the URL
   */
  url(file: string, name?: string): string
}

/**
 * Serves models and variants, wherever they lie. A URL holds a key and no path, and only files that a module of ours named
 * have one: nothing else can be reached through it.
 */
export function serveModelFiles(server: ViteDevServer): ServedFiles {
  const { base, server: options } = server.config
  const files = new Map<string, string>()
  server.middlewares.use(async (request, response, next) => {
    const [path = ''] = (request.url ?? '').split('?')
    if (!path.startsWith(`${base}${place}`)) return next()
    const [key = '', , ...rest] = path.slice(base.length + place.length).split('/')
    const file = rest.length === 0 ? files.get(key) : undefined
    if (refusesMethod(request, response)) return
    // Pages of other origins get no model, not even as something that they can't read, unless the user's own headers say so.
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    setServerHeaders(server, response)
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Cache-Control', 'no-cache')
    try {
      if (file !== undefined) {
        response.setHeader('Content-Type', 'application/octet-stream')
        if (await sendFile(request, response, file)) return
      }
      response.removeHeader('Content-Type')
      response.writeHead(404).end()
    } catch (error) {
      next(error)
    }
  })
  return {
    url(file, name = basename(file)) {
      const stats = statSync(file, { throwIfNoEntry: false })
      const key = createHash('sha256')
        .update(JSON.stringify([file, stats?.size, stats?.mtimeMs]))
        .digest('hex')
        .slice(0, 16)
      files.set(key, file)
      return `${options.origin ?? ''}${base}${place}${key}/${encodeURIComponent(name)}`
    },
  }
}
