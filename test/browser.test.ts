/** The same app in a real Chromium, built by every bundler and served by Vite's dev server. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env, InferenceSession, Tensor } from 'onnxruntime-web'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, builds, createBasicApp, modelFile, viteConfig, viteVersions } from './apps'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'

interface Ran {
  readonly variant: { readonly target: string; readonly provider: string; readonly recipe: string }
  readonly skipped: readonly { readonly target: string; readonly reason: string }[]
  readonly outputs: Readonly<Record<string, number[]>>
}
type Result = Readonly<Record<'digits' | 'diabetes', Ran>> & {
  readonly source: { readonly status: number; readonly bytes: number }
}

/** What the untouched source gives for the app's ramp from 0 to 1, in Node. */
async function reference(model: string, size: number): Promise<Record<string, number[]>> {
  env.wasm.numThreads = 1
  const session = await InferenceSession.create(readFileSync(modelFile(model)))
  const ramp = Float32Array.from({ length: size }, (_, index) => index / (size - 1))
  const outputs = await session.run({ [session.inputNames[0]!]: new Tensor('float32', ramp, [1, size]) })
  await session.release()
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  )
}

/** What the default budget, `balanced`, holds every variant to, in dB. */
const tolerance = 25

/** Signal-to-noise ratio in dB. */
function sqnr(wanted: readonly number[], got: readonly number[]): number {
  const signal = wanted.reduce((sum, value) => sum + value ** 2, 0)
  const noise = wanted.reduce((sum, value, index) => sum + (value - (got[index] ?? Number.NaN)) ** 2, 0)
  return noise === 0 ? 200 : 10 * Math.log10(signal / noise)
}

const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/** A page that believes in eight cores, since onnxruntime takes half of them and test machines have few. */
function countWorkers() {
  let workers = 0
  return {
    count: () => workers,
    before: async (page: {
      on(event: 'worker', heard: () => void): unknown
      addInitScript(text: string): Promise<unknown>
    }) => {
      page.on('worker', () => workers++)
      await page.addInitScript(
        'Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => 8 })',
      )
    },
  }
}

let browser: Awaited<ReturnType<typeof launch>>
let withoutGpu: Awaited<ReturnType<typeof launch>>
let wanted: Record<'digits' | 'diabetes', Record<string, number[]>>
beforeAll(async () => {
  browser = await launch()
  withoutGpu = await launch({ webgpu: false })
  wanted = {
    digits: await reference('digits_mlp.onnx', 64),
    diabetes: await reference('diabetes_mlp.onnx', 10),
  }
})
afterAll(async () => {
  await browser?.close()
  await withoutGpu?.close()
})

function givesTheSourcesResults(result: unknown, target: string): void {
  const { source, ...models } = result as Result
  expect(source).toEqual({ status: 200, bytes: 46190 })
  for (const name of ['digits', 'diabetes'] as const) {
    const { variant, outputs } = models[name]
    expect(variant.target).toBe(target)
    for (const [output, values] of Object.entries(wanted[name])) {
      expect(sqnr(values, outputs[output] ?? [])).toBeGreaterThan(tolerance)
    }
  }
}

/** Vite's builds come with their page; the other bundlers make the script alone. */
function addPage(app: App): void {
  if (app.files().includes('index.html')) return
  writeFileSync(
    join(app.out, 'index.html'),
    '<!doctype html><meta charset="utf-8"><title>Built</title><script type="module" src="main.js"></script>\n',
  )
}

