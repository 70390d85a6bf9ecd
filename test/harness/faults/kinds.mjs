/**
 * Kinds of fault. `fault` does one to an app; the harness builds once more afterwards, and holds what comes of that against
 * a build that nothing happened to. What a kind sees by itself it tells with `t.problem`.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endless, greedy } from '../hard-models.mjs'
import { commandOf, entryFolders, jobs, pruneCommand, restoreModel, swapModel } from './app.mjs'
import { readOnly, smallDisk } from './disk.mjs'
import { killAll, workers } from './process.mjs'

/**
 * @typedef {{ name: string, job: string, runs: number, kills?: boolean, setup?: object, others?: boolean,
 *   fault: (t: any) => Promise<void> }} Kind runs: of the long run; setup: of the app; others: whether entries that the app
 *   doesn't use have to be there afterwards
 */

/** Kills what a job runs at any moment of the time that it takes. */
const killed = (job, signal, runs) => ({
  name: `${signal} of ${jobs[job].title}`,
  job,
  runs,
  kills: true,
  async fault(t) {
    const process = t.start(commandOf(job, t.root))
    let changed = false
    // A watcher that has built is given something to build.
    const changes =
      job === 'watch' &&
      process.said('built').then(() => {
        changed = true
        swapModel(t.root)
      })
    const moment = t.random() * t.seconds(job) * 1000
    await Promise.race([sleep(moment), process.ended])
    process.kill(signal)
    const end = await process.ended
    if (end.hung) t.problem('hung', `it did not end of ${signal}`)
    if (end.code !== 0) t.killed()
    await changes
    if (changed) restoreModel(t.root)
  },
})

/** Lets a job end, which has to be right whatever is done to its workers. */
const workersStruck = (name, signal, runs, times, endsRight) => ({
  name,
  job: 'convert',
  runs,
  kills: true,
  async fault(t) {
    const process = t.start(commandOf('convert', t.root))
    let over = false
    process.ended.then(() => {
      over = true
    })
    await Promise.race([sleep(t.random() * t.seconds('convert') * 1000), process.ended])
    for (let struck = 0; struck < times && !over; ) {
      const found = workers(t.run)
      const pid = found[Math.floor(t.random() * found.length)]
      if (pid === undefined) await sleep(5)
      else {
        try {
          globalThis.process.kill(pid, signal)
          if (struck++ === 0) t.killed()
        } catch {
          // It has just ended.
        }
        await sleep(20)
      }
    }
    const end = await process.ended
    if (endsRight) t.expectRight(end)
    else if (end.code !== 0) t.expectMessage(end, new RegExp(signal))
  },
})

const full = /ENOSPC|EFBIG|no space left/i
const cacheFull = /(?:ENOSPC|EFBIG)[\s\S]*ONNX_NOT_WRITTEN/

/** Builds where there is little room, in one folder of the app. */
const fullDisk = (name, job, folder, least, most, runs, message = full) => ({
  name,
  job,
  runs,
  others: false,
  async fault(t) {
    const disk = smallDisk(join(t.root, folder), least + t.random() * (most - least))
    t.after(disk.end)
    const end = await t.start(disk.limit(commandOf(job, t.root))).ended
    if (end.hung) t.problem('hung', 'it did not end of a full disk')
    if (end.code === 0) t.expectRight(end)
    else t.expectMessage(end, message)
    disk.widen()
  },
})

/** Does something to a warm cache, of which the next build has to know. */
const damaged = (name, damage, { message = /damaged/, runs = 3 } = {}) => ({
  name,
  job: 'rollup',
  runs,
  others: false,
  setup: { warm: true },
  async fault(t) {
    damage(t, entryFolders(join(t.root, 'cache')))
    if (message !== null) t.expectNext(message)
  },
})
const pick = (t, list) => list[Math.floor(t.random() * list.length)]
const fileIn = (t, folders, pattern = /./) =>
  pick(
    t,
    folders.flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => file !== 'report.json' && pattern.test(file))
        .map((file) => join(folder, file)),
    ),
  )
