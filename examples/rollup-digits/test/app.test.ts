/** The app as Rollup builds it, in Chromium. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch } from '../../../test/harness/browser.mjs'
import { serve } from '../../../test/harness/server.mjs'
import { type Built, buildExample, isolation } from '../../testing'

interface Result {
  readonly digit: number
  readonly probabilities: readonly number[]
  readonly model: { readonly provider: string; readonly recipe: string; readonly bytes: number }
  readonly source?: { readonly probabilities: readonly number[]; readonly bytes: number }
}

let built: Built
let server: Awaited<ReturnType<typeof serve>>
let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  built = await buildExample(import.meta.dirname, ['rollup', 'rollup'], (out) => ['--config', '--dir', out])
  server = await serve(built.out, { headers: isolation })
  browser = await launch()
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await server?.close()
  built?.remove()
})

type Options = NonNullable<Parameters<typeof browser.visit>[1]>

async function visit(query: string, options: Options = {}) {
  const { result, error, problems, extra } = await browser.visit(`${server.url}${query}`, {
    timeout: 150_000,
    ...options,
  })
  expect(error).toBeUndefined()
  expect(problems).toEqual([])
  return { ...(result as Result), extra }
}

describe.each(['wasm', 'webgpu'])('on %s', (provider) => {
  it('knows the three, as surely as the source model does', async () => {
    const { digit, probabilities, model, source } = await visit(`?provider=${provider}&source`)
    expect(digit).toBe(3)
    expect(probabilities[3]).toBeGreaterThan(0.95)
    expect(model.provider).toBe(provider)
    for (const [index, value] of source!.probabilities.entries())
      expect(probabilities[index]).toBeCloseTo(value, 1)
    expect(model.bytes / source!.bytes).toBeLessThan(1 / 3)
  }, 200_000)
})

it.each(['0', '2', '4', '7'])('knows the sample %s', async (sample) => {
  const { digit } = await visit(`?provider=wasm&sample=${sample}`)
  expect(digit).toBe(Number(sample))
})

it('looks again while someone draws', async () => {
  const { extra } = await visit('?provider=wasm', {
    after: async (page) => {
      await page.click('#clear')
      const box = (await page.locator('#pad').boundingBox())!
      const at = (x: number, y: number) => [box.x + box.width * x, box.y + box.height * y] as const
      await page.mouse.move(...at(0.5, 0.1))
      await page.mouse.down()
      await page.mouse.move(...at(0.5, 0.9), { steps: 20 })
      await page.mouse.up()
      await page.waitForFunction("document.querySelector('#status').textContent.startsWith('It looks like')")
      return page.textContent('#status')
    },
  })
  expect(extra).toMatch(/^It looks like a 1, /)
})
