/** What docs/frameworks.md promises: its apps, built by their frameworks, run in Chromium and in Node, held against the model. */
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { picture } from '../examples/frameworks/react-vite/src/picture'
import { copyExample, type Example } from './frameworks/example'
import { alike, digit, expectScores, type Shown, watchPage } from './frameworks/shown'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'

let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

type Browser = Pick<typeof browser, 'visit'>

/** @returns whether the page may use threads */
async function expectPage(url: string, { visit }: Browser = browser, truth = digit()): Promise<unknown> {
  const { result, error, problems, requests, extra } = await visit(url, {
    before: watchPage,
    after: (page) => page.evaluate(() => crossOriginIsolated),
  })
  expect(error).toBeUndefined()
  expect(problems).toEqual([])
  const { answer, scores } = result as Shown
  expectScores(scores, await truth)
  expect(answer).toBe((await truth).answer)
  const own = new URL('.', url).href
  expect(
    requests.filter((request) => !/^(data|blob):/.test(request.url) && !request.url.startsWith(own)),
  ).toEqual([])
  return extra
}

/** A folder of files, on any web server. */
async function expectFolder(
  folder: string,
  headers: Record<string, string> = {},
  truth = digit(),
): Promise<void> {
  const server = await serve(folder, { headers })
  try {
    await expectPage(server.url, browser, truth)
  } finally {
    await server.close()
  }
}

/** `POST /api/classify` of the apps that have a server. */
async function expectServer(url: string): Promise<void> {
  const response = await fetch(new URL('api/classify', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([...picture]),
  })
  expect(response.status, await response.clone().text()).toBe(200)
  expectScores(await response.json(), await digit())
}

async function withExample(name: string, use: (example: Example) => Promise<void>): Promise<void> {
  const example = copyExample(name)
  try {
    await use(example)
  } finally {
    example.remove()
  }
}

const filesIn = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' })

describe('the app for', { timeout: 300_000 }, () => {
  it('React and Vite shows what the model says, on the web and from the files of a shell such as Electron', () =>
    withExample('react-vite', async ({ dir, build }) => {
      await build('vite', 'vite', 'build', '--base', './')
      await expectFolder(join(dir, 'dist'))
      // What Electron allows its pages, Chromium does when told to.
      const shell = await launch({ args: ['--allow-file-access-from-files'] })
      await expectPage(pathToFileURL(join(dir, 'dist/index.html')).href, shell).finally(shell.close)
    }))

  it('Svelte and Vite shows what the model says, also under a content security policy', () =>
    withExample('svelte-vite', async ({ dir, build }) => {
      await build('vite', 'vite', 'build')
      const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:"
      await expectFolder(join(dir, 'dist'), { 'content-security-policy': policy })
    }))

  it('Next.js shows what the model says, and answers the same from its server', () =>
    withExample('next', async ({ dir, build, start }) => {
      await build('next', 'next', 'build', '--webpack')
      const server = await start((port) => [
        join(dir, 'node_modules/next/dist/bin/next'),
        'start',
        '--port',
        port,
      ])
      try {
        await expectPage(server.url)
        await expectServer(server.url)
      } finally {
        await server.close()
      }
    }))

  it('SvelteKit shows what the model says, and answers the same from its server', () =>
    withExample('sveltekit', async ({ dir, build, start }) => {
      await build('vite', 'vite', 'build')
      const server = await start(() => [join(dir, 'build/index.js')])
      try {
        await expectPage(server.url)
        await expectServer(server.url)
      } finally {
        await server.close()
      }
    }))

  it('Astro shows what the model says, at the build and in the page', () =>
    withExample('astro', async ({ dir, build }) => {
      await build('astro', 'astro', 'build')
      const html = readFileSync(join(dir, 'dist/index.html'), 'utf8')
      expectScores(
        [...html.matchAll(/<li>(-?[\d.]+)<\/li>/g)].map(([, score]) => Number(score)),
        await digit(),
      )
      await expectFolder(join(dir, 'dist'))
    }))

  it("an extension of Chromium's shows what the model says, with threads", () =>
    withExample('extension', async ({ dir, build }) => {
      await build('vite', 'vite', 'build')
      const extended = await launch({ extension: join(dir, 'dist') })
      try {
        const isolated = await expectPage(`chrome-extension://${extended.extensionId}/popup.html`, extended)
        expect(isolated).toBe(true)
      } finally {
        await extended.close()
      }
    }))

  it('a page from disk shows what the model says, and is two files', () =>
    withExample('file-page', async ({ dir, build }) => {
      await build('vite', 'vite', 'build')
      expect(filesIn(join(dir, 'dist')).filter((file) => /\.\w+$/.test(file))).toHaveLength(2)
      await expectPage(pathToFileURL(join(dir, 'dist/index.html')).href)
    }))

  it('Transformers.js gives what the model gives, on the variant of the page and on one of the command line', () =>
    withExample('transformers', async ({ dir, build, run }) => {
      await build('vite', 'vite', 'build')
      expect(filesIn(join(dir, 'dist')).filter((file) => file.endsWith('.wasm'))).toHaveLength(1)
      await expectFolder(join(dir, 'dist'), {}, alike())

      const convert = ['convert', 'src/numbers.onnx', '--target', 'portable', '--out', 'converted']
      await build('unplugin-onnx', 'unplugin-onnx', ...convert)
      const [model = ''] = filesIn(join(dir, 'converted')).filter((file) => file.endsWith('.onnx'))
      const folder = join(dir, 'public/models/numbers/onnx')
      mkdirSync(folder)
      renameSync(join(dir, 'converted', model), join(folder, 'model_quantized.onnx'))
      const printed = await run('search.mjs')
      const scores = [...printed.matchAll(/^(-?[\d.]+) {2}/gm)].map(([, score]) => Number(score))
      expectScores(scores, await alike())
    }))
})
