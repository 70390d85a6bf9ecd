/** Where pages get onnxruntime-web from, when it isn't the build: their import map, or another server. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build as esbuild } from 'esbuild'
import onnxEsbuild from 'unplugin-onnx/esbuild'
import onnxWebpack from 'unplugin-onnx/webpack'
import { build as viteBuild } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import webpack from 'webpack'
import { type App, createApp, type PluginOptions, pluginOptions, viteConfig } from './apps'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'
import { writePage } from './matrix/pages'
import { checkPage } from './matrix/verify'
import { packConfig, runPack } from './matrix/webpack'

const dist = join(import.meta.dirname, 'node_modules/onnxruntime-web/dist')
const { version } = JSON.parse(readFileSync(join(dirname(dist), 'package.json'), 'utf8')) as {
  version: string
}
const model = 'digits_mlp.onnx'

type Build = (app: App, options: PluginOptions) => Promise<unknown>
const builds: Readonly<Record<string, Build>> = {
  vite: (app, options) => viteBuild(viteConfig(app, options)),
  webpack: async (app, options) => {
    await runPack(
      webpack(
        packConfig(app, { entry: { main: './src/main.js' }, plugins: [onnxWebpack(pluginOptions(options))] }),
      ),
    )
    writePage(app.out, 'index.html', 'main.js')
  },
  esbuild: async (app, options) => {
    await esbuild({
      absWorkingDir: app.dir,
      entryPoints: ['src/main.js'],
      bundle: true,
      format: 'esm',
      outdir: app.out,
      plugins: [onnxEsbuild(pluginOptions(options))],
    })
    writePage(app.out, 'index.html', 'main.js')
  },
}

let browser: Awaited<ReturnType<typeof launch>>
let cdn: Awaited<ReturnType<typeof serve>>
beforeAll(async () => {
  browser = await launch()
  cdn = await serve(dist, {
    base: `/npm/onnxruntime-web@${version}/dist/`,
    headers: { 'access-control-allow-origin': '*' },
  })
})
afterAll(async () => {
  await browser?.close()
  await cdn?.close()
})

describe.each(Object.entries(builds))('%s', (_, build) => {
  let app: App
  beforeEach(() => {
    app = createApp('matrix', { 'model.onnx': model })
  })
  afterEach(() => app.remove())

  const emitsNothing = () => expect(app.files().filter((file) => /\.wasm$|\.mjs$/.test(file))).toEqual([])
  const opens = async (tamper?: (path: string, bytes: Buffer) => Buffer | undefined) => {
    const server = await serve(app.out, tamper ? { tamper } : {})
    try {
      for (const target of ['wasm', 'webgpu'] as const)
        await checkPage(browser, server.url, { model, target })
    } finally {
      await server.close()
    }
  }

  it.each([
    ['a base, in the version that is installed', () => `${new URL(cdn.url).origin}/npm/`],
    ['an address of one’s own', () => `${new URL(cdn.url).origin}/npm/onnxruntime-web@{version}/dist/{file}`],
  ])('loads onnxruntime-web from %s, and emits none of it', async (_, address) => {
    cdn.requests.length = 0
    await build(app, { onnxruntime: { cdn: address() } })
    emitsNothing()
    await opens()
    expect(new Set(cdn.requests.map(({ path, status }) => `${status} ${path.split('/').at(-1)}`))).toEqual(
      new Set([
        '200 ort.wasm.min.mjs',
        '200 ort-wasm-simd-threaded.mjs',
        '200 ort-wasm-simd-threaded.wasm',
        '200 ort.webgpu.min.mjs',
        '200 ort-wasm-simd-threaded.asyncify.mjs',
        '200 ort-wasm-simd-threaded.asyncify.wasm',
      ]),
    )
  })

  it('leaves onnxruntime-web to the import map of the page', async () => {
    await build(app, { onnxruntime: 'external' })
    emitsNothing()
    expect(existsSync(join(dist, 'ort.webgpu.bundle.min.mjs'))).toBe(true)
    const imports = { 'onnxruntime-web': `${cdn.url}ort.webgpu.bundle.min.mjs` }
    const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`
    await opens((path, bytes) =>
      path === '/' ? Buffer.from(bytes.toString().replace(/<(?=script|meta)/, `${map}<`)) : undefined,
    )
  })
})
