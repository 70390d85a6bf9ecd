/** Models and variants over HTTP, as Vite's dev server serves them. */
import { randomBytes } from 'node:crypto'
import {
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type App, createApp } from './apps'
import { type Running, startDev, urlsIn } from './dev-servers'

let app: App
let running: Running
let url: string
let file: string
let bytes: Buffer
beforeAll(async () => {
  app = createApp('single', { 'model.onnx': 'code_lang.onnx' })
  file = join(app.dir, 'src/model.onnx')
  bytes = readFileSync(file)
  running = await startDev(app, { dev: 'source', cache: { dir: join(app.dir, '.cache/onnx') } })
  ;[url = ''] = urlsIn((await running.get('/src/model.onnx?import')).text)
})
afterAll(async () => {
  await running?.stop()
  app.remove()
})

const get = (headers: Record<string, string> = {}, method = 'GET') => running.get(url, { headers, method })

it('serves the whole file, with its length, a validator and the offer of ranges', async () => {
  const { status, headers, bytes: got } = await get()
  expect(status).toBe(200)
  expect(got.equals(bytes)).toBe(true)
  expect(headers.get('content-length')).toBe(String(bytes.length))
  expect(headers.get('content-type')).toBe('application/octet-stream')
  expect(headers.get('accept-ranges')).toBe('bytes')
  expect(headers.get('etag')).toMatch(/^"[0-9a-f-]+"$/)
  expect(headers.get('cache-control')).toBe('no-cache')
})

it('answers HEAD with the headers alone', async () => {
  const { status, headers, bytes: got } = await get({}, 'HEAD')
  expect([status, got.length, headers.get('content-length')]).toEqual([200, 0, String(bytes.length)])
})

it('says 304 to who has it', async () => {
  const { headers } = await get()
  const etag = headers.get('etag')!
  const modified = headers.get('last-modified')!
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await get({ 'if-none-match': known })
    expect([known, again.status, again.bytes.length, again.headers.get('etag')]).toEqual([
      known,
      304,
      0,
      etag,
    ])
  }
  expect((await get({ 'if-modified-since': modified })).status).toBe(304)
  expect((await get({ 'if-none-match': '"other"' })).status).toBe(200)
  expect((await get({ 'if-none-match': '"other"', 'if-modified-since': modified })).status).toBe(200)
})

it.each([
  ['bytes=0-99', 0, 99],
  ['bytes=1000-', 1000, undefined],
  ['bytes=-500', -500, undefined],
  ['bytes=0-99999999', 0, undefined],
])('serves the range %s alone', async (range, from, last) => {
  const part = bytes.subarray(from, last === undefined ? undefined : last + 1)
  const { status, headers, bytes: got } = await get({ range })
  expect(status).toBe(206)
  expect(got.equals(part)).toBe(true)
  const start = from < 0 ? bytes.length + from : from
  expect(headers.get('content-range')).toBe(`bytes ${start}-${start + part.length - 1}/${bytes.length}`)
})

it('refuses a range beyond the end, and says how long the file is', async () => {
  for (const range of [`bytes=${bytes.length}-`, 'bytes=-0']) {
    const { status, headers } = await get({ range })
    expect([range, status]).toEqual([range, 416])
    expect(headers.get('content-range')).toBe(`bytes */${bytes.length}`)
  }
})

it('serves the whole file for ranges that it need not know', async () => {
  for (const range of ['bytes=0-1,5-6', 'bytes=9-3', 'bytes=a-b', 'lines=1-2', 'bytes=-'])
    expect([range, (await get({ range })).status]).toEqual([range, 200])
})

it('goes on with a download only where the file is still the same', async () => {
  const etag = (await get()).headers.get('etag')!
  const rest = { range: 'bytes=1000-' }
  expect((await get({ ...rest, 'if-range': etag })).status).toBe(206)
  expect((await get({ ...rest, 'if-range': '"other"' })).status).toBe(200)
  expect((await get({ ...rest, 'if-range': new Date(0).toUTCString() })).status).toBe(200)
})

it('takes nothing but GET and HEAD', async () => {
  const dist = realpathSync(join(import.meta.dirname, 'node_modules/onnxruntime-web/dist'))
  const script = `/@fs${join(dist, 'ort-wasm-simd-threaded.mjs')}`
  for (const path of [url, '/__onnx/', '/__onnx/reports.json', '/__onnx/files/0000000000000000/x', script])
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers } = await running.get(path, { method })
      expect([path, method, status, headers.get('allow')]).toEqual([path, method, 405, 'GET, HEAD'])
    }
})

it('answers no page of another origin, and no name of the machine that is not its own', async () => {
  const addresses = [url, '/__onnx/', '/__onnx/reports.json']
  for (const path of addresses) {
    for (const host of ['evil.test', 'evil.test:80', '127.0.0.1.evil.test', 'localhost.evil.test']) {
      // As after DNS rebinding: the browser takes our address for theirs.
      const { status, text } = await raw(path, { host })
      expect([path, host, status]).toEqual([path, host, 403])
      expect(text.length).toBeLessThan(1000)
    }
    const { headers } = await running.get(path, { headers: { origin: 'https://evil.test' } })
    expect([path, headers.get('access-control-allow-origin')]).toEqual([path, null])
    expect([path, headers.get('cross-origin-resource-policy')]).toEqual([path, 'same-origin'])
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    const preflight = await running.get(path, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.test', 'access-control-request-method': 'GET' },
    })
    expect([path, preflight.headers.get('access-control-allow-origin')]).toEqual([path, null])
  }
})

