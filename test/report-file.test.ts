/** The report that a build writes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type App, builds, createBasicApp, viteConfig, viteVersions } from './apps'

interface Written {
  readonly manifest: { readonly source: { readonly file: string } }
}

let app: App
afterEach(() => app?.remove())

const filesIn = (json: string): string[] =>
  (JSON.parse(readFileSync(json, 'utf8')) as Written[]).map(({ manifest }) => manifest.source.file).sort()
const models = ['src/diabetes_mlp.onnx', 'src/digits_mlp.onnx']
const named = (files: readonly string[]) => files.map((file) => file.split('/').at(-1))

describe.each(Object.entries(builds))('a build by %s', (_, build) => {
  it('writes a report of all its models where it is told to, and not into its output', async () => {
    app = createBasicApp()
    const page = join(app.dir, 'reports/onnx.html')
    await build(app, { report: page })
    expect(named(filesIn(join(app.dir, 'reports/onnx.json')))).toEqual(named(models))
    expect(readFileSync(page, 'utf8')).toContain('digits_mlp.onnx')
    expect(app.files().filter((file) => /report/.test(file))).toEqual([])
  })
})

describe.each(Object.entries(viteVersions))('%s', (_, vite) => {
  it("writes the report into the project's root, and nothing unless it is asked to", async () => {
    app = createBasicApp()
    await vite.build(viteConfig(app))
    expect(existsSync(join(app.dir, 'onnx-report.html'))).toBe(false)
    await vite.build(viteConfig(app, { report: true }))
    expect(filesIn(join(app.dir, 'onnx-report.json'))).toEqual(models)
    expect(readFileSync(join(app.dir, 'onnx-report.html'), 'utf8')).toMatch(/^<!doctype html>/)
  })

  it('has the models of workers in the same report', async () => {
    app = createBasicApp()
    writeFileSync(
      join(app.dir, 'src/worker.js'),
      "import model from './diabetes_mlp.onnx'\npostMessage(model.name)\n",
    )
    writeFileSync(
      join(app.dir, 'src/page.js'),
      "import model from './digits_mlp.onnx'\ndocument.title = model.name\nnew Worker(new URL('./worker.js', import.meta.url), { type: 'module' })\n",
    )
    writeFileSync(join(app.dir, 'index.html'), '<script type="module" src="/src/page.js"></script>\n')
    await vite.build(viteConfig(app, { report: true, targets: ['wasm'] }))
    expect(filesIn(join(app.dir, 'onnx-report.json'))).toEqual(models)
  })
})
