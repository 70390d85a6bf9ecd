/** Lets faults happen to builds, and looks at what the next build makes of it. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  commandOf,
  createApp,
  differences,
  entriesOf,
  entryFolders,
  jobs,
  leftoversOf,
  otherCommand,
  outputOf,
  remove,
} from './app.mjs'
import { kinds } from './kinds.mjs'
import { orphans, start } from './process.mjs'

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * @typedef {{ kind: string, runs: number, kills: number, recovered: number, wrong: number, lost: number, hung: number,
 *   others: number }} Row others: messages that don't say what happened, and what was left behind
 */

/**
 * @param {{ seed: number, runs: (kind: import('./kinds.mjs').Kind) => number, atATime?: number,
 *   told?: (text: string) => void, done?: (row: Row) => void }} options runs: how often a kind happens; told: is handed
 *   each problem; done: is handed each row when it is whole
 * @returns {Promise<readonly Row[]>}
 */
export async function runFaults({ seed, runs, atATime = 2, told = () => {}, done = () => {} }) {
  const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-faults-'))
  const clean = createClean(scratch)
  const rows = new Map(kinds.map((kind) => [kind, emptyRow(kind.name)]))
  const all = kinds.flatMap((kind, order) =>
    Array.from({ length: runs(kind) }, (_, count) => ({ kind, id: `${order + 1}.${count + 1}` })),
  )
  try {
    // One after the other: moments are chosen in the time that a job takes on a quiet machine.
    for (const job of new Set(all.map(({ kind }) => kind.job))) await clean.of(job)
    const next = all.values()
    const work = async () => {
      for (const { kind, id } of next) {
        const row = rows.get(kind)
        const t = await strike(kind, id, join(scratch, id), clean, randomFrom(seed + Number(id) * 1009))
        row.runs++
        row.kills += t.kills
        for (const { what, text } of t.problems) {
          row[what === 'message' || what === 'left' ? 'others' : what]++
          told(`${kind.name}, run ${id}: ${what}: ${text}`)
        }
        if (!t.problems.some(({ what }) => what !== 'message' && what !== 'left')) row.recovered++
        if (row.runs === runs(kind)) done(row)
      }
    }
    await Promise.all(Array.from({ length: atATime }, work))
  } finally {
    remove(scratch)
  }
  return [...rows.values()].filter((row) => row.runs > 0)
}

const emptyRow = (kind) => ({ kind, runs: 0, kills: 0, recovered: 0, wrong: 0, lost: 0, hung: 0, others: 0 })

/** Builds that nothing happens to, each made once: what others are held against, and how long they take. */
function createClean(scratch) {
  const made = new Map()
  let seed
  /** Has an entry that no app uses, which has to outlive all faults. */
  const seedCache = () => {
    seed ??= (async () => {
      const root = join(scratch, 'others')
      createApp(root, {})
      const end = await start('others', otherCommand, { cwd: root }).ended
      if (end.code !== 0) throw new Error(`the harness can't convert: ${end.output}`)
      return join(root, 'cache')
    })()
    return seed
  }
  const build = async (job, setup, others) => {
    const root = join(scratch, `clean-${made.size}-${job}`)
    createApp(root, { ...setup, ...(others && { cache: await seedCache() }) })
    const { next = job } = jobs[job]
    const run = `clean ${basename(root)}`
    const watched = start(run, commandOf(job, root), { cwd: root })
    if (next !== job) {
      const began = performance.now()
      await watched.said('built')
      if (job === 'dev') await waitForEntries(join(root, 'cache'))
      watched.kill('SIGKILL')
      const seconds = (performance.now() - began) / 1000
      await watched.ended
      return { ...(await cleanOf(next, setup, others)), seconds }
    }
    const end = await watched.ended
    if (end.code !== 0 && setup.model === undefined)
      throw new Error(`${job} fails without any fault: ${end.output}`)
    const { seconds } = end
    const cache = join(root, 'cache')
    return { seconds, cache, output: outputOf(root), entries: entriesOf(cache) }
  }
  const cleanOf = (job, setup = {}, others = true) => {
    const id = JSON.stringify([job, setup.limits, setup.model?.toString('base64'), others])
    if (!made.has(id)) made.set(id, build(job, setup, others))
    return made.get(id)
  }
  return { of: cleanOf, seedCache }
}

