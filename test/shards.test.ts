/** A model in shards, all the way: built by bundlers, opened in Chromium and in Node, kept from visit to visit. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { encodeModel, readModel, Tensor } from '@unplugin-onnx/core'
import type { Manifest } from '@unplugin-onnx/runtime'
import { build as esbuild } from 'esbuild'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import type { Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import onnxEsbuild from 'unplugin-onnx/esbuild'
import onnxRolldown from 'unplugin-onnx/rolldown'
import onnxRollup from 'unplugin-onnx/rollup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, builds, createApp, modelFile, type PluginOptions, pluginOptions } from './apps'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'

const maxBytes = 32 * 1024
/** Weights as they are: outputs are the source's, and a change of one weight is a change of one shard. */
const options: PluginOptions = {
  targets: ['wasm'],
  shards: { maxBytes },
  models: { '**/*.onnx': { recipes: ['float32'], accuracy: { sqnr: 1 } } },
}

const everyBuild: typeof builds = {
  ...builds,
  rolldown: async (app, given) => {
    const bundle = await rolldown({
      input: join(app.dir, 'src/main.js'),
      plugins: [onnxRolldown(pluginOptions(given))],
    })
    await bundle.write({ dir: app.out, format: 'es' })
    await bundle.close()
  },
  esbuild: async (app, given) => {
    await esbuild({
      absWorkingDir: app.dir,
      entryPoints: ['src/main.js'],
      outdir: 'dist',
      bundle: true,
      format: 'esm',
      splitting: true,
      logLevel: 'silent',
      plugins: [onnxEsbuild(pluginOptions(given))],
    })
  },
}

interface Ran {
  readonly target: string
  readonly shards: number
  readonly progress: readonly number[]
  readonly total: number
  readonly values: readonly number[]
}
declare global {
  var __run: () => Promise<Ran>
}

/** Runs on a ramp from 0 to 1, in the page and in Node. */
const code = `import { Tensor } from 'unplugin-onnx/runtime'
import model from './model.onnx'
export async function run() {
  const progress = []
  const session = await model.open({ onProgress: ({ loaded }) => progress.push(loaded) })
  const [{ name, dims }] = model.inputs
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : 1))
  const size = shape.reduce((product, dim) => product * dim, 1)
  const ramp = Float32Array.from({ length: size }, (_, index) => index / (size - 1))
  const outputs = await session.run({ [name]: new Tensor('float32', ramp, shape) })
  const { target, shards = [], bytes } = session.variant
  await session.dispose()
  const values = Array.from(Object.values(outputs)[0].data)
  return { target, shards: shards.length, progress, total: bytes, values }
}
globalThis.__run = run
globalThis.__result = 'ready'
`
function appOf(model: string): App {
  const app = createApp('single', { 'model.onnx': model })
  writeFileSync(join(app.dir, 'src/main.js'), code)
  return app
}

function addPage(app: App): void {
  if (app.files().includes('index.html')) return
  writeFileSync(
    join(app.out, 'index.html'),
    '<!doctype html><meta charset="utf-8"><title>Built</title><script type="module" src="main.js"></script>\n',
  )
}

async function ofSource(file: string): Promise<number[]> {
  const session = await InferenceSession.create(file)
  const [input] = session.inputMetadata
  const shape = input?.isTensor ? input.shape.map((dim) => (typeof dim === 'number' ? dim : 1)) : []
  const size = shape.reduce((product, dim) => product * dim, 1)
  const ramp = Float32Array.from({ length: size }, (_, index) => index / (size - 1))
  const outputs = await session.run({ [input!.name]: new OrtTensor('float32', ramp, shape) })
  await session.release()
  return Array.from(Object.values(outputs)[0]!.data as Float32Array)
}

function near(got: readonly number[], wanted: readonly number[], tolerance = 1e-3): void {
  expect(got).toHaveLength(wanted.length)
  for (const [index, value] of wanted.entries()) expect(Math.abs(got[index]! - value)).toBeLessThan(tolerance)
}

let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  browser = await launch({ webgpu: false })
})
afterAll(() => browser?.close())

const run = (page: Page) => page.evaluate(() => globalThis.__run())
const revisit = async (page: Page) => {
  await page.reload()
  await page.waitForFunction('globalThis.__result')
  return run(page)
}

describe.each(Object.entries(everyBuild))('built by %s', (_, build) => {
  it('comes in shards to Chromium once, and computes what the source does', async () => {
    const app = appOf('digits_cnn.onnx')
    await build(app, options)
    addPage(app)
    const emitted = app.files().filter((file) => file.endsWith('.onnxv'))
    // What fits into one file does, but for tensors that are larger alone.
    expect(emitted.length).toBeGreaterThan(3)
    const server = await serve(app.out)
    const { extra, problems, requests } = await browser.visit(server.url, {
      after: async (page: Page) => [await run(page), await revisit(page)],
    })
    await server.close()
    app.remove()
    expect(problems).toEqual([])
    const wanted = await ofSource(modelFile('digits_cnn.onnx'))
    for (const { target, shards, progress, total, values } of extra as Ran[]) {
      expect(target).toBe('wasm')
      expect(shards).toBe(emitted.length - 1)
      expect(progress).toEqual([...progress].sort((a, b) => a - b))
      expect(progress.at(-1)).toBe(total)
      near(values, wanted)
    }
    expect(requests.filter(({ url }) => url.endsWith('.onnxv'))).toHaveLength(emitted.length)
  })
})

