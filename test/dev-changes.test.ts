/** What a change of a file does to a page that is open on Vite's dev server. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type App, createApp, modelFile, type PluginOptions, replaceFile } from './apps'
import { type Running, recipesIn, startDev } from './dev-servers'
import { launch } from './harness/browser.mjs'

let app: App
let running: Running | undefined
beforeEach(() => {
  app = createApp('hot', { 'model.onnx': 'digits_mlp.onnx' })
})
afterEach(async () => {
  await running?.stop()
  running = undefined
  app.remove()
})
const model = () => join(app.dir, 'src/model.onnx')
const cold = (options: PluginOptions = {}): PluginOptions => ({
  effort: 'fast',
  cache: { dir: join(app.dir, '.cache/onnx') },
  models: { '**/*.onnx': { recipes: ['float16'] } },
  ...options,
})

interface Opened {
  readonly recipe: string
  readonly size: number
  readonly values: readonly number[]
}

describe('a page in Chromium', () => {
  let browser: Awaited<ReturnType<typeof launch>>
  beforeAll(async () => {
    browser = await launch({ webgpu: false })
  })
  afterAll(() => browser?.close())

  const openedIn = (page: Page): Promise<Opened[]> =>
    page.evaluate(() => (globalThis as unknown as { __opened: Opened[] }).__opened)
  const recipesOf = async (page: Page) =>
    (await openedIn(page)).map(({ recipe, size }) => `${recipe} ${size}`)

  it('opens the converted model when it is there, and a changed one, without a reload', async () => {
    running = await startDev(app, cold({ targets: ['wasm'] }))
    const { problems, extra } = await browser.visit(`${running.origin}/`, {
      after: async (page) => {
        await page.evaluate('globalThis.__mark = 1')
        await expect.poll(() => recipesOf(page), { timeout: 90_000 }).toHaveLength(2)
        const [source, converted] = await openedIn(page)
        expect([source!.recipe, source!.size]).toEqual(['source', 64])
        expect([converted!.recipe === 'source', converted!.size]).toEqual([false, 64])
        const top = ({ values }: Opened) => values.indexOf(Math.max(...values))
        expect(top(converted!)).toBe(top(source!))

        replaceFile(modelFile('diabetes_mlp.onnx'), model())
        await expect.poll(() => recipesOf(page), { timeout: 90_000 }).toHaveLength(4)
        // A model as small as this one is shipped as it is, under whichever recipe.
        expect((await openedIn(page)).slice(2).map(({ size }) => size)).toEqual([10, 10])
        await page.waitForTimeout(1500)
        expect(await recipesOf(page)).toHaveLength(4)
        return page.evaluate('globalThis.__mark')
      },
    })
    expect(problems).toEqual([])
    expect(extra).toBe(1)
    expect(running.reloads()).toBe(0)
  })

  it('is left alone by a conversion that it takes no update of, and reloaded for another model', async () => {
    const main = join(app.dir, 'src/main.js')
    writeFileSync(main, readFileSync(main, 'utf8').replace(/^if .*\n.*accept.*\n/m, ''))
    running = await startDev(app, cold({ targets: ['wasm'] }))
    const { problems } = await browser.visit(`${running.origin}/`, {
      after: async (page) => {
        expect(await recipesOf(page)).toEqual(['source 64'])
        await expect
          .poll(() => running!.printed.join('\n'), { timeout: 90_000 })
          .toContain('the page gets it when it is loaded again')
        expect(await recipesOf(page)).toEqual(['source 64'])
        await page.reload()
        await expect.poll(() => recipesOf(page).catch(() => []), { timeout: 60_000 }).toHaveLength(1)
        expect(await recipesOf(page)).not.toEqual(['source 64'])
        replaceFile(modelFile('diabetes_mlp.onnx'), model())
        await expect.poll(() => recipesOf(page).catch(() => []), { timeout: 60_000 }).toEqual(['source 10'])
      },
    })
    expect(problems).toEqual([])
  })

  it('shows a broken model in the overlay, with what to do, and goes on with the mended one', async () => {
    running = await startDev(app, cold({ targets: ['wasm'], dev: 'source' }))
    await browser.visit(`${running.origin}/`, {
      after: async (page) => {
        writeFileSync(model(), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n')
        const overlay = page.locator('vite-error-overlay .message-body')
        await overlay.waitFor({ timeout: 60_000 })
        expect(await overlay.textContent()).toMatch(/model\.onnx.*git lfs/is)
        replaceFile(modelFile('diabetes_mlp.onnx'), model())
        await expect.poll(() => recipesOf(page).catch(() => []), { timeout: 60_000 }).toContain('source 10')
        await expect.poll(() => overlay.count()).toBe(0)
      },
    })
  })
})

describe('a conversion is made again', () => {
  const entries = () => {
    const folder = join(app.dir, '.cache/onnx/v2/entries')
    return existsSync(folder) ? readdirSync(folder).length : 0
  }
  /** As a page does: first the importing module, then the model; and again when it is told to. */
  async function watchedBy(options: PluginOptions): Promise<void> {
    running = await startDev(app, cold({ targets: ['node'], ...options }))
    const { server, get } = running
    const load = async () => {
      await get('/src/main.js')
      return get('/src/model.onnx?import')
    }
    expect((await load()).text).toContain('defineAsset')
    const { hot } = server.environments.client
    const { send } = hot
    hot.send = (...args: unknown[]) => {
      const { type } = args[0] as { type?: string }
      if (type === 'full-reload' || type === 'update') void load().catch(() => {})
      return (send as (...all: unknown[]) => void).apply(hot, args)
    }
    await expect.poll(entries, { timeout: 90_000 }).toBe(1)
    await expect.poll(async () => recipesIn((await load()).text).includes('source')).toBe(false)
  }
  const becomesTwo = () => expect.poll(entries, { timeout: 90_000 }).toBe(2)

  it('when a task module changes', async () => {
    const task = join(app.dir, 'evaluate.mjs')
    writeFileSync(task, 'export default async () => 1\n')
    await watchedBy({ accuracy: { evaluate: task, maxDrop: 0.5 } })
    writeFileSync(task, 'export default async () => 2\n')
    await becomesTwo()
  })

  it('when a file that the calibration module imports changes', async () => {
    const rows = join(app.dir, 'rows.mjs')
    writeFileSync(rows, 'export const at = 0.25\n')
    writeFileSync(
      join(app.dir, 'calibration.mjs'),
      `import { at } from './rows.mjs'
export default (inputs) => [{ [inputs[0].name]: new Float32Array(64).fill(at) }]
`,
    )
    await watchedBy({ models: { '**/*.onnx': { calibration: './calibration.mjs', recipes: ['float16'] } } })
    writeFileSync(rows, 'export const at = 0.75\n')
    await becomesTwo()
  })

  it('when a configuration file is added', async () => {
    await watchedBy({})
    writeFileSync(join(app.dir, 'onnx.config.mjs'), "export default { accuracy: 'high' }\n")
    await becomesTwo()
  })

  it('when a recording is added to the folder that it is calibrated on', async () => {
    mkdirSync(join(app.dir, 'speech'))
    const wav = (level: number) => {
      const samples = Int16Array.from({ length: 640 }, (_, index) => level * Math.sin(index / 9))
      const header = Buffer.alloc(44)
      header.write('RIFF', 0)
      header.writeUInt32LE(36 + samples.byteLength, 4)
      header.write('WAVEfmt ', 8)
      header.writeUInt32LE(16, 16)
      header.writeUInt16LE(1, 20)
      header.writeUInt16LE(1, 22)
      header.writeUInt32LE(16000, 24)
      header.writeUInt32LE(32000, 28)
      header.writeUInt16LE(2, 32)
      header.writeUInt16LE(16, 34)
      header.write('data', 36)
      header.writeUInt32LE(samples.byteLength, 40)
      return Buffer.concat([header, Buffer.from(samples.buffer)])
    }
    writeFileSync(join(app.dir, 'speech/a.wav'), wav(8000))
    await watchedBy({
      models: {
        '**/*.onnx': { calibration: { wav: './speech', input: 'x', window: 64 }, recipes: ['float16'] },
      },
    })
    writeFileSync(join(app.dir, 'speech/b.wav'), wav(16000))
    await becomesTwo()
  })
})
