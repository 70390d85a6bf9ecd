import { statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createBasicApp, pluginOptions, viteConfig } from './apps'
import { filesLoadedBy, packageOf } from './loaded-files'

/**
 * A project pays on every start for what the plugin loads, and converts next to never. Where all models are in the cache,
 * nothing that reads, changes, runs or describes one is loaded.
 */
describe.each(['serve', 'build'])('%s of an app whose models are in the cache', (command) => {
  let app: App
  let loaded: string[]
  beforeAll(async () => {
    app = createBasicApp()
    // With the options of vite-once.
    await build(viteConfig(app, { effort: 'default' }))
    const script = join(import.meta.dirname, 'harness/vite-once.mjs')
    loaded = filesLoadedBy([script, app.dir, pluginOptions().cache!.dir!, command], app.dir)
  })
  afterAll(() => app.remove())

  it('loads no passes and no planner', () => {
    const own = loaded.filter((file) => ['core', 'build'].includes(packageOf(file)))
    expect(own.some((file) => file.endsWith(join('build', 'dist', 'plugin.js')))).toBe(true)
    expect(own.filter((file) => file.endsWith(join('dist', 'index.js')))).toEqual([])
    // Of 900 kB.
    expect(own.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(150_000)
  })

  it('loads no engine and no library that only conversions need', () => {
    const packages = new Set(loaded.map(packageOf))
    const heavy = [
      'onnxruntime-web',
      'onnxruntime-node',
      'onnxruntime-common',
      'workerpool',
      'proper-lockfile',
    ]
    for (const name of [...heavy, 'fflate', 'yauzl', 'sharp', 'jiti', 'commander'])
      expect(packages, name).not.toContain(name)
  })
})
