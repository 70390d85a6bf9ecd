import { createReadStream } from 'node:fs'
import { basename, join } from 'node:path'
import type { ViteDevServer } from 'vite'
import { engineScripts, webDist } from '../module/engines'

/**
 * Serves onnxruntime-web's scripts as they are. Vite would transform them as source modules: it rewrites their
 * imports of Node's modules, and a worker that onnxruntime starts from its own URL would load Vite's client.
 */
export function serveEngineScripts(server: ViteDevServer): void {
  const { base, root } = server.config
  server.middlewares.use((request, response, next) => {
    const path = decodeURI(new URL(request.url ?? '', 'http://localhost').pathname)
    if (!engineScripts.has(basename(path))) return next()
    const inBase = path.startsWith(base) ? path.slice(base.length - 1) : path
    const file = inBase.startsWith('/@fs/') ? inBase.slice('/@fs'.length) : join(root, inBase)
    let dist: string
    try {
      dist = webDist(root)
    } catch {
      return next()
    }
    if (join(dist, basename(path)) !== file) return next()
    for (const [name, value] of Object.entries(server.config.server.headers ?? {})) {
      if (value !== undefined) response.setHeader(name, value)
    }
    response.setHeader('Content-Type', 'text/javascript')
    response.setHeader('Cache-Control', 'no-cache')
    createReadStream(file).on('error', next).pipe(response)
  })
}
