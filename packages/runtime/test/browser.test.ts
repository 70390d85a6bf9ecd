/** The runtime in a real Chromium, from a page that no bundler made. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as ort from 'onnxruntime-web'
import type { Page } from 'playwright-core'
import { build } from 'tsdown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launch } from '../../../test/harness/browser.mjs'
import { serve } from '../../../test/harness/server.mjs'
import type { AssetVariant, OnnxAsset, Tensor, TypedTensor } from '../src/index'

type Floats = TypedTensor<'float32'>
type Outcome<T> = {
  readonly value?: T
  readonly error?: { readonly code?: string; readonly message: string }
}

/** What the page below lays out for the tests, which run in it. */
declare global {
  var asset: (...variants: AssetVariant[]) => OnnxAsset<{ x: Floats }, { y: Floats }>
  var outcome: <T>(promise: Promise<T>) => Promise<Outcome<T>>
  var ramp: (scale?: number) => Float32Array
  var OnnxTensor: typeof Tensor
}

const page = `<!doctype html><meta charset="utf-8"><title>Runtime</title>
<script type="importmap">{ "imports": { "onnxruntime-common": "/common/index.js" } }</script>
<script type="module">
  import { defineAsset, Tensor } from '/runtime/index.js'
  // Not beside the script, where onnxruntime looks by itself.
  const engineFiles = new URL(new URLSearchParams(location.search).get('files') ?? '/wasm/', location.href)
  const engine = (script, files) => ({
    load: () => import('/ort/' + script),
    files: { wasm: new URL(files + '.wasm', engineFiles).href, mjs: new URL(files + '.mjs', engineFiles).href },
  })
  const engines = {
    wasm: engine('ort.wasm.min.mjs', 'ort-wasm-simd-threaded'),
    webgpu: engine('ort.webgpu.min.mjs', 'ort-wasm-simd-threaded.asyncify'),
  }
  const inputs = [{ name: 'x', type: 'float32', dims: ['batch', 64] }]
  const outputs = [{ name: 'y', type: 'float32', dims: ['batch', 10] }]
  globalThis.asset = (...variants) => defineAsset({ name: 'digits', inputs, outputs, variants, engines })
  globalThis.ramp = (scale = 1) => Float32Array.from({ length: 64 }, (_, index) => (scale * index) / 63)
  globalThis.outcome = (promise) => promise.then(
    (value) => ({ value }),
    ({ code, message }) => ({ error: { code, message } }),
  )
  globalThis.OnnxTensor = Tensor
  globalThis.__result = 'ready'
</script>
`

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name))
const model = fixture('digits_mlp.onnx')
const flipped = Buffer.from(model)
flipped[1000]! ^= 1
const files = { whole: model, half: fixture('digits_mlp.half.onnx'), flipped }

const variant = (provider: 'wasm' | 'webgpu', file = 'whole', bytes: Buffer = model): AssetVariant => ({
  target: provider,
  provider,
  url: `/${file}.onnxv`,
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  recipe: 'float32',
})
const wasm = variant('wasm')
const webgpu = variant('webgpu')
const halfOnWebgpu = variant('webgpu', 'half', files.half)

/** What the server does with requests for files that aren't there. */
const faults: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/html.onnxv': (response) =>
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>'),
  '/stuck.onnxv': (response) => {
    response.on('close', () => closed.push('/stuck.onnxv'))
    response.writeHead(200, { 'content-length': model.length }).write(model.subarray(0, 9000))
  },
  '/slow.onnxv': async (response) => {
    for (let at = 0; at < model.length; at += 10_000) {
      response.write(model.subarray(at, at + 10_000))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    response.end()
  },
  '/gzip.onnxv': (response) => {
    const packed = gzipSync(model)
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed)
  },
}
const closed: string[] = []

const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-page-'))
let server: Awaited<ReturnType<typeof serve>>
let browser: Awaited<ReturnType<typeof launch>>
let withoutGpu: Awaited<ReturnType<typeof launch>>
let withSoftware: Awaited<ReturnType<typeof launch>>
let wanted: number[]

