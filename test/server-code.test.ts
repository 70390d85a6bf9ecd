import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { rollup } from 'rollup'
import onnxRollup from 'unplugin-onnx/rollup'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type App, createApp, runWebpack, viteConfig, viteVersions, webpackConfig } from './apps'

interface ServerCode {
  readonly urls: { readonly variant: string; readonly source: string }
  run(): Promise<{ variant: { target: string }; outputs: Record<string, number[]> }>
}

let app: App
beforeEach(() => {
  app = createApp('server', { 'digits_mlp.onnx': 'digits_mlp.onnx' })
})
afterEach(() => app.remove())

async function runsInNode({ urls, run }: ServerCode): Promise<void> {
  expect(urls.variant).toMatch(/^file:.*\.onnxv$/)
  expect(urls.source).toMatch(/^file:.*\.onnx$/)
  const { variant, outputs } = await run()
  expect(variant.target).toBe('node')
  const [scores] = Object.values(outputs)
  expect(scores).toHaveLength(10)
  expect(scores?.every(Number.isFinite)).toBe(true)
}

const built = (file: string): Promise<ServerCode> => import(join(app.out, file))

it.each(Object.entries(viteVersions))('a server build of %s runs on onnxruntime-node', async (_, vite) => {
  await vite.build({ ...viteConfig(app), build: { ssr: 'src/main.js' } })
  await runsInNode(await built('main.js'))
})

it.each(Object.entries(viteVersions))('server code in development under %s runs too', async (_, vite) => {
  const server = await vite.createServer({
    ...viteConfig(app),
    appType: 'custom',
    server: { middlewareMode: true, ws: false },
  })
  try {
    await runsInNode((await server.ssrLoadModule('/src/main.js')) as ServerCode)
  } finally {
    await server.close()
  }
})

it('a build of webpack for Node runs on onnxruntime-node', async () => {
  await runWebpack({
    ...webpackConfig(app),
    target: 'node20',
    experiments: { outputModule: true },
    output: { path: app.out, filename: 'main.js', library: { type: 'module' }, chunkFormat: 'module' },
  })
  await runsInNode(await built('main.js'))
})

it('a build of webpack to CommonJS runs on onnxruntime-node', async () => {
  await runWebpack({
    ...webpackConfig(app),
    target: 'node20',
    output: { path: app.out, filename: 'main.cjs', library: { type: 'commonjs2' } },
  })
  await runsInNode((await built('main.cjs')) as ServerCode)
})

it.each(['es', 'cjs'] as const)('a build of rollup to %s runs on onnxruntime-node', async (format) => {
  const plugin = onnxRollup({
    targets: ['node'],
    cache: { dir: join(app.dir, '.cache') },
    logLevel: 'silent',
  })
  const bundle = await rollup({ input: join(app.dir, 'src/main.js'), plugins: [plugin] })
  const file = format === 'es' ? 'main.mjs' : 'main.cjs'
  await bundle.write({ dir: app.out, format, entryFileNames: file })
  await bundle.close()
  await runsInNode(await built(file))
})

it('tests in Vitest run on onnxruntime-node', async () => {
  const project = createApp('vitest', { 'digits_mlp.onnx': 'digits_mlp.onnx' })
  const vitest = resolve(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, 'run', '--root', project.dir], {
    cwd: project.dir,
    encoding: 'utf8',
    env: { ...process.env, VITEST: undefined, VITEST_POOL_ID: undefined, VITEST_WORKER_ID: undefined },
  })
  project.remove()
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/Tests.*1 passed/)
})
