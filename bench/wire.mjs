/**
 * What goes over the wire for the OCR example on a first and on a second visit, beside the same app made by hand: the
 * untouched float32 models in plain onnxruntime-web. Both are built by Vite, served as a good host does (brotli of
 * everything but pictures; names with a hash are kept for a year, the page is asked for again) and opened in Chromium with
 * a profile on disk, once with WebAssembly and once with WebGPU. Counted are the bytes of the bodies that the server sent.
 * Last, the server is stopped and the page loaded once more.
 *
 *   node bench/wire.mjs [--sample ticket]
 *
 * The exit code is 1 where the first visit takes more than half of what the app made by hand takes, the second loads
 * anything of a model, or the page does not read its sample without a network.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants } from 'node:zlib'
import { chromium } from 'playwright-core'
import { build, loadConfigFromFile } from 'vite'
import { chromiumArgs, ensureChromium } from '../scripts/chromium.mjs'

const { sample } = parseArgs({ options: { sample: { type: 'string', default: 'ticket' } } }).values
const root = join(import.meta.dirname, '../examples/vite-ocr')
const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-wire-'))

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
}

/** Vite's build of the example, or of the one with src/models.ts made by hand. */
async function buildApp(byHand) {
  process.chdir(root)
  const { config } = await loadConfigFromFile({ command: 'build', mode: 'production' }, undefined, root)
  const replace = {
    name: 'by-hand',
    enforce: 'pre',
    resolveId: (id) => (id === './models' ? join(import.meta.dirname, 'wire/by-hand.ts') : undefined),
  }
  const outDir = join(scratch, byHand ? 'by-hand' : 'plugin')
  await build({
    ...config,
    configFile: false,
    root,
    logLevel: 'error',
    plugins: byHand ? [replace] : config.plugins,
    build: { ...config.build, outDir },
  })
  return outDir
}

/** Brotli at 5, as servers compress what they send; with the window that all browsers know. */
const compress = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })

/** @returns {Promise<{ url: string, sent: { file: string, bytes: number }[], close: () => Promise<void> }>} */
async function serve(folder) {
  const sent = []
  const bodies = new Map()
  const bodyOf = (file) => {
    const known = bodies.get(file)
    if (known) return known
    const bytes = readFileSync(join(folder, file))
    const body = extname(file) === '.png' ? { bytes } : { bytes: compress(bytes), encoding: 'br' }
    bodies.set(file, body)
    return body
  }
  const files = new Set(
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(join(folder, name)).isFile(),
    ),
  )
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const file = pathname === '/' ? 'index.html' : decodeURIComponent(pathname.slice(1))
    if (!files.has(file)) return void response.writeHead(404).end()
    const { bytes, encoding } = bodyOf(file)
    const etag = `"${bytes.length}"`
    const headers = {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'cache-control': file.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      etag,
    }
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end()
    sent.push({ file, bytes: bytes.length })
    response
      .writeHead(200, {
        ...headers,
        'content-length': bytes.length,
        ...(encoding && { 'content-encoding': encoding }),
      })
      .end(bytes)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  // Compressed before anybody waits for it.
  for (const file of files) bodyOf(file)
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    sent,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
}

const kinds = {
  'page and script': () => true,
  onnxruntime: (file) => /^ort[.-]/.test(basename(file)),
  models: (file) => /\.onnxv?$/.test(file),
}
const kindOf = (file) => Object.keys(kinds).findLast((kind) => kinds[kind](file))

/** Visits twice, and once more without a server. */
async function visits(folder, provider) {
  const server = await serve(folder)
  const profile = mkdtempSync(join(scratch, 'profile-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: await ensureChromium(),
    args: chromiumArgs,
    headless: true,
  })
  const page = await context.newPage()
  const visit = async () => {
    server.sent.length = 0
    await page.goto(`${server.url}?provider=${provider}&sample=${sample}`)
    await page.waitForFunction(() => globalThis.__result ?? globalThis.__error, undefined, {
      timeout: 600_000,
    })
    const { result, error } = await page.evaluate(() => ({
      result: globalThis.__result,
      error: globalThis.__error,
    }))
    if (error) throw new Error(error)
    const bytes = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, 0]))
    for (const { file, bytes: count } of server.sent) bytes[kindOf(file)] += count
    return { bytes, lines: result.lines.map(({ text }) => text) }
  }
  try {
    const first = await visit()
    const second = await visit()
    await server.close()
    const offline = await visit().catch((error) => ({ error: String(error.message).split('\n')[0] }))
    return { first, second, offline }
  } finally {
    await context.close()
    await server.close().catch(() => {})
  }
}

const megabytes = (bytes) =>
  bytes === 0 ? '0' : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
const total = (bytes) => Object.values(bytes).reduce((sum, each) => sum + each, 0)
const row = (cells) => console.log(`| ${cells.join(' | ')} |`)

try {
  const apps = { plugin: await buildApp(false), byHand: await buildApp(true) }
  row([
    'OCR example, bytes sent',
    'by hand, first',
    'first',
    'of by hand',
    'by hand, second',
    'second',
    'offline',
  ])
  row(Array.from({ length: 7 }, () => '---'))
  for (const provider of ['wasm', 'webgpu']) {
    const byHand = await visits(apps.byHand, provider)
    const plugin = await visits(apps.plugin, provider)
    const read = JSON.stringify(byHand.first.lines)
    const works = ({ lines }) => JSON.stringify(lines) === read
    const name = { wasm: 'WASM', webgpu: 'WebGPU' }[provider]
    for (const kind of Object.keys(kinds))
      row([
        `${name}: ${kind}`,
        ...[byHand.first, plugin.first].map(({ bytes }) => megabytes(bytes[kind])),
        '',
        ...[byHand.second, plugin.second].map(({ bytes }) => megabytes(bytes[kind])),
        '',
      ])
    const share = total(plugin.first.bytes) / total(byHand.first.bytes)
    row([
      `**${name}: all**`,
      ...[byHand.first, plugin.first].map(({ bytes }) => `**${megabytes(total(bytes))}**`),
      `**${(100 * share).toFixed(0)} %**`,
      ...[byHand.second, plugin.second].map(({ bytes }) => `**${megabytes(total(bytes))}**`),
      works(plugin.offline) ? 'reads the same' : `${plugin.offline.error ?? plugin.offline.lines}`,
    ])
    const fine =
      share <= 0.5 &&
      plugin.second.bytes.models === 0 &&
      [plugin.first, plugin.second, plugin.offline].every(works)
    if (!fine) process.exitCode = 1
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
