import type { ServerResponse } from 'node:http'
import { renderReport } from '@unplugin-onnx/build/plugin'
import type { ViteDevServer } from 'vite'
import type { Reports } from '../reports'
import { refusesMethod } from './vite-server'

/** Below the server's base. */
const place = '__onnx/'
const dataFile = 'reports.json'

/**
 * A page of all conversions at `/__onnx/`, which shows each as soon as it is done, with its address among those that the
 * server prints. Vite has refused foreign hosts before a request comes here.
 */
export function serveReports(server: ViteDevServer, reports: Reports): void {
  const { base } = server.config
  const page = `${base}${place}`
  // Of this server: another one begins to count anew.
  const life = Date.now().toString(36)
  server.middlewares.use(async (request, response, next) => {
    const [path = '', query] = (request.url ?? '').split('?')
    if (`${path}/` === page) {
      response.writeHead(302, { location: page }).end()
      return
    }
    if (path !== page && path !== `${page}${dataFile}`) return next()
    if (refusesMethod(request, response)) return
    try {
      const version = `${life}-${reports.version}`
      const known = path !== page && new URLSearchParams(query).get('since') === version
      const all = known ? undefined : await reports.all()
      if (path === page)
        send(response, 'text/html', renderReport(all ?? [], { title: 'ONNX report', live: dataFile }))
      else send(response, 'application/json', JSON.stringify({ version, reports: all }))
    } catch (error) {
      next(error)
    }
  })
  announce(server, page)
}

function send(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Names of models are nobody else's business, and no other page may frame this one.
    'cross-origin-resource-policy': 'same-origin',
    'content-security-policy': "frame-ancestors 'self'",
  })
  response.end(text)
}

/** Vite has no hook for what it prints of itself: its function is called, and then a line is added. */
function announce(server: ViteDevServer, page: string): void {
  const print = server.printUrls.bind(server)
  server.printUrls = () => {
    print()
    const [url] = server.resolvedUrls?.local ?? server.resolvedUrls?.network ?? []
    if (url !== undefined) server.config.logger.info(`  ➜  ONNX report: ${new URL(page, url).href}`)
  }
}
