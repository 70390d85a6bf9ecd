/**
 * Whether variants of the target `portable` compute the same elsewhere: every model of test/fixtures/models is converted,
 * and source and variant run on the same inputs in onnxruntime-node and in Python's, Java's and Rust's onnxruntime.
 *
 *   node bench/platforms.mjs [--platform python@1.32.0,java@1.29.0,…] [--model a,b] [--accuracy high|balanced|small]
 *     [--prefer size|speed|balanced] [--recipe a,b] [--effort fast|default|thorough] [--samples 8]
 *
 * A platform is a language and, after @, the version of onnxruntime. Each is set up in bench/platforms/.build with pip,
 * mvn or cargo; one whose tools aren't there is left out with a word about what to install, and fails the run only if it
 * was asked for. Conversions are cached there as well: delete the folder to start afresh. Variants are the smallest
 * within the budget, however slow, unless --prefer says otherwise: which these are doesn't hang on how busy the machine is.
 *
 * A row is one model on one platform: how far the outputs are from those of the same file in onnxruntime-node. The source
 * stands beside it, for versions of onnxruntime differ on any file. So does the variant as it is opened without options:
 * onnxruntime fuses DequantizeLinear and MatMul and then rounds activations to int8, of 4-bit weights since 1.20 or before,
 * of 8-bit ones in some graphs since 1.26, so versions differ by that rounding, below the noise of the weights. The first
 * columns are without it (session.qdq_matmulnbits_accuracy_level 0). The last one is the agreement with the source, in
 * Node and there.
 * The exit code is 1 where a variant fails though the source runs, where it is further off than both the source and the
 * rounding of float32, or where it agrees with the source by 1 dB less than in Node.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { calibrationFeeds, createConverter, openModelFile } from '@unplugin-onnx/build'
import { readModel } from '@unplugin-onnx/core'
import * as node from 'onnxruntime-node'
import { agreementOf } from './platforms/agreement.mjs'
import { readTensors, writeTensors } from './platforms/exchange.mjs'
import { languages } from './platforms/setup.mjs'

const root = import.meta.dirname
const models = join(root, '../test/fixtures/models')
const ort = node.default ?? node
/** Of an output's largest magnitude: a thousand sums of float32 in another order differ by less. */
const rounding = 1e-5
/** In dB: what the rounding of activations may cost on one platform more than on another. */
const slack = 1
const unrounded = 'session.qdq_matmulnbits_accuracy_level=0'
const kinds = { source: '', variant: '', unrounded }

const { values } = parseArgs({
  options: {
    platform: { type: 'string', default: 'python@1.32.0,java@1.29.0,rust@1.32.0' },
    model: { type: 'string' },
    accuracy: { type: 'string', default: 'balanced' },
    prefer: { type: 'string', default: 'size' },
    recipe: { type: 'string' },
    effort: { type: 'string', default: 'default' },
    samples: { type: 'string', default: '8' },
  },
})
const asked = process.argv.some((argument) => argument.startsWith('--platform'))
const wanted = values.model?.split(',')
const names = readdirSync(models)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => file.slice(0, -'.onnx'.length))
  .filter((name) => wanted === undefined || wanted.includes(name))

let failed = 0
const work = mkdtempSync(join(tmpdir(), 'unplugin-onnx-platforms-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

/** One file, a source or a variant, on the inputs of its model. */
const job = (name, kind, file) => ({
  name,
  kind,
  file,
  entry: kinds[kind],
  inputs: join(work, name),
  outputs: (platform) => join(work, `${platform}-${name}-${kind}`),
})

async function runInNode({ name, file, entry }, feeds) {
  const [key, value] = entry.replace('session.', '').split('=')
  const extra = entry === '' ? {} : { extra: { session: { [key]: value } } }
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 4, ...extra })
  try {
    const runs = []
    for (const feed of feeds) {
      const given = Object.entries(feed).map(([input, { type, data, dims }]) => [
        input,
        new ort.Tensor(type, data, dims),
      ])
      const results = await session.run(Object.fromEntries(given))
      runs.push(
        Object.fromEntries(
          session.outputNames.map((output) => {
            const { type, dims, data } = results[output]
            return [output, { type, dims: [...dims], data: data.slice() }]
          }),
        ),
      )
    }
    return runs
  } catch (cause) {
    throw new Error(`${name} doesn't run in onnxruntime-node`, { cause })
  } finally {
    await session.release()
  }
}