beforeAll(async () => {
  await build({
    cwd: join(import.meta.dirname, '..'),
    config: false,
    entry: ['src/index.ts'],
    outDir: join(folder, 'runtime'),
    format: 'esm',
    platform: 'neutral',
    fixedExtension: false,
    external: ['onnxruntime-common'],
    dts: false,
    logLevel: 'error',
  })
  const { resolve } = createRequire(import.meta.url)
  const link = (from: string, to: string) => symlinkSync(from, join(folder, to), 'junction')
  const dist = dirname(resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))
  for (const name of ['ort', 'wasm']) link(dist, name)
  mkdirSync(join(folder, 'half-deployed'))
  for (const name of ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.asyncify.mjs'])
    link(join(dist, name), join('half-deployed', name))
  link(join(dirname(resolve('onnxruntime-common')), '../esm'), 'common')
  writeFileSync(join(folder, 'index.html'), page)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, `${name}.onnxv`), bytes)
  server = await serve(folder, {
    respond: ({ url = '' }, response) => {
      const respond = faults[url.startsWith('/html/') ? '/html.onnxv' : url]
      respond?.(response)
      return respond !== undefined
    },
  })
  browser = await launch({ args: ['--host-resolver-rules=MAP elsewhere.test 127.0.0.1'] })
  withoutGpu = await launch({ webgpu: false })
  withSoftware = await launch({
    webgpu: 'software',
    args: ['--enable-features=Vulkan,WebMachineLearningNeuralNetwork'],
  })

  ort.env.wasm.numThreads = 1
  const session = await ort.InferenceSession.create(model)
  const x = Float32Array.from({ length: 64 }, (_, index) => index / 63)
  const { y } = await session.run({ x: new ort.Tensor('float32', x, [1, 64]) })
  wanted = Array.from(y!.data as Float32Array)
})
afterAll(async () => {
  await browser?.close()
  await withoutGpu?.close()
  await withSoftware?.close()
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a function in a new page. */
async function inPage<Argument, Result>(
  argument: Argument,
  action: (argument: Argument) => Promise<Result>,
  { url = server.url, in: where = browser } = {},
) {
  const { extra, problems, requests } = await where.visit(url, {
    timeout: 60_000,
    after: (page: Page) => page.evaluate(action as (argument: unknown) => Promise<Result>, argument),
  })
  return { result: extra as Result, problems, paths: requests.map(({ url }) => new URL(url).pathname) }
}

/** For use in the page: opens, runs once, and says all about it. */
const openAndRun = (variants: AssetVariant[]) =>
  outcome(
    (async () => {
      const session = await asset(...variants).open()
      const { y } = await session.run({ x: ramp() })
      return { y: Array.from(y.data), target: session.variant.target, skipped: session.skipped }
    })(),
  )

function near(got: readonly number[] | undefined, tolerance = 1e-4): void {
  expect(got).toHaveLength(wanted.length)
  for (const [index, value] of wanted.entries())
    expect(Math.abs(value - got![index]!)).toBeLessThan(tolerance)
}

describe('open, in Chromium', () => {
  it.each([
    {
      provider: 'webgpu' as const,
      other: /ort\.wasm\.|threaded\.(wasm|mjs)/,
      mine: '/wasm/ort-wasm-simd-threaded.asyncify.wasm',
    },
    { provider: 'wasm' as const, other: /webgpu|asyncify/, mine: '/wasm/ort-wasm-simd-threaded.wasm' },
  ])(
    'computes on $provider what Node computes, and loads that engine alone',
    async ({ provider, other, mine }) => {
      const { result, problems, paths } = await inPage([variant(provider)], openAndRun)
      expect(problems).toEqual([])
      expect(result.value).toMatchObject({ target: provider, skipped: [] })
      near(result.value?.y)
      expect(paths.filter((path) => path.endsWith('.wasm'))).toEqual([mine])
      expect(paths.filter((path) => other.test(path))).toEqual([])
    },
  )

  it('takes the next variant where there is no WebGPU, and says why', async () => {
    const { result, problems, paths } = await inPage([webgpu, wasm], openAndRun, { in: withoutGpu })
    expect(problems).toEqual([])
    near(result.value?.y)
    expect(result.value?.skipped).toEqual([
      {
        target: 'webgpu',
        provider: 'webgpu',
        reason: 'this browser has no WebGPU, or the page is not served over https',
      },
    ])
    expect(paths.filter((path) => /webgpu|asyncify/.test(path))).toEqual([])
  })

  it('passes over a variant for float16 in shaders where the graphics adapter has none, and says so', async () => {
    const half: AssetVariant = { ...halfOnWebgpu, requires: ['shader-f16'] }
    const { result, paths } = await inPage([half, webgpu, wasm], openAndRun)
    near(result.value?.y)
    expect(result.value).toMatchObject({
      target: 'webgpu',
      skipped: [{ target: 'webgpu', reason: 'the graphics adapter has no shader-f16' }],
    })
    expect(paths).not.toContain('/half.onnxv')
  })

  it('takes WebAssembly before a WebGPU that is software, and says why', async () => {
    const { result, paths } = await inPage([webgpu, wasm], openAndRun, { in: withSoftware })
    near(result.value?.y)
    expect(result.value).toMatchObject({
      target: 'wasm',
      skipped: [{ target: 'webgpu', provider: 'webgpu', reason: 'WebGPU is software here' }],
    })
    expect(paths.filter((path) => /webgpu|asyncify/.test(path))).toEqual([])
  })

  it('takes a WebGPU that is software where it was asked for, or nothing else is left', async () => {
    const { result } = await inPage(
      [webgpu, { ...wasm, url: '/gone.onnxv' }],
      async (variants) => {
        const asked = await outcome(asset(...variants).open({ provider: 'webgpu' }))
        const left = await outcome(asset(...variants).open({ cache: false }))
        return [asked, left].map(({ value }) => ({ target: value?.variant.target, skipped: value?.skipped }))
      },
      { in: withSoftware },
    )
    expect(result).toEqual([
      { target: 'webgpu', skipped: [] },
      { target: 'webgpu', skipped: [expect.objectContaining({ target: 'wasm' })] },
    ])
  })

  it('passes over WebNN where the browser has none, or gives no context', async () => {
    const webnn: AssetVariant = { ...wasm, target: 'webnn', provider: 'webnn' }
    const without = await inPage([webnn, wasm], openAndRun)
    expect(without.result.value).toMatchObject({
      target: 'wasm',
      skipped: [{ target: 'webnn', reason: 'this browser has no WebNN' }],
    })
    const { result, paths } = await inPage([webnn, wasm], openAndRun, { in: withSoftware })
    expect(result.value).toMatchObject({
      target: 'wasm',
      skipped: [{ target: 'webnn', reason: expect.stringMatching(/^WebNN gives no context: /) }],
    })
    expect(paths.filter((path) => /webgpu|asyncify/.test(path))).toEqual([])
  })

  it('takes the next variant when the first runs fail, several at once', async () => {
    // SwiftShader has no shader-f16: a session that computes in float16 opens there, and fails when it runs.
    const { result, paths } = await inPage([halfOnWebgpu, wasm], async (variants) => {
      const session = await asset(...variants).open()
      const opened = session.variant.target
      const runs = await Promise.all([session.run({ x: ramp() }), session.run({ x: ramp() })])
      const again = await session.run({ x: ramp() })
      return {
        opened,
        target: session.variant.target,
        skipped: session.skipped,
        outputs: [...runs, again].map(({ y }) => Array.from(y.data)),
      }
    })
    expect(result.opened).toBe('webgpu')
    expect(result.target).toBe('wasm')
    expect(result.skipped).toEqual([
      { target: 'webgpu', provider: 'webgpu', reason: expect.stringContaining('requires f16') },
    ])
    for (const output of result.outputs) near(output)
    expect(paths.filter((path) => path === '/whole.onnxv')).toHaveLength(1)
  })

  it('takes calls for WebGPU that overlap one after the other', async () => {
    const { result, problems } = await inPage([webgpu], async (variants) => {
      const model = asset(...variants)
      const [one, two] = await Promise.all([model.open(), model.open()])
      const scales = [1, 0.5, 2]
      const runs = await Promise.all([
        ...scales.map((scale) => one.run({ x: ramp(scale) })),
        two.run({ x: ramp() }),
        model.open().then((three) => three.run({ x: new OnnxTensor('float32', ramp(), [1, 64]) })),
      ])
      await Promise.all([one.run({ x: ramp() }), two.dispose(), one.dispose()])
      return runs.map(({ y }) => Array.from(y.data))
    })
    expect(problems).toEqual([])
    expect(result).toHaveLength(5)
    for (const index of [0, 3, 4]) near(result[index])
    expect(result[1]).not.toEqual(result[0])
    expect(result[2]).not.toEqual(result[1])
  })
})

describe('an engine that was not deployed', () => {
  it.each(['gone', 'half-deployed', 'html'])('ends in an error that names it: %s', async (files) => {
    const { result } = await inPage([webgpu, wasm], openAndRun, { url: `${server.url}?files=/${files}/` })
    expect(result.error).toEqual({
      code: 'ONNX_SESSION_FAILED',
      message: expect.stringContaining(
        `/${files}/ort-wasm-simd-threaded.asyncify.wasm, and the .mjs files beside it,`,
      ),
    })
  })
})

describe('a variant, on its way to Chromium', () => {
  it('is refused with one flipped byte', async () => {
    const { result } = await inPage([{ ...wasm, url: '/flipped.onnxv' }], openAndRun)
    expect(result.error).toEqual({
      code: 'ONNX_HASH_MISMATCH',
      message: expect.stringContaining('/flipped.onnxv is not the file that was built (its sha256 differs)'),
    })
  })

  it('is passed over with one flipped byte where there is another', async () => {
    const { result } = await inPage([{ ...webgpu, url: '/flipped.onnxv' }, wasm], openAndRun)
    near(result.value?.y)
    expect(result.value?.skipped[0]?.reason).toContain('sha256')
  })

  it.each([
    ['html', 'digits: /html.onnxv could not be loaded: the server answered with an HTML page.'],
    ['gone', 'digits: /gone.onnxv could not be loaded: the server answered 404.'],
  ])('is missed when the answer is %s', async (file, message) => {
    const { result } = await inPage([variant('wasm', file)], openAndRun)
    expect(result.error).toEqual({ code: 'ONNX_FETCH_FAILED', message: expect.stringContaining(message) })
  })

  it('stops in mid-download when aborted, and takes no other', async () => {
    const { result, paths } = await inPage([variant('wasm', 'stuck'), wasm], async (variants) => {
      const abort = new AbortController()
      const opening = asset(...variants).open({ signal: abort.signal, onProgress: () => abort.abort() })
      const error = await opening.catch((error: unknown) => error)
      return { name: (error as Error).name, isReason: error === abort.signal.reason }
    })
    expect(result).toEqual({ name: 'AbortError', isReason: true })
    expect(closed).toEqual(['/stuck.onnxv'])
    expect(paths).not.toContain('/whole.onnxv')
  })

  it.each(['whole', 'slow', 'gzip'])('reports progress that rises to the whole: %s', async (file) => {
    const { result } = await inPage([variant('wasm', file)], async (variants) => {
      const seen: number[] = []
      const totals = new Set<number>()
      const onProgress = ({ loaded, total }: { loaded: number; total: number }) => {
        seen.push(loaded)
        totals.add(total)
      }
      const { bytes } = await asset(...variants).load({ onProgress })
      return { seen, totals: [...totals], length: bytes.length }
    })
    expect(result.length).toBe(model.length)
    expect(result.totals).toEqual([model.length])
    expect(result.seen).toEqual([...result.seen].sort((a, b) => a - b))
    expect(result.seen.at(-1)).toBe(model.length)
    if (file === 'slow') expect(result.seen.length).toBeGreaterThan(2)
  })

  it('is taken unchecked, with a warning, by a page that is not a secure context', async () => {
    const url = server.url.replace('127.0.0.1', 'elsewhere.test')
    const { result, problems } = await inPage(
      [webgpu, wasm],
      async (variants) => {
        const warnings: string[] = []
        console.warn = (text: string) => warnings.push(text)
        const session = await asset(...variants).open()
        await asset(...variants).load()
        const { y } = await session.run({ x: ramp() })
        return { isSecureContext, warnings, y: Array.from(y.data), target: session.variant.target }
      },
      { url },
    )
    expect(problems).toEqual([])
    expect(result).toMatchObject({ isSecureContext: false, target: 'wasm' })
    expect(result.warnings).toEqual([expect.stringContaining('sha256 of models is not checked')])
    near(result.y)
  })
})

/** The page stays, so does what it keeps: visits one after the other. */
async function stay<Result>(action: (page: Page) => Promise<Result>) {
  const { extra, requests } = await browser.visit(server.url, { timeout: 60_000, after: action })
  const paths = requests.map(({ url }) => new URL(url).pathname)
  return { result: extra as Result, paths: paths.filter((path) => path.endsWith('.onnxv')) }
}
const ready = (page: Page) => page.waitForFunction('globalThis.__result')
const keys = async () => (await (await caches.open('unplugin-onnx')).keys()).map(({ url }) => url)

describe('Cache Storage, in Chromium', () => {
  it('gives the model on the second visit, and where there is no network', async () => {
    const { result, paths } = await stay(async (page) => {
      const first = await page.evaluate(openAndRun, [wasm])
      await page.waitForFunction(async () => (await (await caches.open('unplugin-onnx')).keys()).length > 0)
      await page.reload()
      await ready(page)
      const second = await page.evaluate(openAndRun, [wasm])
      await page.context().setOffline(true)
      const offline = await page.evaluate(openAndRun, [wasm])
      return [first, second, offline, await page.evaluate(keys)] as const
    })
    const [first, second, offline, kept] = result
    for (const { value } of [first, second, offline]) near(value?.y)
    expect(paths).toEqual(['/whole.onnxv'])
    expect(kept).toEqual([`https://onnx.invalid/digits/${wasm.sha256}`])
  })

  it('drops other versions of an asset, keeps what its variants share, and what other assets have', async () => {
    const next = { ...wasm, ...variant('wasm', 'half', files.half) }
    const { result } = await stay(async (page) => {
      await page.evaluate(async () => {
        const cache = await caches.open('unplugin-onnx')
        await cache.put(`https://onnx.invalid/other/${'0'.repeat(64)}`, new Response('another asset'))
        await cache.put(`https://onnx.invalid/digits/${'1'.repeat(64)}`, new Response('an older version'))
      })
      await page.evaluate(async ([variants]) => void (await asset(...variants!).preload()), [[wasm, next]])
      const before = await page.evaluate(keys)
      await page.evaluate(async ([variants]) => void (await asset(...variants!).preload()), [[next]])
      return [before, await page.evaluate(keys)] as const
    })
    const other = `https://onnx.invalid/other/${'0'.repeat(64)}`
    expect(result).toEqual([
      [other, `https://onnx.invalid/digits/${wasm.sha256}`],
      [other, `https://onnx.invalid/digits/${next.sha256}`],
    ])
  })

  it('is asked for nothing with cache: false, and does no harm where it is damaged or refuses', async () => {
    const { result, paths } = await stay(async (page) => {
      await page.evaluate(async ([given]) => void (await asset(given!).load({ cache: false })), [wasm])
      const none = await page.evaluate(keys)
      const damaged = await page.evaluate(async (given) => {
        const cache = await caches.open('unplugin-onnx')
        const response = new Response(new Uint8Array(given.bytes))
        await cache.put(`https://onnx.invalid/digits/${given.sha256}`, response)
        return (await asset(given).load()).bytes.length
      }, wasm)
      const refused = await page.evaluate(async (given) => {
        caches.open = () => Promise.reject(new DOMException('no', 'SecurityError'))
        return (await asset(given).load()).bytes.length
      }, wasm)
      return { none, damaged, refused }
    })
    expect(result).toEqual({ none: [], damaged: model.length, refused: model.length })
    expect(paths).toEqual(['/whole.onnxv', '/whole.onnxv', '/whole.onnxv'])
  })

  it('is filled by preload(), which brings the engine too', async () => {
    const { result, paths } = await stay(async (page) => {
      const taken = await page.evaluate(async (given) => (await asset(given).preload()).target, wasm)
      const loaded = await page.evaluate(() =>
        performance.getEntriesByType('resource').some(({ name }) => name.endsWith('ort.wasm.min.mjs')),
      )
      const { value } = await page.evaluate(openAndRun, [wasm])
      return { taken, loaded, value }
    })
    expect(result).toMatchObject({ taken: 'wasm', loaded: true })
    near(result.value?.y)
    expect(paths).toEqual(['/whole.onnxv'])
  })
})