it('makes no more of a range than the file has, whatever it asks for', async () => {
  const many = Array.from({ length: 1000 }, (_, at) => `${at}-${at + 5000}`).join(',')
  const whole = [
    'bytes=0-,0-,0-,0-',
    `bytes=${many}`,
    'bytes=--5',
    'bytes=-5-9',
    'bytes=0x10-0x20',
    'bytes=1e1-',
  ]
  for (const range of whole) {
    const { status, bytes: got } = await get({ range })
    expect([range.slice(0, 40), status, got.length]).toEqual([range.slice(0, 40), 200, bytes.length])
  }
  const digits = '9'.repeat(400)
  for (const range of [`bytes=0-${digits}`, `bytes=-${digits}`, `bytes=-${2 ** 53}`]) {
    const { status, bytes: got } = await get({ range })
    expect([range.slice(0, 40), status, got.length]).toEqual([range.slice(0, 40), 206, bytes.length])
  }
  for (const range of [`bytes=${digits}-`, `bytes=${2 ** 53}-${digits}`])
    expect([range.slice(0, 40), (await get({ range })).status]).toEqual([range.slice(0, 40), 416])
})

it('answers what is no address at all, and lives on', async () => {
  const paths = [
    '//',
    '///',
    '//[',
    '/%',
    '/%zz',
    '/%ff%fe.onnx',
    '/%E0%A4%A.onnx',
    '/%c0%af.mjs',
    '/__onnx/%',
    '/__onnx/files/%',
    '/__onnx/files/%00/x',
    '/__onnx/reports.json?since=%E0%A4%A',
    '/ort-wasm-simd-threaded.mjs%',
    '/..%2f..%2fort-wasm-simd-threaded.mjs',
    '/@fs/etc/../ort-wasm-simd-threaded.mjs',
  ]
  for (const path of paths) {
    const { status, text } = await raw(path)
    expect([path, status >= 200 && status < 500]).toEqual([path, true])
    expect(text).not.toContain('URIError')
  }
  expect((await get({}, 'HEAD')).status).toBe(200)
})

/** Without what clients do to a path before they send it. */
const raw = (path: string, headers = {}): Promise<{ status: number; text: string }> =>
  new Promise((done, fail) => {
    const { hostname, port } = new URL(running.origin)
    request({ hostname, port, path, method: 'GET', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      response.on('end', () => done({ status: response.statusCode ?? 0, text }))
    })
      .on('error', fail)
      .end()
  })

it('reaches no file but those that a module named', async () => {
  writeFileSync(join(app.dir, 'secret.txt'), 'a secret')
  const key = url.split('/').at(-2)!
  const secret = ['..', '..', '..', 'secret.txt']
  const absolute = join(app.dir, 'secret.txt')
  const paths = [
    `/__onnx/files/${secret.join('/')}`,
    `/__onnx/files/${key}/${secret.join('/')}`,
    `/__onnx/files/${key}/${secret.join('%2f')}`,
    `/__onnx/files/${key}/..%5c..%5csecret.txt`,
    `/__onnx/files/%2e%2e/%2e%2e/secret.txt`,
    `/__onnx/files/${encodeURIComponent(absolute)}/x`,
    `/__onnx/files${absolute}`,
    `/__onnx/files//${absolute}`,
    '/__onnx/files/__proto__/x',
    '/__onnx/files/constructor/x',
    '/__onnx/files/0000000000000000/model.onnx',
    '/__onnx/files/',
  ]
  for (const path of paths) {
    const { text } = await raw(path)
    expect([path, text.includes('a secret')]).toEqual([path, false])
  }
  expect((await raw('/__onnx/files/0000000000000000/model.onnx')).status).toBe(404)
  // What follows the key is for people who read it, and leads nowhere.
  expect((await raw(`/__onnx/files/${key}/..%2f..%2fsecret.txt`)).text.length).toBe(bytes.length)
})

it('streams: a file is never held in memory whole', async () => {
  const large = join(app.dir, 'src/large.onnx')
  writeFileSync(large, randomBytes(1))
  truncateSync(large, 256 * 1024 * 1024)
  const address = /export default "([^"]+)"/.exec((await running.get('/src/large.onnx?import&url')).text)![1]!
  const before = process.memoryUsage().rss
  let most = 0
  let received = 0
  const response = await fetch(new URL(address, running.origin))
  for await (const chunk of Readable.fromWeb(response.body as never)) {
    received += chunk.length
    most = Math.max(most, process.memoryUsage().rss - before)
  }
  expect(received).toBe(256 * 1024 * 1024)
  expect(most).toBeLessThan(128 * 1024 * 1024)
})

it('lives on when a client goes away in the middle', async () => {
  const abort = new AbortController()
  const address = /export default "([^"]+)"/.exec((await running.get('/src/large.onnx?import&url')).text)![1]!
  const response = await fetch(new URL(address, running.origin), { signal: abort.signal })
  await response.body!.getReader().read()
  abort.abort()
  expect((await get({ range: 'bytes=0-9' })).status).toBe(206)
})

it('gives a changed file another URL, and what is gone is a 404', async () => {
  const old = statSync(file)
  utimesSync(file, old.atime, new Date(old.mtimeMs + 5000))
  await expect
    .poll(async () => urlsIn((await running.get('/src/model.onnx?import')).text)[0], { timeout: 60_000 })
    .not.toBe(url)
  const fresh = join(app.dir, 'src/gone.onnx')
  writeFileSync(fresh, 'x')
  const address = /export default "([^"]+)"/.exec((await running.get('/src/gone.onnx?import&url')).text)![1]!
  expect((await running.get(address)).status).toBe(200)
  rmSync(fresh)
  expect((await running.get(address)).status).toBe(404)
})
