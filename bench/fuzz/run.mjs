import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Bytes of an input at most. Hardly anything needs more, and short ones are fast. */
const maxLength = 4096
/** Seconds without an execution, after which one hangs. */
const patience = 30
/** Bytes that one target may hold in all. */
const heap = 1024

/**
 * Runs one target in a thread of its own, from its seeds and what was found to be of interest in runs before.
 * @returns what it came to, and each kind of finding once; its input lies in `findings`
 */
export async function fuzzTarget({ name, target, seeds, runs, seed, build, bounds, folder }) {
  const corpus = join(folder, '.corpus', name)
  const findings = join(folder, 'findings')
  mkdirSync(corpus, { recursive: true })
  const kept = readdirSync(corpus)
    .sort()
    .map((file) => readFileSync(join(corpus, file)))
  const shared = new SharedArrayBuffer(8 + maxLength)
  const state = new Int32Array(shared, 0, 2)
  const found = []
  const keep = (what, stack, bytes) => {
    mkdirSync(findings, { recursive: true })
    const file = join(findings, `${name}-${hashOf(bytes)}`)
    writeFileSync(file, bytes)
    writeFileSync(`${file}.txt`, `${what}\n${stack}\n`)
    found.push({ name, what, file })
  }
  const began = performance.now()
  const summary = await new Promise((done, fail) => {
    const worker = new Worker(new URL('./loop.mjs', import.meta.url), {
      workerData: {
        ...{ name, file: build.file, edges: build.edges, runs, seed, maxLength, bounds, shared },
        inputs: [...seeds, ...kept].map((bytes) => Uint8Array.from(bytes.subarray(0, maxLength))),
      },
      resourceLimits: { maxOldGenerationSizeMb: heap },
    })
    let summary
    let before = -1
    let quiet = 0
    const watch = setInterval(() => {
      quiet = state[0] === before ? quiet + 1 : 0
      before = state[0]
      if (quiet < patience) return
      keep(`it hangs for ${patience} s`, '', inputIn(shared))
      worker.terminate()
    }, 1000)
    worker.on('message', (message) => {
      if ('finding' in message) keep(message.finding.what, message.finding.stack, message.finding.bytes)
      else if ('input' in message) writeFileSync(join(corpus, hashOf(message.input)), message.input)
      else summary = message.done
    })
    worker.on('error', (error) => {
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return fail(error)
      keep(`the heap is larger than ${heap} MiB`, '', inputIn(shared))
    })
    worker.on('exit', () => {
      clearInterval(watch)
      done(summary)
    })
  })
  const seconds = (performance.now() - began) / 1000
  return { name, share: target.share, executions: state[0], seconds, found, ...summary }
}

/** Forgets what was found to be of interest. */
export const forget = (folder) => rmSync(join(folder, '.corpus'), { recursive: true, force: true })

const inputIn = (shared) => Uint8Array.from(new Uint8Array(shared, 8, new Int32Array(shared, 0, 2)[1]))
const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16)
