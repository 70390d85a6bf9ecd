/** Every bundler in every mode, on every target: the same app, built, run in Chromium or Node, and held against its model. */
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type App, createApp, modelFile, replaceFile } from './apps'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'
import { type Bundler, type Mode, modes, reasonAgainst, type Target, targets } from './matrix/cases'
import { esbuild } from './matrix/esbuild'
import { farm } from './matrix/farm'
import { writePage } from './matrix/pages'
import { rollupBundlers } from './matrix/rollup'
import { cellKey, matrixTable, type Outcome } from './matrix/table'
import { type Browser, checkPage, checkRun, checkServer } from './matrix/verify'
import { viteBundlers } from './matrix/vite'
import { packBundlers } from './matrix/webpack'

const bundlers: Readonly<Record<string, Bundler>> = {
  ...viteBundlers,
  ...rollupBundlers,
  ...packBundlers,
  esbuild,
  'farm 1': farm,
}

const model = 'digits_mlp.onnx'
const otherModel = 'diabetes_mlp.onnx'
const webTargets = ['wasm', 'webgpu'] as const

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
const outcomes = new Map<string, Outcome>()
afterAll(async () => {
  await browser?.close()
  console.log(`\n${matrixTable(bundlers, outcomes)}`)
})

type Run = (bundler: Bundler, app: App, wanted: (target: Target) => boolean, check: Cells) => Promise<void>
/** Runs the check of a cell, and goes on with the others if it fails. */
type Cells = (target: Target, check: () => Promise<void>) => Promise<void>

/** Pages and scripts of bundlers that write none. */
function addPages(app: App, base = ''): void {
  if (!existsSync(join(app.out, 'index.html'))) writePage(app.out, 'index.html', `${base}main.js`)
  if (!existsSync(join(app.out, 'worker.html'))) writePage(app.out, 'worker.html', `${base}page.js`)
}

/** Whether a request is for a file of the build, on one of these servers. */
const inBuild =
  (app: App, ...bases: string[]) =>
  (url: URL): boolean =>
    bases.some((base) => {
      if (!url.href.startsWith(base)) return false
      const file = posix.normalize(decodeURIComponent(url.pathname).slice(new URL(base).pathname.length))
      return file === '.' || file === '/' || app.files().includes(file)
    })

/** Visits pages below a base, on both targets. */
async function visit(app: App, pages: readonly string[], cells: Cells, base = '/', headers = {}) {
  const server = await serve(app.out, { base, headers })
  for (const target of webTargets) {
    await cells(target, async () => {
      for (const page of pages)
        await checkPage(browser, `${server.url}${page}`, { model, target, has: inBuild(app, server.url) })
    })
  }
  await server.close()
}

