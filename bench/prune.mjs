/**
 * What pruning costs and gives, on the models with labelled data.
 *
 *   node bench/prune.mjs scores [--model a,b]    scores after pruning, plain and reconstructed
 *   node bench/prune.mjs speed [--model a,b]     channels: time in onnxruntime-web, source and variant in turn
 *   node bench/prune.mjs softmax [--model a,b]   what the temperature changes
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ExternalFiles, transform } from '@unplugin-onnx/build'
import { encodeModel, readModel } from '@unplugin-onnx/core'
import { openModel } from './accuracy/engines.mjs'
import { entries, taskOf } from './accuracy/tasks.mjs'

const here = import.meta.dirname
const { values, positionals } = parseArgs({ allowPositionals: true, options: { model: { type: 'string' } } })
const [what = 'scores'] = positionals
const wanted = values.model?.split(',')
const chosen = entries.filter(({ name }) => wanted === undefined || wanted.includes(name))

const cleaning = [{ pass: 'fold-constants' }, { pass: 'eliminate-identity' }, { pass: 'remove-unused' }]

async function convert({ file, calibration }, options) {
  const bytes = readFileSync(file)
  const files = new ExternalFiles(file, file)
  try {
    const model = readModel(bytes, { external: files.reader })
    const steps = options === undefined ? [] : [{ pass: 'prune-weights', options }]
    const context = { name: file, root: here, calibration }
    const results = await transform(model, [...cleaning, ...steps], context)
    return { bytes: encodeModel(model), changed: results.at(-1)?.changed, model }
  } finally {
    files.close()
  }
}

async function scoreOf(entry, variants) {
  const sessions = await Promise.all(variants.map(({ bytes }) => openModel(bytes, 'wasm')))
  try {
    return await taskOf(entry).score(sessions)
  } finally {
    for (const session of sessions) await session.close()
  }
}

async function tryScore(entry, options) {
  try {
    const variants = []
    for (const graph of taskOf(entry).graphs) variants.push(await convert(graph, options))
    return (await scoreOf(entry, variants)).toFixed(4)
  } catch (error) {
    return error.message.split('\n')[0].slice(0, 80)
  }
}

const columns = {
  '50 %': { amount: 0.5 },
  '50 %, reconstructed': { amount: 0.5, reconstruct: true },
  '50 % global': { amount: 0.5, scope: 'global' },
  '50 % global, reconstructed': { amount: 0.5, scope: 'global', reconstruct: true },
  '2:4': { pattern: '2:4' },
  '2:4, reconstructed': { pattern: '2:4', reconstruct: true },
  'channels 25 %': { pattern: 'channel', amount: 0.25 },
  'channels 25 %, refitted': { pattern: 'channel', amount: 0.25, reconstruct: true },
}

async function scores() {
  console.log(`| model | source | ${Object.keys(columns).join(' | ')} |`)
  console.log(`|${'---|'.repeat(Object.keys(columns).length + 2)}`)
  for (const entry of chosen) {
    const cells = [entry.name, entry.fp32.toFixed(4)]
    for (const options of Object.values(columns)) cells.push(await tryScore(entry, options))
    console.log(`| ${cells.join(' | ')} |`)
  }
}

const quantile = (times, share) => times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]

/**
 * Both models in turn, the first one changing places, so that what else the machine does meets them alike. `ratio` is the
 * median of the pairs; `quiet` compares the lower quartiles, which other work on the machine disturbs least.
 */
async function paired(a, b, feed, rounds) {
  const times = [[], []]
  for (let round = -5; round < rounds; round++) {
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = performance.now()
      await [a, b][index].run(feed)
      if (round >= 0) times[index].push(performance.now() - start)
    }
  }
  const [source, variant] = times.map((each) => quantile(each, 0.25))
  const ratio = quantile(
    times[0].map((time, index) => time / times[1][index]),
    0.5,
  )
  return { source, variant, ratio, quiet: source / variant }
}

