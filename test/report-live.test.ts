/** The report that Vite's dev server shows while an app is developed. */
import { request } from 'node:http'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createBasicApp, viteConfig, viteVersions } from './apps'
import { launch } from './harness/browser.mjs'

interface News {
  readonly version: string
  readonly reports?: readonly { readonly manifest: { readonly source: { readonly file: string } } }[]
}

let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  browser = await launch({ webgpu: false })
})
afterAll(() => browser?.close())

describe.each(Object.entries(viteVersions))('the report in the dev server of %s', (_, vite) => {
  let app: App
  let server: Awaited<ReturnType<typeof vite.createServer>>
  let origin: string
  let port: number
  const printed: string[] = []
  beforeAll(async () => {
    app = createBasicApp()
    const logger = vite.createLogger('silent')
    logger.info = (text) => void printed.push(text)
    server = await vite.createServer({
      ...viteConfig(app),
      base: '/deep/',
      logLevel: 'info',
      customLogger: logger,
      server: { port: 0, host: '127.0.0.1' },
    })
    await server.listen()
    port = (server.httpServer!.address() as { port: number }).port
    origin = `http://127.0.0.1:${port}`
  })
  afterAll(async () => {
    await server.close()
    app.remove()
  })

  it('has its address printed with those of the app', () => {
    server.printUrls()
    expect(printed.join('\n')).toContain(`${origin}/deep/__onnx/`)
  })

  it('shows a conversion as soon as it is done, without being loaded again', async () => {
    const before = (page: Page) =>
      page.addInitScript('addEventListener("load", () => { globalThis.__result = true })')
    const { extra, problems } = await browser.visit(`${origin}/deep/__onnx/`, {
      before,
      after: async (page) => {
        const empty = await page.locator('h1').textContent()
        await fetch(`${origin}/deep/src/digits_mlp.onnx?import`)
        await page.getByRole('heading', { name: 'digits_mlp.onnx' }).waitFor({ timeout: 60_000 })
        await fetch(`${origin}/deep/src/diabetes_mlp.onnx?import`)
        await page.getByRole('link', { name: /diabetes/ }).waitFor({ timeout: 60_000 })
        return { empty, state: await page.locator('.state').textContent() }
      },
    })
    expect(extra).toEqual({ empty: 'No model yet', state: 'live' })
    expect(problems).toEqual([])
  })

  it('gives the data to who does not have it yet', async () => {
    await fetch(`${origin}/deep/src/digits_mlp.onnx?import`)
    const data = `${origin}/deep/__onnx/reports.json`
    const first = (await (await fetch(data)).json()) as News
    expect(first.reports?.map(({ manifest }) => manifest.source.file)).toContain('src/digits_mlp.onnx')
    const again = (await (await fetch(`${data}?since=${first.version}`)).json()) as News
    expect(again).toEqual({ version: first.version })
  })

  it('is found without its slash, and refuses to be written to', async () => {
    const moved = await fetch(`${origin}/deep/__onnx`, { redirect: 'manual' })
    expect([moved.status, moved.headers.get('location')]).toEqual([302, '/deep/__onnx/'])
    expect((await fetch(`${origin}/deep/__onnx/`, { method: 'POST' })).status).toBe(405)
  })

  it.each(['', 'reports.json'])('is refused to foreign hosts: /__onnx/%s', async (file) => {
    const status = await new Promise<number | undefined>((done, fail) => {
      request(
        { host: '127.0.0.1', port, path: `/deep/__onnx/${file}`, headers: { host: 'evil.example' } },
        (response) => {
          response.resume()
          done(response.statusCode)
        },
      )
        .on('error', fail)
        .end()
    })
    expect(status).toBe(403)
  })
})
