/**
 * What the plugin adds to a build whose models are converted already: the OCR example, built by Vite with the models in
 * the cache, by turns with the plugin and with a stand-in that does what any asset plugin has to: it reads the very same
 * files and hands them to the bundler, with the modules' code as recorded. Prints the ratio of the medians.
 *
 *   node bench/warm-build.mjs [rounds]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, loadConfigFromFile } from 'vite'

const rounds = Number(process.argv[2] ?? 15)
const root = join(dirname(dirname(fileURLToPath(import.meta.url))), 'examples/vite-ocr')
const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-bench-'))

const hook = (plugin, name) => plugin[name]?.handler ?? plugin[name]
const wrap = (plugin, name, wrapped) =>
  typeof plugin[name] === 'function' ? wrapped : { ...plugin[name], handler: wrapped }

/** The plugin, writing down what its hooks answer and emit. */
function recording(plugin, record) {
  if (!hook(plugin, 'load')) return plugin
  const resolveId = async function (id, importer, ...rest) {
    const result = await hook(plugin, 'resolveId').call(this, id, importer, ...rest)
    if (result) record.resolved.set(`${id} ${importer}`, result)
    return result
  }
  const load = async function (id, ...rest) {
    const assets = []
    const emitFile = (file) => {
      const reference = this.emitFile(file)
      const path = join(scratch, `asset-${record.assets.size}`)
      if (!record.assets.has(reference)) writeFileSync(path, file.source)
      if (!record.assets.has(reference))
        record.assets.set(reference, { path, file: { ...file, source: undefined } })
      return reference
    }
    const context = new Proxy(this, {
      get: (target, key) => {
        if (key === 'emitFile') return emitFile
        const value = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const result = await hook(plugin, 'load').call(context, id, ...rest)
    if (result) record.loaded.set(id, { result, assets })
    return result
  }
  return { ...plugin, resolveId: wrap(plugin, 'resolveId', resolveId), load: wrap(plugin, 'load', load) }
}

/** Answers what was recorded, and emits the same files, each once. */
function standIn(record) {
  const emitted = new Map()
  const emit = async (context, reference) => {
    const { path, file } = record.assets.get(reference)
    return context.emitFile({ ...file, source: await readFile(path) })
  }
  return {
    name: 'stand-in',
    enforce: 'pre',
    resolveId: (id, importer) => record.resolved.get(`${id} ${importer}`),
    async load(id) {
      const recorded = record.loaded.get(id)
      if (recorded === undefined) return undefined
      let { code } = recorded.result
      for (const reference of record.assets.keys()) {
        if (!code.includes(reference)) continue
        if (!emitted.has(reference)) emitted.set(reference, emit(this, reference))
        code = code.replaceAll(reference, await emitted.get(reference))
      }
      return { ...recorded.result, code }
    },
  }
}

const nothing = () => undefined
const silent = {
  hasWarned: false,
  info: nothing,
  warn: nothing,
  warnOnce: nothing,
  error: console.error,
  clearScreen: nothing,
  hasErrorLogged: () => false,
}

/** One build, with all that `vite build` does but for the printing. Milliseconds. */
async function time(change) {
  const { config } = await loadConfigFromFile({ command: 'build', mode: 'production' }, undefined, root)
  const write = process.stdout.write
  process.stdout.write = () => true
  const start = performance.now()
  await build({
    ...config,
    configFile: false,
    root,
    customLogger: silent,
    plugins: (config.plugins ?? []).flat().flatMap(change),
    build: { ...config.build, outDir: join(scratch, 'out'), emptyOutDir: true },
  })
  const end = performance.now()
  process.stdout.write = write
  return end - start
}

const isOurs = (plugin) => /onnx/.test(plugin.name)
const record = { resolved: new Map(), loaded: new Map(), assets: new Map() }
await time((plugin) => plugin) // fills the cache
await time((plugin) => (isOurs(plugin) ? recording(plugin, record) : plugin))
if (record.loaded.size === 0) throw new Error('the plugin was not found in the example')

const without = []
const withPlugin = []
for (let round = 0; round < rounds; round++) {
  without.push(
    await time((plugin) => (isOurs(plugin) ? (hook(plugin, 'load') ? standIn(record) : []) : plugin)),
  )
  withPlugin.push(await time((plugin) => plugin))
}
rmSync(scratch, { recursive: true })

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const [bare, full] = [median(without), median(withPlugin)]
console.log(
  `${record.loaded.size} modules and ${record.assets.size} files; medians of ${rounds} builds by turns`,
)
console.log(`stand-in ${bare.toFixed(0)} ms, plugin ${full.toFixed(0)} ms`)
console.log(`the plugin adds ${(100 * (full / bare - 1)).toFixed(1)} % to the bundler's own time`)
