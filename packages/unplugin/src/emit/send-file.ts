import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'

/**
 * Sends a file as a web server does: piece by piece, with a validator (ETag, Last-Modified), 304 where the client has it
 * already, and single ranges (206, 416), so that a download that broke off can go on. RFC 9110, sections 13 and 14.
 * @returns false when there is no such file, and nothing was sent
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  // A named pipe would block the open for ever, were it not for O_NONBLOCK.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(() => undefined)
  if (handle === undefined) return false
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) return false
    await send(request, response, handle, stats)
    return true
  } finally {
    await handle.close().catch(() => {})
  }
}

async function send(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  handle: FileHandle,
  { size, mtime, mtimeMs }: Stats,
): Promise<void> {
  const etag = `"${size.toString(16)}-${Math.floor(mtimeMs * 1000).toString(16)}"`
  const modified = mtime.toUTCString()
  response.setHeader('ETag', etag)
  response.setHeader('Last-Modified', modified)
  response.setHeader('Accept-Ranges', 'bytes')
  if (isKnown(headers, etag, mtime)) {
    response.writeHead(304).end()
    return
  }
  const condition = headers['if-range']
  const conditionHolds = condition === undefined || condition === etag || condition === modified
  const range = conditionHolds ? rangeOf(headers.range, size) : undefined
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end()
    return
  }
  const { start, end } = range ?? { start: 0, end: size - 1 }
  if (range !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`)
  response.writeHead(range === undefined ? 200 : 206, { 'Content-Length': end - start + 1 })
  if (method === 'HEAD' || size === 0) {
    response.end()
    return
  }
  // A client that goes away ends the stream, which is no error of ours; a file that shrank breaks the response off.
  await pipeline(handle.createReadStream({ start, end, autoClose: false }), response).catch(() => {})
}

function isKnown(headers: IncomingMessage['headers'], etag: string, mtime: Date): boolean {
  const known = headers['if-none-match']
  if (known !== undefined)
    return known.trim() === '*' || known.split(',').some((each) => each.trim().replace(/^W\//, '') === etag)
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return Math.floor(mtime.getTime() / 1000) * 1000 <= since
}

/** @returns undefined for no range, several, or one that can't be read: the whole file is the answer then */
function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return undefined
  // Without a first byte, the last so many are meant.
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined
  return start >= size || (from === '' && Number(to) === 0) ? 'unsatisfiable' : { start, end }
}
