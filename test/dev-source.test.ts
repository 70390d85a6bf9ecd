/** A dev server makes nobody wait: models are there as they are until they are converted. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-web'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type App, createApp, modelFile, type PluginOptions, replaceFile, viteVersions } from './apps'
import { type Running, recipesIn, startDev, urlsIn } from './dev-servers'

let app: App
let running: Running | undefined
beforeEach(() => {
  app = createApp('single', { 'model.onnx': 'digits_mlp.onnx' })
})
afterEach(async () => {
  await running?.stop()
  running = undefined
  app.remove()
})

const cache = () => join(app.dir, '.cache/onnx')
const entries = () => {
  const folder = join(cache(), 'v2/entries')
  return existsSync(folder) ? readdirSync(folder).length : 0
}
/** With a cache of its own: no other test has converted anything. */
const cold = (options: PluginOptions = {}): PluginOptions => ({
  effort: 'fast',
  cache: { dir: cache() },
  models: { '**/*.onnx': { recipes: ['float16'] } },
  ...options,
})
const module = '/src/model.onnx?import'
const recipes = async () => new Set(recipesIn((await running!.get(module)).text))
const isConverted = async () => !(await recipes()).has('source') && (await recipes()).size > 0

describe.each(Object.entries(viteVersions))('%s', (_, vite) => {
  it('serves the source at once, and what it was converted to afterwards', async () => {
    running = await startDev(app, cold(), {}, vite)
    await running.get('/src/main.js')
    const first = await running.get(module)
    expect(new Set(recipesIn(first.text))).toEqual(new Set(['source']))
    expect(urlsIn(first.text)).toHaveLength(2)
    for (const url of urlsIn(first.text))
      expect((await running.get(url)).bytes).toEqual(readFileSync(join(app.dir, 'src/model.onnx')))
    expect(readFileSync(join(app.dir, 'src/model.d.onnx.ts'), 'utf8')).toContain("TypedTensor<'float32'>")
    expect(running.printed.join('\n')).toContain('model.onnx is being converted')

    await expect.poll(isConverted, { timeout: 90_000 }).toBe(true)
    expect(entries()).toBe(1)
    expect(running.printed.join('\n')).toContain('model.onnx is converted')
    // Nobody takes updates of the model here, and a reload would lose what someone is trying out.
    expect(running.reloads()).toBe(0)
  })

  it('shows what a conversion in the background failed of, and takes what mends it', async () => {
    const calibration = join(app.dir, 'calibration.npz')
    writeFileSync(calibration, 'no archive')
    running = await startDev(
      app,
      cold({ models: { '**/*.onnx': { calibration, recipes: ['float16'] } } }),
      {},
      vite,
    )
    await running.get('/src/main.js')
    expect((await running.get(module)).status).toBe(200)
    await expect.poll(() => running!.overlays.join(), { timeout: 60_000 }).toMatch(/calibration\.npz/)
    expect(running.overlays[0]).toMatch(/\(ONNX_\w+\)$/)
    // Whoever loads the page again is told again.
    const again = await running.get(module)
    expect(again.status).toBe(500)
    expect(again.text).toContain('calibration.npz')
    expect((await running.get('/index.html')).status).toBe(200)

    const before = running.reloads()
    replaceFile(modelFile('digits_mlp.npz'), calibration)
    await expect.poll(() => running!.reloads(), { timeout: 60_000 }).toBeGreaterThan(before)
    await expect.poll(isConverted, { timeout: 90_000 }).toBe(true)
  })
})

it("converts nothing with dev: 'source', and says what the model takes", async () => {
  running = await startDev(app, cold({ dev: 'source' }))
  const { text } = await running.get(module)
  expect(new Set(recipesIn(text))).toEqual(new Set(['source']))
  expect(text).toContain('"type":"float32"')
  expect(running.printed.join('\n')).not.toContain('converted')
  await new Promise((done) => setTimeout(done, 1500))
  expect(existsSync(cache())).toBe(false)
})

it("waits for the conversion with dev: 'wait'", async () => {
  running = await startDev(app, cold({ dev: 'wait' }))
  expect(await isConverted()).toBe(true)
  expect(entries()).toBe(1)
})

it('serves what is in the cache at once', async () => {
  running = await startDev(app, cold({ dev: 'wait' }))
  await running.get(module)
  await running.stop()
  running = await startDev(app, cold())
  expect(await isConverted()).toBe(true)
  expect(running.printed.join('\n')).not.toContain('being converted')
})

it('puts in weights that lie outside of the file, since a page gets one file', async () => {
  app.remove()
  app = createApp('single', {
    'model.onnx': 'digits_ext.onnx',
    'digits_ext.onnx.data': 'digits_ext.onnx.data',
  })
  running = await startDev(app, cold({ dev: 'source' }))
  const { text } = await running.get(module)
  const { status, bytes } = await running.get(urlsIn(text)[0]!)
  expect(status).toBe(200)
  const hashes = [...text.matchAll(/"sha256":"(\w+)"/g)].map(([, hash]) => hash)
  expect(hashes).toContain(
    Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))).toString('hex'),
  )
  const session = await InferenceSession.create(bytes)
  expect(session.inputNames.length).toBeGreaterThan(0)
  await session.release()
  // Nothing is left of it.
  await running.stop()
  running = undefined
  expect(readdirSync(join(cache(), 'v2/tmp'))).toEqual([])
})

it('converts none of 50 models that are imported lazily, until one is asked for', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `m${index}.onnx`)
  mkdirSync(join(app.dir, 'src/models'))
  for (const name of names) cpSync(modelFile('diabetes_mlp.onnx'), join(app.dir, 'src/models', name))
  rmSync(join(app.dir, 'src/model.onnx'))
  writeFileSync(
    join(app.dir, 'src/main.js'),
    `${names.map((name, index) => `export const m${index} = () => import('./models/${name}')`).join('\n')}
export const all = import.meta.glob('./models/*.onnx')
`,
  )
  running = await startDev(app, cold())
  expect((await running.get('/index.html')).status).toBe(200)
  const main = await running.get('/src/main.js')
  expect(main.text.match(/m49\.onnx/g)!.length).toBeGreaterThan(1)
  await new Promise((done) => setTimeout(done, 2500))
  expect(existsSync(cache())).toBe(false)
  expect(readdirSync(join(app.dir, 'src/models')).filter((file) => file.endsWith('.ts'))).toEqual([])

  await running.get('/src/models/m7.onnx?import')
  await expect.poll(entries, { timeout: 90_000 }).toBe(1)
  expect(readdirSync(join(app.dir, 'src/models')).filter((file) => file.endsWith('.ts'))).toEqual([
    'm7.d.onnx.ts',
  ])
})

it('breaks a conversion off when the server closes', async () => {
  cpSync(modelFile('code_lang.onnx'), join(app.dir, 'src/model.onnx'))
  running = await startDev(app, cold({ effort: 'thorough', models: {} }))
  expect((await running.get(module)).status).toBe(200)
  const overlays = running.overlays
  await running.stop()
  running = undefined
  await new Promise((done) => setTimeout(done, 500))
  expect(overlays).toEqual([])
  expect(entries()).toBe(0)
})
