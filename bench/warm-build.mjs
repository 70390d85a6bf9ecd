/**
 * What the plugin adds to a build whose models are converted already: the OCR example, built by Vite with the models in
 * the cache. Every hook of the plugin is timed from call to settled promise; the union of these intervals, which counts
 * whatever else ran meanwhile against the plugin, is set against the rest of the build. Prints the ratio.
 *
 *   node bench/warm-build.mjs [rounds]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import onnx from 'unplugin-onnx/vite'
import { build, loadConfigFromFile } from 'vite'

const rounds = Number(process.argv[2] ?? 7)
const root = join(dirname(dirname(fileURLToPath(import.meta.url))), 'examples/vite-ocr')
const out = mkdtempSync(join(tmpdir(), 'unplugin-onnx-bench-'))

/** Wraps every hook of a plugin so that it writes down when it was busy. */
function timed(plugin, intervals) {
  const time = (hook) =>
    function (...args) {
      const start = performance.now()
      const end = () => intervals.push([start, performance.now()])
      let result
      try {
        result = hook.apply(this, args)
      } catch (error) {
        end()
        throw error
      }
      if (typeof result?.then === 'function') return result.finally(end)
      end()
      return result
    }
  return Object.fromEntries(
    Object.entries(plugin).map(([key, value]) => {
      if (key === 'applyToEnvironment' || key === 'apply') return [key, value]
      if (typeof value === 'function') return [key, time(value)]
      if (typeof value?.handler === 'function') return [key, { ...value, handler: time(value.handler) }]
      return [key, value]
    }),
  )
}

function union(intervals) {
  let covered = 0
  let until = Number.NEGATIVE_INFINITY
  for (const [start, end] of intervals.toSorted((a, b) => a[0] - b[0])) {
    if (end > until) covered += end - Math.max(start, until)
    until = Math.max(until, end)
  }
  return covered
}

async function once() {
  const { config } = await loadConfigFromFile({ command: 'build', mode: 'production' }, undefined, root)
  const others = (config.plugins ?? []).flat().filter((plugin) => !/onnx/.test(plugin?.name ?? ''))
  const intervals = []
  const plugins = [onnx()].flat().map((plugin) => timed(plugin, intervals))
  const start = performance.now()
  await build({
    ...config,
    configFile: false,
    root,
    logLevel: 'error',
    plugins: [...others, ...plugins],
    build: { ...config.build, outDir: out, emptyOutDir: true },
  })
  const total = performance.now() - start
  const own = union(intervals)
  return { total, own, ratio: own / (total - own) }
}

await once() // fills the cache, warms the file system
const results = []
for (let round = 0; round < rounds; round++) results.push(await once())
rmSync(out, { recursive: true })
const { total, own, ratio } = results.toSorted((a, b) => a.ratio - b.ratio)[Math.floor(rounds / 2)]
console.log(
  `build ${total.toFixed(0)} ms, of it the plugin's hooks ${own.toFixed(0)} ms (median of ${rounds})`,
)
console.log(`added to the bundler's own time: ${(100 * ratio).toFixed(2)} %`)
