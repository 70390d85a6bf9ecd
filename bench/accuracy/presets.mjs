/**
 * What a build ships at each accuracy preset, scored at the model's own task beside its source and the best that the Python
 * tools reach: sizes raw and under brotli, and the time of a run beside the source's.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createConverter } from '@unplugin-onnx/build'
import { openModel } from './engines.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
export const presets = ['high', 'balanced', 'small']
/** What `balanced` may lose of the source's score, and what counts as keeping it for the Python tools too. */
const keeps = 0.005

/**
 * The smallest file of a Python tool that keeps the score, else the one with the best score.
 * @param peers by scheme, then by setting
 */
function bestPeer({ peers = {}, fp32 }) {
  const all = Object.values(peers)
    .flatMap((settings) => Object.entries(settings))
    .filter(([name, { score }]) => score !== undefined && !/^(prune|s2_4|w8|pot8)/.test(name))
  const kept = all.filter(([, { score }]) => score >= fp32 * (1 - keeps))
  if (kept.length > 0) return kept.sort(([, a], [, b]) => a.bytes - b.bytes)[0]
  return all.sort(([, a], [, b]) => b.score - a.score)[0]
}

const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`)
const sum = (values) => values.reduce((total, value) => total + value, 0)

/** Prints the table; a row is ok where `balanced` keeps the score and is no larger than the best Python setting that does. */
export async function scorePresets(tasks, { engines, wanted = presets, prefer = 'balanced' }) {
  const converter = createConverter({
    root,
    cacheDir: join(root, 'node_modules/.cache/unplugin-onnx'),
    limits: { conversionSeconds: 1800 },
  })
  const rows = []
  console.log(
    '| model | engine | accuracy | recipe | score | source | size | brotli | time | Python tools | their score | their size | |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|---|---|---|---|')
  for (const { entry, graphs, score } of tasks) {
    for (const engine of engines) {
      const sources = await open(
        graphs.map(({ file }) => [readFileSync(file), file]),
        engine,
      )
      const source = await score(sources)
      await close(sources)
      for (const accuracy of wanted) {
        const row = { model: entry.name, engine, accuracy, source, n: entry.n_test }
        try {
          const variants = []
          const ratios = []
          for (const { file, calibration } of graphs) {
            const options = { targets: [engine], calibration, accuracy, prefer }
            const { manifest, dir } = await converter.convert(file, options)
            const [variant] = manifest.variants
            const read = (name) => readFileSync(join(dir, name))
            const shards = variant.shards?.map((shard) => ({ path: shard.path, data: read(shard.file) }))
            variants.push({ ...variant, data: read(variant.file), shards })
            const { candidates } = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8'))
            ratios.push(candidates.find(({ chosen }) => chosen)?.latency?.ratio)
          }
          row.recipe = [...new Set(variants.map(({ recipe }) => recipe))].join(', ')
          row.bytes = sum(variants.map(({ bytes }) => bytes))
          row.brotli = sum(variants.map(({ brotliBytes }) => brotliBytes))
          row.ratio = Math.max(...ratios)
          const sessions = await open(
            variants.map(({ data, session, shards }) => [data, undefined, session, shards]),
            engine,
          )
          row.score = await score(sessions)
          await close(sessions)
        } catch (error) {
          row.error = error.message.split('\n')[0].slice(0, 200)
        }
        const [name, peer] = bestPeer(entry) ?? []
        const kept = row.score >= source * (1 - keeps) - 1e-9
        const peerKeeps = peer !== undefined && peer.score >= entry.fp32 * (1 - keeps)
        const small = peer === undefined || !peerKeeps || row.bytes <= peer.bytes
        row.ok = row.error === undefined && (accuracy !== 'balanced' || (kept && small))
        rows.push({ ...row, peer: peer && { name, ...peer } })
        const verdict = row.error ?? (row.ok ? 'ok' : kept ? 'larger' : 'less exact')
        console.log(
          `| ${entry.name} | ${engine} | ${accuracy} | ${row.recipe ?? '-'} | ${row.score?.toFixed(4) ?? '-'} | ${source.toFixed(4)} | ${row.bytes ? size(row.bytes) : '-'} | ${row.brotli ? size(row.brotli) : '-'} | ${row.ratio?.toFixed(2) ?? '-'} | ${name ?? '-'} | ${peer?.score.toFixed(4) ?? '-'} | ${peer ? size(peer.bytes) : '-'} | ${verdict} |`,
        )
      }
    }
  }
  await converter.close()
  return rows
}

const open = (models, engine) =>
  Promise.all(
    models.map(([bytes, file, session, shards]) => openModel(bytes, engine, { file, session, shards })),
  )
const close = (sessions) => Promise.all(sessions.map((session) => session.close()))
