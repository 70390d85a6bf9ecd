/**
 * quantize-weights, method by method, on the transformer models: signal-to-noise of the outputs in onnxruntime-web, mean
 * over the inputs, in dB against the source, and the size in KB. Calibrated on the first three quarters of NAME.npz and
 * measured on the rest, or on NAME.test.npz where the folder has it.
 *
 *   node bench/quantize-methods.mjs [--bits 4] [--models FOLDER] [--methods a,b] [--options JSON] [name…]
 *   node bench/quantize-methods.mjs --sweep …    means over the models for blocks of 16 to 128, with zero points and
 *                                                without: one rounding more or less counts for little in them
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readNpz } from '@unplugin-onnx/build'
import { applyPasses, encodeModel, readModel, tapModel, tapped } from '@unplugin-onnx/core'
import * as ort from 'onnxruntime-web/wasm'

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: 'string', default: '4' },
    models: { type: 'string', default: join(root, 'test/fixtures/models') },
    options: { type: 'string', default: '{}' },
    methods: { type: 'string', default: 'rtn,k-quant,hqq,mse,awq,gptq' },
    sweep: { type: 'boolean', default: false },
  },
})
const names =
  positionals.length > 0
    ? positionals
    : ['code_lang', 'raw16_tf', 'tied_lm_py', 'num_en_fr_encoder', 'num_en_fr_decoder', 'kws_conformer']
const methods = flags.methods.split(',')
const cleaning = ['fold-constants', 'eliminate-identity', 'remove-unused', 'dedupe-initializers']

const open = (bytes) =>
  ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 4 })

/** Rows `from` to `to` of arrays, in feeds of so many rows. */
function feedsOf(arrays, from, to, batch) {
  const feeds = []
  for (let at = from; at < to; at += batch) {
    const feed = {}
    for (const [name, { type, dims, data }] of arrays) {
      const row = data.length / dims[0]
      const end = Math.min(to, at + batch)
      feed[name] = new ort.Tensor(type, data.slice(at * row, end * row), [end - at, ...dims.slice(1)])
    }
    feeds.push(feed)
  }
  return feeds
}

function dataOf(name, inputs) {
  const read = (file) => [...readNpz(readFileSync(file))].filter(([key]) => inputs.includes(key))
  const arrays = read(join(flags.models, `${name}.npz`))
  const rows = arrays[0][1].dims[0]
  const file = join(flags.models, `${name}.test.npz`)
  const test = existsSync(file) ? read(file) : []
  if (test.length === inputs.length)
    return [feedsOf(arrays, 0, rows, 16), feedsOf(test, 0, Math.min(test[0][1].dims[0], 100), 25)]
  const cut = Math.floor((rows * 3) / 4)
  return [feedsOf(arrays, 0, cut, 16), feedsOf(arrays, cut, rows, 4)]
}

const calibrationOn = (feeds) => ({
  samples: feeds.length,
  async observe(model, values, visit) {
    const { bytes, taps } = tapModel(model, values)
    const session = await open(bytes)
    const outputs = taps.map(({ output }) => output)
    for (const [sample, feed] of feeds.entries()) {
      const results = await session.run(feed, outputs)
      for (const [index, value] of values.entries()) {
        const { data, dims } = results[outputs[index]]
        for (const seen of tapped(taps[index], data, dims)) visit({ value, ...seen, sample })
      }
    }
    await session.release()
  },
})

async function outputsOf(bytes, feeds) {
  const session = await open(bytes)
  const results = []
  for (const feed of feeds) results.push(Object.values(await session.run(feed))[0].data)
  await session.release()
  return results
}

function decibels(expected, actual) {
  let noise = 0
  let signal = 0
  for (const [index, data] of expected.entries()) {
    for (const [at, value] of data.entries()) {
      if (!Number.isFinite(value)) continue
      signal += value ** 2
      noise += (value - actual[index][at]) ** 2
    }
  }
  return 10 * Math.log10(signal / noise)
}

const given = JSON.parse(flags.options)

async function load(name) {
  const bytes = readFileSync(join(flags.models, `${name}.onnx`))
  const inputs = readModel(bytes).graph.inputs.map((input) => input.name)
  const [calibration, feeds] = dataOf(name, inputs)
  return { name, bytes, calibration, feeds, expected: await outputsOf(bytes, feeds) }
}

async function measure({ bytes, calibration, feeds, expected }, options) {
  const model = readModel(bytes)
  const started = performance.now()
  const steps = [
    ...cleaning.map((pass) => ({ pass })),
    { pass: 'quantize-weights', options: { bits: Number(flags.bits), granularity: 'block', ...options } },
    { pass: 'strip-metadata' },
  ]
  const results = await applyPasses(model, steps, { calibration: calibrationOn(calibration) })
  // A method that fell back to another would stand under the wrong name.
  for (const { skipped } of results)
    for (const { node, reason } of skipped)
      if (reason.includes('those of k-quant')) throw new Error(`${node} ${reason}`)
  const variant = encodeModel(model)
  const seconds = (performance.now() - started) / 1000
  return { sqnr: decibels(expected, await outputsOf(variant, feeds)), size: variant.length / 1e3, seconds }
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const print = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const header = (first) => {
  print(first, ...methods)
  print(...['', ...methods].map(() => '---'))
}
const printMeans = (columns) => print('mean', ...columns.map((column) => mean(column).toFixed(2)))

async function side() {
  header('model')
  const columns = methods.map(() => [])
  for (const name of names) {
    const loaded = await load(name)
    const cells = []
    for (const [index, method] of methods.entries()) {
      const { sqnr, size, seconds } = await measure(loaded, { method, ...given })
      columns[index].push(sqnr)
      cells.push(`${sqnr.toFixed(2)} (${size.toFixed(0)} KB, ${seconds.toFixed(1)} s)`)
    }
    print(name, ...cells)
  }
  printMeans(columns)
}

async function sweep() {
  const models = []
  for (const name of names) models.push(await load(name))
  header('blocks')
  const columns = methods.map(() => [])
  for (const symmetric of [true, false]) {
    for (const blockSize of [16, 32, 64, 128]) {
      const cells = []
      for (const [index, method] of methods.entries()) {
        const found = []
        for (const loaded of models)
          found.push((await measure(loaded, { method, ...given, symmetric, blockSize })).sqnr)
        columns[index].push(mean(found))
        cells.push(mean(found).toFixed(2))
      }
      print(`${blockSize}${symmetric ? '' : ', zero points'}`, ...cells)
    }
  }
  printMeans(columns)
}

await (flags.sweep ? sweep : side)()