const runs: Record<Mode, Run> = {
  async build(bundler, app, wanted, cells) {
    if (wanted('wasm')) {
      await bundler.build(app)
      addPages(app)
      await visit(app, ['index.html'], cells)
    }
    await serverCell(bundler, app, wanted, cells)
  },

  async watch(bundler, app, wanted, cells) {
    for (const kind of ['page', 'server'] as const) {
      if (!wanted(kind === 'page' ? 'wasm' : 'node')) continue
      const file = join(app.dir, 'src/model.onnx')
      cpSync(modelFile(model), file)
      const watching = await bundler.watch(app, kind)
      /** Some bundlers build what was there once more, before the change: what counts is what their builds come to. */
      const inTheEnd = async (check: () => Promise<void>) => {
        try {
          await check()
        } catch (error) {
          await Promise.race([
            watching.built(),
            new Promise((_, reject) => setTimeout(() => reject(error), 30_000)),
          ])
          await check()
        }
      }
      try {
        await watching.built()
        // Bundlers look at times, some by whole seconds.
        await new Promise((resolve) => setTimeout(resolve, 1200))
        replaceFile(modelFile(otherModel), file)
        await watching.built()
        if (kind === 'page') {
          addPages(app)
          const server = await serve(app.out)
          const has = inBuild(app, server.url)
          for (const target of webTargets)
            await cells(target, () =>
              inTheEnd(() => checkPage(browser, server.url, { model: otherModel, target, has })),
            )
          await server.close()
        } else {
          const entry = ['server.mjs', 'server.js'].find((name) => app.files().includes(name)) ?? ''
          await cells('node', () => inTheEnd(() => checkServer(join(app.out, entry), otherModel)))
        }
      } finally {
        await watching.close()
      }
    }
  },

  async worker(bundler, app, _, cells) {
    await bundler.build(app)
    addPages(app)
    await visit(app, ['worker.html'], cells)
  },

  async library(bundler, app, _, cells) {
    const { module, classic } = await bundler.library!(app)
    writePage(app.out, 'index.html', `lib/${module}`)
    if (classic !== undefined) writePage(app.out, 'classic.html', `lib/${classic}`, 'classic')
    await visit(app, ['index.html', ...(classic === undefined ? [] : ['classic.html'])], cells)
  },

  async dev(bundler, app, wanted, cells) {
    const server = await bundler.dev!(app)
    try {
      for (const target of webTargets)
        await cells(target, async () => {
          for (const page of server.pages) await checkPage(browser, page, { model, target })
        })
      const { runServer } = server
      if (wanted('node')) await cells('node', async () => checkRun(await runServer!(), model))
    } finally {
      await server.close()
    }
  },

  path: (bundler, app, wanted, cells) => withBase(bundler, app, '/x/', wanted, cells),
  relative: (bundler, app, wanted, cells) => withBase(bundler, app, './', wanted, cells),

  async cdn(bundler, app, wanted, cells) {
    // Its address has to be known before there are files.
    mkdirSync(app.out)
    const cdn = await serve(app.out, { headers: { 'access-control-allow-origin': '*' } })
    const folder = join(app.dir, 'page')
    mkdirSync(folder)
    await bundler.build(app, { base: cdn.url })
    addPages(app, cdn.url)
    cpSync(join(app.out, 'index.html'), join(folder, 'index.html'))
    const site = await serve(folder)
    const built = inBuild(app, cdn.url)
    for (const target of webTargets)
      await cells(target, () =>
        checkPage(browser, site.url, {
          model,
          target,
          has: (url) => url.href.startsWith(`${site.url}?`) || built(url),
        }),
      )
    await site.close()
    await serverCell(bundler, app, wanted, cells, cdn.url)
    await cdn.close()
  },
}

async function withBase(
  bundler: Bundler,
  app: App,
  base: string,
  wanted: (target: Target) => boolean,
  cells: Cells,
): Promise<void> {
  await bundler.build(app, { base })
  addPages(app)
  await visit(app, ['index.html'], cells, base === './' ? '/some/where/' : base)
  await serverCell(bundler, app, wanted, cells, base)
}

async function serverCell(
  bundler: Bundler,
  app: App,
  wanted: (target: Target) => boolean,
  cells: Cells,
  base?: string,
): Promise<void> {
  if (!wanted('node')) return
  await cells('node', async () => {
    const file = await bundler.server(app, base === undefined ? {} : { base })
    await checkServer(join(app.out, file), model)
  })
}

describe.concurrent.each(Object.entries(bundlers))('%s', (name, bundler) => {
  const possible = (Object.keys(modes) as Mode[]).filter((mode) =>
    targets.some((target) => reasonAgainst(bundler, mode, target) === undefined),
  )

  it.each(possible)(
    '%s: gives what the model gives, on every target',
    async (mode) => {
      const wanted = targets.filter((target) => reasonAgainst(bundler, mode, target) === undefined)
      for (const target of wanted) outcomes.set(cellKey(name, mode, target), 'failed')
      const failures: unknown[] = []
      const app = createApp('matrix', { 'model.onnx': model })
      try {
        await runs[mode](
          bundler,
          app,
          (target) => wanted.includes(target),
          async (target, check) => {
            if (!wanted.includes(target)) return
            try {
              await check()
              outcomes.set(cellKey(name, mode, target), 'passed')
            } catch (error) {
              failures.push(new Error(`${name}, ${modes[mode]}, ${target}`, { cause: error }))
            }
          },
        )
      } finally {
        app.remove()
      }
      if (failures.length > 0)
        throw new AggregateError(
          failures,
          failures
            .map((error) => `${(error as Error).message}: ${((error as Error).cause as Error).message}`)
            .join('\n'),
        )
    },
    300_000,
  )
})
