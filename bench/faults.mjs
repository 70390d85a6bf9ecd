/**
 * Lets faults happen to real builds, hundreds of times, and prints what came of them: kinds of fault, kills, and whether the
 * next build gave byte for byte what a clean one gives. Exits with 1 where one didn't.
 *
 *   node bench/faults.mjs [--seed NUMBER] [--share NUMBER of the runs] [--only TEXT in a kind's name] [--at-a-time NUMBER]
 */
import { parseArgs } from 'node:util'
import { mounts } from '../test/harness/faults/disk.mjs'
import { runFaults } from '../test/harness/faults/run.mjs'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    share: { type: 'string' },
    only: { type: 'string' },
    'at-a-time': { type: 'string' },
  },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const share = Number(values.share ?? 1)
console.log(
  `seed ${seed}; disks that are small or read-only: ${mounts ? 'tmpfs and bind mounts' : 'ulimit -f and file modes'}\n`,
)

const columns = ['runs', 'kills', 'recovered', 'wrong', 'lost', 'hung', 'others']
console.log(
  '| kind of fault | runs | kills | recovered | wrong bytes | lost | hung | left behind, or not named |',
)
console.log('|---|---|---|---|---|---|---|---|')
const start = performance.now()
const rows = await runFaults({
  seed,
  runs: ({ name, runs }) =>
    values.only === undefined || name.includes(values.only) ? Math.ceil(runs * share) : 0,
  atATime: Number(values['at-a-time'] ?? 2),
  told: (text) => console.error(text),
  done: (row) => console.log(`| ${row.kind} | ${columns.map((column) => row[column]).join(' | ')} |`),
})
const sum = (column) => rows.reduce((total, row) => total + row[column], 0)

console.log(`| **${rows.length} kinds** | ${columns.map(sum).join(' | ')} |`)
console.log(`\n${((performance.now() - start) / 60_000).toFixed(1)} minutes`)

const whole = values.only === undefined && share >= 1
if (['wrong', 'lost', 'hung', 'others'].some((column) => sum(column) > 0)) process.exitCode = 1
if (whole && (sum('kills') < 200 || rows.length < 20)) process.exitCode = 1