/** Those of both models, and the one that no app uses. */
async function waitForEntries(cache) {
  for (let waited = 0; waited < 60_000 && entryFolders(cache).length < 3; waited += 50) await sleep(50)
}

/** One fault, and the build after it. */
async function strike(kind, id, root, clean, random) {
  const { job, setup = {}, others = true } = kind
  const { warm = false, ...own } = setup
  const expected = await clean.of(job, own, others)
  createApp(root, {
    ...own,
    ...(warm ? { cache: expected.cache } : others && { cache: await clean.seedCache() }),
  })
  const problems = []
  const endings = []
  let next
  const t = {
    run: `run ${id}`,
    root,
    random,
    problems,
    kills: 0,
    expectedKeys: entryFolders(expected.cache).map((folder) => basename(folder)),
    seconds: (of) => (of === job ? expected.seconds : 2),
    start: (command) => start(t.run, command, { cwd: root }),
    after: (end) => endings.push(end),
    killed: () => {
      t.kills++
    },
    problem: (what, text) => problems.push({ what, text: text.slice(0, 2000) }),
    expectRight: ({ code, hung, output }) => {
      if (hung) t.problem('hung', 'it did not end')
      else if (code !== 0) t.problem('lost', `it failed: ${output}`)
      else hold('while it happened', true)
    },
    expectMessage: ({ output }, pattern) => {
      if (!pattern.test(output)) t.problem('message', `${pattern} is not in: ${output}`)
    },
    expectNext: (pattern) => {
      next = pattern
    },
  }
  const hold = (when, onlyOutput = false) => {
    for (const [of, wanted, got] of [
      ['output', expected.output, outputOf(root)],
      ...(onlyOutput ? [] : [['cache', expected.entries, entriesOf(join(root, 'cache'))]]),
    ]) {
      const { wrong, lost, more } = differences(wanted, got)
      if (wrong.length > 0) t.problem('wrong', `${of} ${when}: ${wrong.join(', ')}`)
      if (lost.length > 0) t.problem('lost', `${of} ${when}: ${lost.join(', ')}`)
      // What a watcher made of another model stays, as it does with the bundler's own files.
      if (more.length > 0 && job !== 'watch') t.problem('left', `${of} ${when}: ${more.join(', ')}`)
    }
  }
  try {
    await kind.fault(t)
    const stopped = kind.name.includes('SIGSTOP')
    if (!stopped) {
      const left = await orphans(t.run)
      if (left.length > 0) t.problem('hung', `${left.length} processes live on`)
    }
    const end = await start(`next ${id}`, commandOf(jobs[job].next ?? job, root), { cwd: root }).ended
    if (end.hung) t.problem('hung', `the next build did not end: ${end.output}`)
    else if (end.code !== 0 && own.model === undefined)
      t.problem('lost', `the next build failed: ${end.output}`)
    else hold('of the next build')
    if (next !== undefined) t.expectMessage(end, next)
    if (stopped) for (const ending of endings.splice(0)) await ending()
    if (!stopped) {
      const left = leftoversOf(root)
      if (left.length > 0) t.problem('left', left.join(', '))
    }
  } catch (error) {
    t.problem('lost', `the harness failed: ${error instanceof Error ? error.stack : error}`)
  } finally {
    for (const ending of endings) await ending()
    await orphans(t.run)
    if (t.problems.length === 0 || !process.env.KEEP_FAULTS) remove(root)
  }
  return t
}
