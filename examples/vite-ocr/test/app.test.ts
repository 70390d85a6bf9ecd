/** The app as Vite builds it, in Chromium. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch } from '../../../test/harness/browser.mjs'
import { serve } from '../../../test/harness/server.mjs'
import { type Built, buildExample, isolation } from '../../testing'

interface Reading {
  readonly lines: readonly { readonly text: string; readonly confidence: number }[]
}
interface Result extends Reading {
  readonly models: readonly { readonly provider: string; readonly recipe: string; readonly bytes: number }[]
  readonly source?: Reading & { readonly bytes: number }
}

const poster = [
  'SUMMER SERIES 2026',
  'Harbour',
  'Lights',
  'An evening of music by the water',
  'Saturday, 12 September',
  'Doors open at 19:30',
  'Old Lighthouse Pier, Gate 4',
  'Tickets from $18.50',
  'Please bring a warm coat',
]

let built: Built
let server: Awaited<ReturnType<typeof serve>>
let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  built = await buildExample(import.meta.dirname, ['vite', 'vite'], (out) => ['build', '--outDir', out])
  server = await serve(built.out, { headers: isolation })
  browser = await launch()
}, 900_000)
afterAll(async () => {
  await browser?.close()
  await server?.close()
  built?.remove()
})

const textOf = ({ lines }: Reading) => lines.map(({ text }) => text)

async function visit(query: string): Promise<Result> {
  const { result, error, problems } = await browser.visit(`${server.url}${query}`, { timeout: 280_000 })
  expect(error).toBeUndefined()
  expect(problems).toEqual([])
  return result as Result
}

it('reads the poster with the variants on WebAssembly as with the source models, from less than a third of the bytes', async () => {
  const { models, source, ...page } = await visit('?provider=wasm&source')
  expect(textOf(page)).toEqual(poster)
  expect(textOf(source!)).toEqual(poster)
  expect(models.map(({ provider }) => provider)).toEqual(['wasm', 'wasm', 'wasm'])
  const bytes = models.reduce((sum, model) => sum + model.bytes, 0)
  expect(bytes / source!.bytes).toBeLessThan(1 / 3)
}, 300_000)

it('reads the ticket on WebGPU', async () => {
  const { models, ...page } = await visit('?provider=webgpu&sample=ticket')
  expect(textOf(page)).toEqual(['Museum of Light', 'Admit one, 14:30'])
  expect(models.map(({ provider }) => provider)).toEqual(['webgpu', 'webgpu', 'webgpu'])
}, 300_000)

it('downloads no model on the second visit, and reads without a network on the third', async () => {
  const again = await serve(built.out, { headers: isolation })
  const lines = async (page: Page) => {
    await page.reload()
    await page.waitForFunction(() => '__result' in globalThis, undefined, { timeout: 100_000 })
    return textOf(await page.evaluate(() => (globalThis as unknown as { __result: Reading }).__result))
  }
  const models = () => again.requests.filter(({ path }) => path.endsWith('.onnxv')).length
  const { result, problems, extra } = await browser.visit(`${again.url}?provider=wasm&sample=ticket`, {
    timeout: 200_000,
    after: async (page: Page) => {
      const first = models()
      const second = { lines: await lines(page), models: models() - first }
      await again.close()
      return { first, second, offline: await lines(page) }
    },
  })
  expect(result).toMatchObject({ offline: true })
  const ticket = ['Museum of Light', 'Admit one, 14:30']
  expect(extra).toEqual({ first: 3, second: { lines: ticket, models: 0 }, offline: ticket })
  expect(problems).toEqual([])
}, 300_000)

it('emits one copy of each onnxruntime binary', () => {
  const binaries = [...built.files.keys()].filter((name) => name.endsWith('.wasm'))
  expect(binaries).toHaveLength(2)
})
