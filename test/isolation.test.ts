/** The headers that onnxruntime's threads need, and what is said without them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type App, createBasicApp, type PluginOptions, viteConfig, viteVersions } from './apps'
import { type Running, startDev, urlsIn } from './dev-servers'
import { launch } from './harness/browser.mjs'

let app: App
let running: Running | undefined
beforeEach(() => {
  app = createBasicApp()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await running?.stop()
  running = undefined
  app.remove()
})

const isolated = ['same-origin', 'require-corp']
const headersOf = ({ headers }: { headers: Headers }) => [
  headers.get('cross-origin-opener-policy'),
  headers.get('cross-origin-embedder-policy'),
]
const page = '/index.html'
const model = '/src/digits_mlp.onnx?import'

it.each(Object.entries(viteVersions))('%s sends them with all it serves in development', async (_, vite) => {
  running = await startDev(app, { crossOriginIsolation: true, dev: 'source' }, {}, vite)
  const module = await running.get(model)
  for (const path of [page, '/src/main.js', urlsIn(module.text)[0]!])
    expect([path, ...headersOf(await running.get(path))]).toEqual([path, ...isolated])
})

it.each(Object.entries(viteVersions))('%s sends them in preview', async (_, vite) => {
  const config = viteConfig(app, { crossOriginIsolation: true })
  await vite.build(config)
  const server = await vite.preview({ ...config, preview: { port: 0, host: '127.0.0.1' } })
  try {
    const { port } = server.httpServer.address() as { port: number }
    expect(headersOf(await fetch(`http://127.0.0.1:${port}/index.html`))).toEqual(isolated)
  } finally {
    await server.close()
  }
})

it('takes the option from the configuration file, and keeps headers that are set', async () => {
  writeFileSync(join(app.dir, 'onnx.config.mjs'), 'export default { crossOriginIsolation: true }\n')
  const headers = { 'cross-origin-embedder-policy': 'credentialless', 'x-own': 'kept' }
  running = await startDev(app, {}, { server: { headers } })
  const answer = await running.get(page)
  expect(headersOf(answer)).toEqual(['same-origin', 'credentialless'])
  expect(answer.headers.get('x-own')).toBe('kept')
})

it('sends none by default', async () => {
  running = await startDev(app)
  expect(headersOf(await running.get(page))).toEqual([null, null])
})

it('makes a page that has threads, in Chromium', async () => {
  running = await startDev(app, { crossOriginIsolation: true, dev: 'source' })
  const browser = await launch({ webgpu: false })
  try {
    const { problems, extra } = await browser.visit(`${running.origin}/?provider=wasm`, {
      after: (visited) => visited.evaluate('[crossOriginIsolated, typeof SharedArrayBuffer]'),
    })
    expect(problems).toEqual([])
    expect(extra).toEqual([true, 'function'])
  } finally {
    await browser.close()
  }
})

/** What a build says, on stderr. */
async function saidBy(options: PluginOptions, more = {}): Promise<string> {
  const said: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.push(String(text))
    return true
  })
  await viteVersions['vite 8']!.build({ ...viteConfig(app, { logLevel: 'info', ...options }), ...more })
  vi.restoreAllMocks()
  return said.join('')
}
const hints = (said: string) => said.match(/crossOriginIsolation/g)?.length ?? 0

it('hints once at one thread in a build whose pages are not isolated', async () => {
  const said = await saidBy({})
  expect(said.match(/runs on one thread/g)).toHaveLength(1)
  expect(said).toMatch(/crossOriginIsolation: true.*\n/)
})

it('says nothing where it was decided on, or where nobody serves pages', async () => {
  expect(hints(await saidBy({ crossOriginIsolation: true }))).toBe(0)
  expect(hints(await saidBy({ crossOriginIsolation: false }))).toBe(0)
  expect(hints(await saidBy({ targets: ['node'] }, { build: { ssr: 'src/main.js' } }))).toBe(0)
})
