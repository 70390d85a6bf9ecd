/** A server of files in memory that knows ranges and ETags, tells what it was asked, and misbehaves as tests ask. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export interface Asked {
  readonly path: string
  readonly range: string | undefined
  readonly ifRange: string | undefined
  readonly status: number
  /** Bytes of content that were given to the socket. */
  sent: number
}

export interface FileServer {
  readonly url: string
  readonly asked: Asked[]
  /** Requests that are under way, as the server sees it. */
  readonly open: () => number
  readonly close: () => Promise<void>
}

export interface Habits {
  /** Knows no ranges: whatever is asked for, the answer is the whole file. */
  readonly ranges?: boolean
  readonly etag?: boolean
  /** Takes a request over: true. */
  readonly respond?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Called before each chunk: false breaks the connection there. */
  readonly goesOn?: (asked: Asked) => boolean
  /** Other content, by how often the path was asked for before. */
  readonly tamper?: (path: string, bytes: Uint8Array, times: number) => Uint8Array
}

const chunkBytes = 64 * 1024

export async function serveFiles(
  files: ReadonlyMap<string, Uint8Array>,
  { ranges = true, etag = true, respond, goesOn = () => true, tamper = (_, bytes) => bytes }: Habits = {},
): Promise<FileServer> {
  const asked: Asked[] = []
  let open = 0
  const server = createServer(async (request, response) => {
    open++
    response.on('close', () => open--)
    if (respond?.(request, response)) return
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const found = files.get(pathname)
    const { range, 'if-range': ifRange } = request.headers
    const log = (status: number): Asked => {
      const entry = { path: pathname, range, ifRange: ifRange as string | undefined, status, sent: 0 }
      asked.push(entry)
      return entry
    }
    if (!found) {
      log(404)
      response.writeHead(404).end()
      return
    }
    const bytes = tamper(pathname, found, asked.filter(({ path }) => path === pathname).length)
    const tag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`
    const from = ranges && (!ifRange || ifRange === tag) ? /^bytes=(\d+)-$/.exec(range ?? '')?.[1] : undefined
    const start = Number(from ?? 0)
    if (start > bytes.length) {
      log(416)
      response.writeHead(416).end()
      return
    }
    const entry = log(from ? 206 : 200)
    response.writeHead(entry.status, {
      'content-type': 'application/octet-stream',
      'content-length': bytes.length - start,
      ...(etag && { etag: tag }),
      ...(from && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    for (let at = start; at < bytes.length; at += chunkBytes) {
      if (!goesOn(entry)) {
        response.destroy()
        return
      }
      const chunk = bytes.subarray(at, at + chunkBytes)
      entry.sent += chunk.length
      if (!response.write(chunk)) {
        await new Promise<void>((resolve) => {
          const go = () => {
            response.off('drain', go).off('close', go)
            resolve()
          }
          response.on('drain', go).on('close', go)
        })
      }
      if (response.destroyed) return
    }
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    asked,
    open: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
