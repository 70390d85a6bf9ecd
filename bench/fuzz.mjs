/**
 * Fuzzes every reader of what comes from elsewhere: inputs are changed at random, and those that reach code, or reach it more often, than
 * any before are changed further. Says of each target how many inputs were tried and what was found, and ends with 1 where one gives an error
 * that is none of ours, takes more than a second of the processor, or more memory than it may; it then lies in bench/fuzz/findings, and from
 * when it is mended in test/fixtures/findings.
 *
 * node bench/fuzz.mjs [--runs 1000000] [--seed 1] [--target model,npz] [--folder DIR] [--fresh] [--no-corpus]
 *   --folder     where findings and inputs of interest lie, in place of bench/fuzz
 *   --fresh      begins without the inputs that runs before found to be of interest
 *   --no-corpus  begins without the models of the ONNX operator corpus
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildTargets } from './fuzz/build.mjs'
import { forget, fuzzTarget } from './fuzz/run.mjs'
import { corpusSeeds } from './fuzz/seeds.mjs'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    folder: { type: 'string', default: join(import.meta.dirname, 'fuzz') },
    fresh: { type: 'boolean', default: false },
    corpus: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const { folder } = values
if (values.fresh) forget(folder)
const build = await buildTargets()
globalThis.__edges = new Uint8Array(build.edges)
const { targets, bounds } = await import(build.file)
const names = values.target?.split(',') ?? Object.keys(targets)
for (const name of names)
  if (!Object.hasOwn(targets, name)) throw new Error(`There is no target ${name}: ${Object.keys(targets)}`)
const shares = names.reduce((sum, name) => sum + targets[name].share, 0)

const rows = []
for (const name of names) {
  const target = targets[name]
  const row = await fuzzTarget({
    ...{ name, target, build, bounds, folder, seed: Number(values.seed) },
    seeds: [...target.seeds, ...(target.models && values.corpus ? corpusSeeds() : [])],
    runs: Math.ceil((Number(values.runs) * target.share) / shares),
  })
  rows.push(row)
  print(row)
}
const sum = (key) => rows.reduce((total, row) => total + row[key], 0)
const found = rows.flatMap((row) => row.found)
const verdict = found.length === 0 ? 'nothing found' : `${found.length} found`
console.log(`${count(sum('executions'))} executions in ${Math.round(sum('seconds'))} s: ${verdict}`)
for (const { name, what, file } of found) console.log(`  ${name}: ${what}\n    ${file}`)
if (found.length > 0 || sum('executions') < Number(values.runs)) process.exitCode = 1

function print({ name, executions, seconds, reached = 0, features = 0, inputs = 0, grown = 0, found }) {
  const cells = [
    name.padEnd(10),
    `${count(executions).padStart(9)} executions`,
    `${count(Math.round(executions / seconds)).padStart(7)}/s`,
    `${count(reached).padStart(6)} branches`,
    `${count(features).padStart(6)} features`,
    `${count(inputs).padStart(6)} inputs (${grown} new)`,
    found.length === 0 ? 'nothing found' : `${found.length} found`,
  ]
  console.log(cells.join('  '))
}

function count(number) {
  return number.toLocaleString('en')
}