async function speed() {
  console.log(
    '| model | channels that go | source | ms | score | variant ms | times as fast, median pair | lower quartiles | bytes |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|')
  const cnns = chosen.filter(({ name }) => wanted !== undefined || /digits_(cnn|ext|mobile)|ocr/.test(name))
  for (const entry of cnns) {
    const [graph] = taskOf(entry).graphs
    const source = await convert(graph)
    for (const amount of [0.25, 0.5]) {
      const variant = await convert(graph, { pattern: 'channel', amount, reconstruct: true })
      const sessions = [await openModel(source.bytes, 'wasm'), await openModel(variant.bytes, 'wasm')]
      const time = await paired(...sessions, taskOf(entry).feed(), entry.files === undefined ? 15 : 400)
      for (const session of sessions) await session.close()
      const score = await scoreOf(entry, [variant])
      const ratio = (variant.bytes.length / source.bytes.length) * 100
      console.log(
        `| ${entry.name} | ${amount * 100} % | ${entry.fp32.toFixed(4)} | ${time.source.toFixed(2)} | ${score.toFixed(4)} | ${time.variant.toFixed(2)} | ${time.ratio.toFixed(2)} | ${time.quiet.toFixed(2)} | ${ratio.toFixed(0)} % |`,
      )
    }
  }
}

/** Share of zeros of the tensors that pruning changed. */
function zerosOf(before, after) {
  let zeros = 0
  let size = 0
  for (const value of after.initializers()) {
    const tensor = value.initializer
    if (tensor.dataType !== 'float32' || tensor.dims.length < 2) continue
    const source = before.graph.find(value.name)?.initializer
    if (source === undefined || Buffer.from(source.bytes()).equals(tensor.bytes())) continue
    for (const weight of tensor.float32()) if (weight === 0) zeros++
    size += tensor.size
  }
  return zeros / size
}

const temperatures = [0.1, 0.25, 0.5, 1, 2, 10]

async function softmax() {
  console.log(`| model | | ${temperatures.map((each) => `tau ${each}`).join(' | ')} |`)
  console.log(`|---|---|${'---|'.repeat(temperatures.length)}`)
  for (const entry of chosen.filter(
    ({ name }) => wanted !== undefined || /digits_cnn|mobile|code_lang|raw16/.test(name),
  )) {
    const [graph] = taskOf(entry).graphs
    const source = await convert(graph)
    const shares = []
    const scored = []
    const channels = []
    const dimsOf = async (options) => {
      const { bytes } = await convert(graph, { pattern: 'channel', amount: 0.25, ...options })
      return readModel(bytes)
    }
    const plain = await dimsOf({})
    for (const temperature of temperatures) {
      const options = { criterion: 'softmax', temperature }
      const variant = await convert(graph, { ...options, mass: 0.9 })
      shares.push(`${(zerosOf(source.model, readModel(variant.bytes)) * 100).toFixed(1)} %`)
      scored.push((await scoreOf(entry, [variant])).toFixed(4))
      channels.push(`${(sameChannels(plain, await dimsOf(options)) * 100).toFixed(0)} %`)
    }
    console.log(`| ${entry.name} | weights that go where 90 % of the mass stays | ${shares.join(' | ')} |`)
    console.log(`| ${entry.fp32.toFixed(4)} | score then | ${scored.join(' | ')} |`)
    console.log(`| | kept channels that magnitude keeps, too, of 75 % | ${channels.join(' | ')} |`)
  }
}

/** Biases tell which channels are left: each is one of the source's. */
function sameChannels(a, b) {
  let same = 0
  let all = 0
  for (const value of a.initializers()) {
    const [left, right] = [value.initializer, b.graph.find(value.name)?.initializer]
    if (
      left.dataType !== 'float32' ||
      left.dims.length !== 1 ||
      right === undefined ||
      left.size !== right.size
    )
      continue
    const known = new Set(left.float32())
    if (known.size < left.size) continue
    for (const element of right.float32()) if (known.has(element)) same++
    all += right.size
  }
  return same / all
}

await { scores, speed, softmax }[what]()