/** @returns for each job undefined where it ran, else why not */
function runElsewhere(platform, command, jobs) {
  const list = join(work, `${platform}.tsv`)
  const lines = jobs.map(({ file, inputs, outputs, entry }) =>
    [file, inputs, outputs(platform), entry].join('\t'),
  )
  writeFileSync(list, `${lines.join('\n')}\n`)
  const { stdout, stderr, status, signal } = spawnSync(command[0], [...command.slice(1), list], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const said = new Map(stdout.split('\n').map((line) => [line.split('\t')[0], line.split('\t').slice(1)]))
  console.log(`${platform}: ${said.get('version')?.[0] ?? 'no version told'}`)
  return jobs.map((_, index) => {
    const [outcome, reason] = said.get(String(index)) ?? []
    if (outcome === 'ok') return undefined
    return (
      reason?.replaceAll(/\S*\/(\S+?\.onnxv?)/g, '$1') ??
      `it ended with ${signal ?? status}: ${stderr.trim().slice(-300)}`
    )
  })
}

const converter = createConverter({ root, cacheDir: join(root, 'platforms/.build/cache') })
const jobs = []
const expected = new Map()
const facts = new Map()
mkdirSync(join(root, 'platforms/.build'), { recursive: true })
try {
  for (const name of names) {
    const file = join(models, `${name}.onnx`)
    const calibration = join(models, `${name}.npz`)
    const { manifest, dir } = await converter.convert(file, {
      targets: ['portable'],
      accuracy: values.accuracy,
      prefer: values.prefer,
      effort: values.effort,
      calibration,
      ...(values.recipe && { recipes: values.recipe.split(',') }),
    })
    const [variant] = manifest.variants
    const opened = openModelFile(file, name)
    const source = readModel(opened.bytes, { external: opened.external, name })
    const feeds = (await calibrationFeeds(source, calibration, root, name, 'node')).slice(0, +values.samples)
    opened.close()
    writeTensors(join(work, name), feeds)
    const written = openModelFile(join(dir, variant.file), name)
    const model = readModel(written.bytes, { external: written.external, name })
    facts.set(name, { recipe: variant.recipe, format: [source, model].map(formatOf) })
    written.close()
    for (const kind of Object.keys(kinds)) {
      const each = job(name, kind, kind === 'source' ? file : join(dir, variant.file))
      jobs.push(each)
      expected.set(each, await runInNode(each, feeds))
    }
    const share = ((100 * variant.bytes) / manifest.source.bytes).toFixed(0)
    console.error(`${name}: ${variant.recipe}, ${share} %, ${variant.accuracy.sqnr.toFixed(1)} dB`)
  }
} finally {
  await converter.close()
}

function formatOf(model) {
  const opsets = [...model.opsetImports].map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`)
  return `IR ${model.irVersion}, ${opsets.join(', ')}`
}

console.log(`onnxruntime-node: ${ort.env.versions.node}`)
const number = (value) => (value === 0 ? '0' : value.toExponential(1))
const decibels = (value) => (value === Number.POSITIVE_INFINITY ? 'same' : value.toFixed(1))
const cells = (measured) =>
  typeof measured === 'string' ? 'fails | ' : `${number(measured.error)} | ${decibels(measured.sqnr)}`
const at = (all, name, kind) => all[jobs.findIndex((each) => each.name === name && each.kind === kind)]

/** What is measured of all jobs on one platform: an agreement with Node, or why there is none. */
function measure(platform, command) {
  const problems = runElsewhere(platform, command, jobs)
  return jobs.map((each, index) => {
    if (problems[index] !== undefined) return problems[index]
    try {
      const actual = readTensors(each.outputs(platform))
      const source = expected.get(at(jobs, each.name, 'source'))
      return { ...agreementOf(expected.get(each), actual), toSource: agreementOf(source, actual).sqnr }
    } catch (error) {
      return error.message
    }
  })
}

function judge(source, variant, exact, inNode) {
  if (typeof source === 'string')
    return typeof variant === 'string' ? 'nor does the source' : 'the source fails'
  if (typeof variant === 'string' || typeof exact === 'string') return 'FAILS'
  if (exact.relative > Math.max(rounding, source.relative)) return 'DIFFERS'
  return variant.toSource < inNode - slack ? 'LESS ACCURATE' : 'ok'
}

const rows = []
const notes = new Set()
for (const platform of values.platform.split(',')) {
  const [language, version] = platform.split('@')
  if (languages[language] === undefined || version === undefined)
    throw new Error(
      `--platform ${platform}: LANGUAGE@VERSION, where LANGUAGE is ${Object.keys(languages).join(', ')}`,
    )
  let command
  try {
    command = languages[language](version)
  } catch (error) {
    console.log(`${platform}: not run. ${error.message}`)
    if (asked) failed++
    continue
  }
  const measured = measure(platform, command)
  for (const name of names) {
    const { recipe, format } = facts.get(name)
    const [source, variant, exact] = ['source', 'variant', 'unrounded'].map((kind) =>
      at(measured, name, kind),
    )
    const inNode = agreementOf(
      expected.get(at(jobs, name, 'source')),
      expected.get(at(jobs, name, 'variant')),
    ).sqnr
    const verdict = judge(source, variant, exact, inNode)
    if (verdict === verdict.toUpperCase()) failed++
    if (typeof source === 'string') notes.add(`${platform} ${name}: the source (${format[0]}): ${source}`)
    for (const problem of [variant, exact])
      if (typeof problem === 'string')
        notes.add(`${platform} ${name}: the ${recipe} variant (${format[1]}): ${problem}`)
    const opened = typeof variant === 'string' ? 'fails' : decibels(variant.sqnr)
    const there = typeof variant === 'string' ? '' : decibels(variant.toSource)
    rows.push(
      `| ${platform} | ${name} | ${recipe} | ${cells(exact)} | ${cells(source)} | ${opened} | ${decibels(inNode)} / ${there} | ${verdict} |`,
    )
  }
}
const columns = ['platform', 'model', 'variant', 'largest error', 'SQNR (dB)', 'of the source', 'SQNR (dB)']
console.log(`\n| ${[...columns, 'as it is opened (dB)', 'to the source (dB)'].join(' | ')} | |`)
console.log(`|${'---|'.repeat(columns.length + 3)}`)
for (const row of rows) console.log(row)
if (notes.size > 0) console.log(`\n${[...notes].join('\n')}`)
process.exitCode = failed > 0 ? 1 : 0