describe.each(Object.entries(builds))('built by %s, in Chromium', (_, build) => {
  let app: App
  let server: Awaited<ReturnType<typeof serve>>
  beforeAll(async () => {
    app = createBasicApp()
    await build(app)
    addPage(app)
    server = await serve(app.out)
  })
  afterAll(async () => {
    await server?.close()
    app?.remove()
  })

  it('runs on WebGPU, and nothing is a 404', async () => {
    const { result, error, problems, requests } = await browser.visit(server.url)
    expect(error).toBeUndefined()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'webgpu')
    // Only the engine that it runs on, once.
    expect(requests.filter(({ url }) => url.endsWith('.wasm')).map(({ url }) => url)).toEqual([
      expect.stringContaining('asyncify'),
    ])
  })

  it('runs on WebAssembly when asked to, and loads nothing of WebGPU', async () => {
    const { result, error, problems, requests } = await browser.visit(`${server.url}?provider=wasm`)
    expect(error).toBeUndefined()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'wasm')
    expect(requests.filter(({ url }) => /asyncify|webgpu/.test(url))).toEqual([])
  })

  it('falls back by itself where there is no WebGPU, and says why', async () => {
    const { result, problems } = await withoutGpu.visit(server.url)
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'wasm')
    expect((result as Result).digits.skipped).toEqual([
      expect.objectContaining({ target: 'webgpu', reason: expect.stringMatching(/WebGPU/i) }),
    ])
  })

  it('runs on several threads on a page that is cross-origin isolated', async () => {
    const isolated = await serve(app.out, { headers: isolation })
    const { count, before } = countWorkers()
    const { result, error, problems } = await browser.visit(`${isolated.url}?provider=wasm`, { before })
    await isolated.close()
    expect(error).toBeUndefined()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'wasm')
    expect(count()).toBeGreaterThan(0)
  })

  it('refuses a variant with one flipped byte', async () => {
    const damaged = await serve(app.out, {
      tamper: (path, bytes) => {
        if (!path.endsWith('.onnxv')) return undefined
        bytes[bytes.length >> 1]! ^= 1
        return bytes
      },
    })
    const { result, error } = await browser.visit(damaged.url)
    await damaged.close()
    expect(result).toBeUndefined()
    expect(error).toMatchObject({ code: 'ONNX_HASH_MISMATCH' })
  })
})

describe.each(Object.entries(viteVersions))('%s', (_, vite) => {
  it.each(['webgpu', 'wasm'])('serves the app in development: %s', async (provider) => {
    const app = createBasicApp()
    const server = await vite.createServer({ ...viteConfig(app), server: { port: 0, host: '127.0.0.1' } })
    await server.listen()
    const { port } = server.httpServer!.address() as { port: number }
    const { result, error, problems } = await browser.visit(`http://127.0.0.1:${port}/?provider=${provider}`)
    await server.close()
    app.remove()
    expect(error).toBeUndefined()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, provider)
  })

  it('serves an isolated page in development, and its threads', async () => {
    const app = createBasicApp()
    const server = await vite.createServer({
      ...viteConfig(app),
      server: { port: 0, host: '127.0.0.1', headers: isolation },
    })
    await server.listen()
    const { port } = server.httpServer!.address() as { port: number }
    const { count, before } = countWorkers()
    const { result, problems } = await browser.visit(`http://127.0.0.1:${port}/?provider=wasm`, { before })
    await server.close()
    app.remove()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'wasm')
    expect(count()).toBeGreaterThan(0)
  })

  it.each(['./', '/deep/er/'])('builds the app for the base %s', async (base) => {
    const app = createBasicApp()
    await vite.build({ ...viteConfig(app), base })
    const server = await serve(app.out, { base: base === './' ? '/some/where/' : base })
    const { result, problems } = await browser.visit(`${server.url}?provider=wasm`)
    await server.close()
    app.remove()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'wasm')
  })

  it.each(['es', 'iife'] as const)('bundles a model into a worker of format %s', async (format) => {
    const app = createBasicApp()
    writeFileSync(
      join(app.dir, 'src/page.js'),
      `const worker = new Worker(new URL('./main.js', import.meta.url)${format === 'es' ? ", { type: 'module' }" : ''})
worker.onmessage = ({ data }) => {
  globalThis.__result = data.result
  globalThis.__error = data.error
}
`,
    )
    writeFileSync(
      join(app.dir, 'src/main.js'),
      app
        .read('../src/main.js')
        .replace('globalThis.__result = result', 'postMessage({ result })')
        .replace(/globalThis\.__error = (\{.*\})/, 'postMessage({ error: $1 })'),
    )
    writeFileSync(join(app.dir, 'index.html'), '<script type="module" src="/src/page.js"></script>\n')
    await vite.build({ ...viteConfig(app, { targets: ['wasm'] }), worker: { format } })
    const server = await serve(app.out)
    const { result, error, problems } = await browser.visit(server.url)
    await server.close()
    const wasm = app.files().filter((file) => file.endsWith('.wasm'))
    app.remove()
    expect(error).toBeUndefined()
    expect(problems).toEqual([])
    givesTheSourcesResults(result, 'wasm')
    expect(wasm).toHaveLength(1)
  })
})
