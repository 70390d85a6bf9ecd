/**
 * quantize-weights, method by method, on the transformer models: signal-to-noise of the outputs in onnxruntime-web, mean
 * over the inputs, in dB against the source, and the size in KB. Calibrated on the first three quarters of NAME.npz and
 * measured on the rest, or on NAME.test.npz where the folder has it.
 *
 *   node bench/quantize-methods.mjs [--bits 4] [--models FOLDER] [--options JSON] [name…]
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
  },
})
const names =
  positionals.length > 0
    ? positionals
    : ['code_lang', 'raw16_tf', 'tied_lm_py', 'num_en_fr_encoder', 'num_en_fr_decoder', 'kws_conformer']
const methods = ['rtn', 'k-quant', 'hqq', 'mse', 'awq', 'gptq']
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
const sums = methods.map(() => 0)
console.log(`| model | ${methods.join(' | ')} |\n|---|${methods.map(() => '---').join('|')}|`)
for (const name of names) {
  const bytes = readFileSync(join(flags.models, `${name}.onnx`))
  const inputs = readModel(bytes).graph.inputs.map((input) => input.name)
  const [calibration, feeds] = dataOf(name, inputs)
  const expected = await outputsOf(bytes, feeds)
  const cells = []
  for (const [index, method] of methods.entries()) {
    const model = readModel(bytes)
    const options = { bits: Number(flags.bits), granularity: 'block', method, ...given }
    const started = performance.now()
    const steps = [
      ...cleaning.map((pass) => ({ pass })),
      { pass: 'quantize-weights', options },
      { pass: 'strip-metadata' },
    ]
    const results = await applyPasses(model, steps, { calibration: calibrationOn(calibration) })
    // A method that fell back to another would stand under the wrong name.
    for (const { skipped } of results)
      for (const { node, reason } of skipped)
        if (reason.includes('those of k-quant')) throw new Error(`${node} ${reason}`)
    const variant = encodeModel(model)
    const seconds = (performance.now() - started) / 1000
    const sqnr = decibels(expected, await outputsOf(variant, feeds))
    sums[index] += sqnr / names.length
    cells.push(`${sqnr.toFixed(2)} (${(variant.length / 1e3).toFixed(0)} KB, ${seconds.toFixed(1)} s)`)
  }
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
console.log(`| mean | ${sums.map((sum) => sum.toFixed(2)).join(' | ')} |`)
