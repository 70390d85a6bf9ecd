/** Faults that strike real builds, and the build after each; bench/faults.mjs does the same hundreds of times. */
import { expect, it } from 'vitest'
import { runFaults } from './harness/faults/run.mjs'

/** Those that take long are left to the bench: full bundlers, and waits for what stands still. */
const struck: Readonly<Record<string, number>> = {
  'SIGKILL of rollup build': 2,
  'SIGKILL of convert': 3,
  'SIGKILL of transform': 1,
  'SIGKILL of one worker': 1,
  'SIGKILL of cache prune --all': 1,
  'two builds of one app at once': 1,
  'a full disk, at the cache': 2,
  'a full disk, at the output': 1,
  'a cache folder that is read-only': 1,
  'a cache folder that is a file': 1,
  'a file of an entry cut short': 1,
  'a bit of an entry flipped': 1,
  'a file of an entry missing': 1,
  'entries swapped with each other': 1,
  'a manifest of another version': 1,
  'what is known of models swapped, or zeroed': 1,
  'what processes left that are gone: locks, work, uses, temporary files': 1,
}

it('are survived: the next build gives what a clean one gives, and says what happened', async () => {
  const seed = Date.now() % 1_000_000
  const problems: string[] = []
  const rows = await runFaults({
    seed,
    runs: ({ name }) => struck[name] ?? 0,
    told: (text) => problems.push(text),
  })
  expect(problems, `seed ${seed}`).toEqual([])
  expect(Object.fromEntries(rows.map(({ kind, runs }) => [kind, runs]))).toEqual(struck)
  expect(rows.map(({ recovered }) => recovered)).toEqual(rows.map(({ runs }) => runs))
}, 400_000)
