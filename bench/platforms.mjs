/**
 * Whether variants of the target `portable` compute the same elsewhere: every model of test/fixtures/models is converted,
 * and source and variant run on the same inputs in onnxruntime-node and in Python's, Java's and Rust's onnxruntime.
 *
 *   node bench/platforms.mjs [--platform python@1.32.0,java@1.29.0,…] [--model a,b] [--accuracy high|balanced|small]
 *     [--recipe a,b] [--effort fast|default|thorough] [--samples 8]
 *
 * A platform is a language and, after @, the version of onnxruntime. Each is set up in bench/platforms/.build with pip,
 * mvn or cargo; one whose tools aren't there is left out with a word about what to install, and fails the run only if it
 * was asked for. Conversions are cached there as well: delete the folder to start afresh.
 *
 * A row is one model on one platform: how far the variant's outputs are from those of the same file in onnxruntime-node,
 * and beside it the source's, which differ as onnxruntime's versions do. The exit code is 1 where a variant fails that
 * runs in onnxruntime-node, though the source runs, or is further off than both the source and the rounding of float32.
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

const { values } = parseArgs({
  options: {
    platform: { type: 'string', default: 'python@1.32.0,java@1.29.0,rust@1.32.0' },
    model: { type: 'string' },
    accuracy: { type: 'string', default: 'balanced' },
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
  inputs: join(work, name),
  outputs: (platform) => join(work, `${platform}-${name}-${kind}`),
})

async function runInNode({ name, file }, feeds) {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 4 })
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
  writeFileSync(
    list,
    jobs.map(({ file, inputs, outputs }) => `${file}\t${inputs}\t${outputs(platform)}\n`).join(''),
  )
  const { stdout, stderr, status, signal } = spawnSync(command[0], [...command.slice(1), list], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const said = new Map(stdout.split('\n').map((line) => [line.split('\t')[0], line.split('\t').slice(1)]))
  console.log(`${platform}: ${said.get('version')?.[0] ?? 'no version told'}`)
  return jobs.map((_, index) => {
    const [outcome, reason] = said.get(String(index)) ?? []
    if (outcome === 'ok') return undefined
    return reason ?? `it ended with ${signal ?? status}: ${stderr.trim().slice(-300)}`
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
    for (const each of [job(name, 'source', file), job(name, 'variant', join(dir, variant.file))]) {
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
const rows = []
const notes = []
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
  const problems = runElsewhere(platform, command, jobs)
  const measured = jobs.map((each, index) => {
    if (problems[index] !== undefined) return problems[index]
    try {
      return agreementOf(expected.get(each), readTensors(each.outputs(platform)))
    } catch (error) {
      return error.message
    }
  })
  for (const name of names) {
    const [source, variant] = ['source', 'variant'].map(
      (kind) => measured[jobs.findIndex((each) => each.name === name && each.kind === kind)],
    )
    const { recipe, format } = facts.get(name)
    let verdict = 'ok'
    if (typeof source === 'string') {
      verdict = typeof variant === 'string' ? 'nor does the source' : 'the source fails'
      notes.push(`${platform} ${name}: the source (${format[0]}): ${source}`)
    }
    if (typeof variant === 'string') {
      notes.push(`${platform} ${name}: the variant (${format[1]}): ${variant}`)
      if (typeof source !== 'string') verdict = 'FAILS'
    } else if (variant.relative > Math.max(rounding, source.relative ?? 0)) verdict = 'DIFFERS'
    if (verdict === 'FAILS' || verdict === 'DIFFERS') failed++
    rows.push(`| ${platform} | ${name} | ${recipe} | ${cells(variant)} | ${cells(source)} | ${verdict} |`)
  }
}
console.log(
  '\n| platform | model | variant | largest error | SQNR (dB) | source: largest error | SQNR (dB) | |',
)
console.log('|---|---|---|---|---|---|---|---|')
for (const row of rows) console.log(row)
if (notes.length > 0) console.log(`\n${notes.join('\n')}`)
process.exitCode = failed > 0 ? 1 : 0