const change = (t, file, edit) => {
  const bytes = readFileSync(file)
  writeFileSync(file, edit(bytes, Math.floor(t.random() * bytes.length)))
}
const sha256 = (text) => createHash('sha256').update(text).digest('hex')
const deadProcess = () => spawnSync('true').pid

const notConverted = (t, end, reason) => {
  t.expectMessage(end, reason)
  if (end.hung) t.problem('hung', 'the conversion was not given up')
  if (!/source/.test(end.output))
    t.problem('message', `the source is not said to be passed on: ${end.output}`)
}

/** @type {readonly Kind[]} */
export const kinds = [
  killed('vite', 'SIGKILL', 18),
  killed('rollup', 'SIGKILL', 34),
  killed('webpack', 'SIGKILL', 14),
  killed('watch', 'SIGKILL', 12),
  killed('dev', 'SIGKILL', 14),
  killed('convert', 'SIGKILL', 70),
  killed('transform', 'SIGKILL', 30),
  killed('rollup', 'SIGTERM', 6),
  killed('rollup', 'SIGINT', 6),
  killed('dev', 'SIGTERM', 4),
  workersStruck('SIGKILL of one worker', 'SIGKILL', 16, 1, true),
  workersStruck('an engine that crashes (SIGSEGV) once', 'SIGSEGV', 8, 1, true),
  workersStruck('SIGKILL of every worker, again and again', 'SIGKILL', 2, 400, false),
  {
    name: 'SIGKILL of cache prune --all',
    job: 'rollup',
    runs: 8,
    kills: true,
    others: false,
    setup: { warm: true },
    async fault(t) {
      const process = t.start(pruneCommand)
      await Promise.race([sleep(t.random() * 400), process.ended])
      process.kill('SIGKILL')
      if ((await process.ended).signal === 'SIGKILL') t.killed()
    },
  },
  {
    name: 'a build that stands still with its lock (SIGSTOP)',
    job: 'rollup',
    runs: 1,
    async fault(t) {
      const process = t.start(commandOf('rollup', t.root))
      await Promise.race([sleep((0.3 + 0.4 * t.random()) * t.seconds('rollup') * 1000), process.ended])
      process.kill('SIGSTOP')
      t.after(async () => {
        killAll(t.run)
        await process.ended
      })
    },
  },
  {
    name: 'two builds of one app at once',
    job: 'rollup',
    runs: 3,
    async fault(t) {
      const both = [t.start(commandOf('rollup', t.root))]
      await sleep(t.random() * 300)
      both.push(t.start(commandOf('rollup', t.root)))
      for (const end of await Promise.all(both.map(({ ended }) => ended))) t.expectRight(end)
    },
  },
  fullDisk('a full disk, at the cache', 'convert', 'cache', 4e3, 6e4, 6, cacheFull),
  fullDisk('a full disk, at the cache of a build', 'rollup', 'cache', 4e3, 6e4, 3),
  fullDisk('a full disk, at the output', 'convert', 'dist', 4e3, 3e4, 4),
  fullDisk('a full disk, at the output of a build', 'vite', 'dist', 4e3, 8e6, 2),
  {
    name: 'a cache folder that is read-only',
    job: 'rollup',
    runs: 2,
    async fault(t) {
      mkdirSync(join(t.root, 'cache'), { recursive: true })
      const writable = readOnly(join(t.root, 'cache'))
      t.after(writable)
      const end = await t.start(commandOf('rollup', t.root)).ended
      t.expectRight(end)
      t.expectMessage(end, /can't be written to \((EROFS|EACCES|EPERM)/)
      writable()
    },
  },
  {
    name: 'a cache folder that is a file',
    job: 'rollup',
    runs: 2,
    others: false,
    async fault(t) {
      const cache = join(t.root, 'cache')
      rmSync(cache, { recursive: true, force: true })
      writeFileSync(cache, 'not a folder')
      const end = await t.start(commandOf('rollup', t.root)).ended
      t.expectRight(end)
      t.expectMessage(end, /can't be written to \((ENOTDIR|EEXIST)/)
      rmSync(cache)
    },
  },
  damaged('a file of an entry cut short', (t, folders) => {
    const file = fileIn(t, folders)
    truncateSync(file, Math.floor(t.random() * readFileSync(file).length))
  }),
  damaged('a bit of an entry flipped', (t, folders) =>
    change(t, fileIn(t, folders), (bytes, at) => {
      bytes[at] ^= 1 << Math.floor(t.random() * 8)
      return bytes
    }),
  ),
  damaged('a file of an entry zeroed', (t, folders) =>
    change(t, fileIn(t, folders), (bytes) => bytes.fill(0)),
  ),
  damaged('a file of an entry missing', (t, folders) => rmSync(fileIn(t, folders))),
  damaged('entries swapped with each other', (_, [first, second]) => {
    renameSync(first, `${first}.other`)
    renameSync(second, first)
    renameSync(`${first}.other`, second)
  }),
  damaged('variants swapped between entries', (t, folders) => {
    const [first, second] = folders.map((folder) => fileIn(t, [folder], /\.onnxv$/))
    const bytes = readFileSync(first)
    copyFileSync(second, first)
    writeFileSync(second, bytes)
  }),
  damaged('a manifest of another version', (t, folders) => {
    const folder = pick(t, folders)
    const text = JSON.stringify({
      ...JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')),
      version: 99,
    })
    writeFileSync(join(folder, 'manifest.json'), text)
    writeFileSync(join(folder, 'manifest.sha256'), sha256(`${basename(folder)}\n${text}`))
  }),
  damaged(
    'what is known of models swapped, or zeroed',
    (t) => {
      const folder = join(t.root, 'cache/v2/models')
      const [first, second] = readdirSync(folder).map((name) => join(folder, name))
      if (t.random() < 0.5) writeFileSync(first, Buffer.alloc(readFileSync(first).length))
      else {
        const text = readFileSync(first)
        copyFileSync(second, first)
        writeFileSync(second, text)
      }
    },
    { message: null },
  ),
  {
    name: 'what processes left that are gone: locks, work, uses, temporary files',
    job: 'convert',
    runs: 2,
    async fault(t) {
      const own = `${sha256(hostname()).slice(0, 8)}-${deadProcess()}-`
      const layout = join(t.root, 'cache/v2')
      for (const folder of ['tmp', 'uses', 'locks']) mkdirSync(join(layout, folder), { recursive: true })
      mkdirSync(join(layout, 'tmp', `${own}0123456789ab`))
      writeFileSync(join(layout, 'tmp', `${own}0123456789ab`, 'half.onnxv'), 'half')
      writeFileSync(join(layout, 'uses', `${own}0123456789ab`), 'a key\n')
      mkdirSync(join(t.root, 'dist/digits_mlp'))
      writeFileSync(join(t.root, `dist/digits_mlp/manifest.json.${own}01234567.tmp`), '{')
      for (const key of t.expectedKeys) {
        mkdirSync(join(layout, 'locks', `${key}.lock`))
        writeFileSync(join(layout, 'locks', `${key}.holder`), own)
      }
    },
  },
  {
    name: 'an engine that hangs',
    job: 'convert',
    runs: 2,
    setup: { model: endless(), limits: { conversionSeconds: 3 } },
    async fault(t) {
      notConverted(t, await t.start(commandOf('convert', t.root)).ended, /longer than 3 s/)
    },
  },
  {
    name: 'an engine that takes all memory',
    job: 'convert',
    runs: 2,
    // 1.6 GB of zeros.
    setup: { model: greedy(4e8), limits: { workerMemory: '700 MB' } },
    async fault(t) {
      notConverted(t, await t.start(commandOf('convert', t.root)).ended, /more than 700 MB of memory/)
    },
  },
  {
    name: 'an engine that gives up: more memory than it can have',
    job: 'convert',
    runs: 2,
    // 40 GB.
    setup: { model: greedy(1e10) },
    async fault(t) {
      notConverted(t, await t.start(commandOf('convert', t.root)).ended, /onnxruntime-web/)
    },
  },
]