it('brings what changed in the next version, and nothing else; without the server, the version that is there', async () => {
  const app = appOf('kws_conformer.onnx')
  const build = everyBuild['vite 8']!
  await build(app, options)
  const first = app.files().filter((file) => file.endsWith('.onnxv'))
  let isAway = false
  const server = await serve(app.out, {
    respond: ({ url = '' }, response) => {
      const refused = isAway && url.endsWith('.onnxv')
      if (refused) response.destroy()
      return refused
    },
  })
  const asked = () => server.requests.filter(({ path }) => path.endsWith('.onnxv')).length
  const { extra, problems } = await browser.visit(server.url, {
    after: async (page: Page) => {
      const before = await run(page)
      const ofFirst = asked()
      isAway = true
      const offline = await revisit(page)
      isAway = false
      const model = readModel(readFileSync(join(app.dir, 'src/model.onnx')))
      const initializers = [...model.graph.initializers()]
      const weight = initializers.find(({ initializer }) => initializer!.byteLength > 8000)!
      const { dataType, dims } = weight.initializer!
      const bytes = weight.initializer!.bytes().slice()
      bytes[2]! ^= 1
      const tensor = Tensor.fromBytes(dataType, dims, bytes)
      weight.replaceAllUsesWith(weight.graph.addInitializer(weight.graph.uniqueName(weight.name), tensor))
      weight.graph.removeInitializer(weight)
      writeFileSync(join(app.dir, 'src/model.onnx'), encodeModel(model))
      await build(app, options)
      const after = await revisit(page)
      const keys = await page.evaluate(async () => (await (await caches.open('unplugin-onnx')).keys()).length)
      return { before, offline, after, ofFirst, ofNext: asked() - ofFirst, keys }
    },
  })
  const next = app.files().filter((file) => file.endsWith('.onnxv'))
  await server.close()
  app.remove()
  expect(problems).toEqual([])
  const { before, offline, after, ofFirst, ofNext, keys } = extra as {
    before: Ran
    offline: Ran
    after: Ran
    ofFirst: number
    ofNext: number
    keys: number
  }
  expect(ofFirst).toBe(first.length)
  expect(offline.values).toEqual(before.values)
  // The graph, which names the shards, and the one that changed, with a neighbour at most.
  expect(next.filter((file) => !first.includes(file)).length).toBe(ofNext)
  expect(ofNext).toBeLessThanOrEqual(3)
  expect(first.length).toBeGreaterThan(8)
  expect(after.values).toHaveLength(before.values.length)
  expect(keys).toBe(next.length)
})

it('comes in shards to WebGPU too', async () => {
  const app = appOf('digits_cnn.onnx')
  await everyBuild['vite 8']!(app, { ...options, targets: ['webgpu'] })
  const server = await serve(app.out)
  const onGpu = await launch()
  const { extra, problems } = await onGpu.visit(server.url, { after: run })
  await onGpu.close()
  await server.close()
  app.remove()
  expect(problems).toEqual([])
  const { target, shards, values } = extra as Ran
  expect(target).toBe('webgpu')
  expect(shards).toBeGreaterThan(2)
  near(values, await ofSource(modelFile('digits_cnn.onnx')))
})

it('is read from disk by a Node program', async () => {
  const app = appOf('digits_cnn.onnx')
  const bundle = await rollup({
    input: join(app.dir, 'src/main.js'),
    plugins: [onnxRollup(pluginOptions({ ...options, targets: ['node'] }))],
  })
  await bundle.write({ dir: app.out, format: 'es', entryFileNames: '[name].mjs' })
  await bundle.close()
  const { run: runHere } = (await import(join(app.out, 'main.mjs'))) as { run: () => Promise<Ran> }
  const { target, shards, values } = await runHere()
  app.remove()
  expect(target).toBe('node')
  expect(shards).toBeGreaterThan(2)
  near(values, await ofSource(modelFile('digits_cnn.onnx')))
})

it('is written by the command line with its shards beside it, and any onnxruntime opens it from disk', async () => {
  const app = createApp('server')
  mkdirSync(join(app.dir, 'models'), { recursive: true })
  cpSync(modelFile('digits_cnn.onnx'), join(app.dir, 'models/digits.onnx'))
  writeFileSync(join(app.dir, 'onnx.config.mjs'), `export default { shards: { maxBytes: ${maxBytes} } }\n`)
  const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')
  const args = [
    'convert',
    'models/digits.onnx',
    '-o',
    'out',
    '-t',
    'portable',
    '-r',
    'float16',
    '--cache-dir',
    'cache',
  ]
  const { status, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: app.dir, encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  const out = join(app.dir, 'out')
  const { variants } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Manifest
  const [{ file, bytes, shards }] = variants as [Manifest['variants'][number]]
  expect(file).toBe('digits.float16.onnx')
  const files = [file, ...shards!.map((shard) => shard.file)]
  expect(readdirSync(out).sort()).toEqual([...files, 'manifest.json', 'report.html', 'report.json'].sort())
  expect(files.reduce((sum, name) => sum + statSync(join(out, name)).size, 0)).toBe(bytes)
  near(await ofSource(join(out, file)), await ofSource(modelFile('digits_cnn.onnx')), 0.05)
  const compared = spawnSync(
    process.execPath,
    [bin, 'compare', 'models/digits.onnx', join('out', file), '--json'],
    {
      cwd: app.dir,
      encoding: 'utf8',
    },
  )
  expect(compared.status, compared.stderr).toBe(0)
  expect(JSON.parse(compared.stdout)).toMatchObject({ variant: { bytes } })
  app.remove()
})
