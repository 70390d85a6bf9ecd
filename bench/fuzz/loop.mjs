/**
 * A worker thread that fuzzes one target. What it is at is in shared memory, so that who watches it knows on what it hangs.
 *
 * Jazzer.js would do the same with libFuzzer. But the binary of its version 4 wants a glibc (2.38) that Debian 12 has not, and version 2
 * fetches its own from outside of the registry.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { generator, mutated } from './mutate.mjs'

const { name, file, edges, runs, seed, inputs, maxLength, bounds, shared } = workerData
const hits = new Uint8Array(edges)
globalThis.__edges = hits
const { targets } = await import(file)
const { fuzz } = targets[name]
const random = generator(seed)

/** Executions so far, then the length of the input, then the input. */
const state = new Int32Array(shared, 0, 2)
const current = new Uint8Array(shared, 8)

/** For each edge, which orders of magnitude its count had so far. */
const seen = new Uint8Array(edges)
const magnitude = Uint8Array.from({ length: 256 }, (_, count) =>
  count === 0 ? 0 : 1 << Math.min(7, Math.floor(Math.log2(count))),
)
const corpus = []
let features = 0
const found = new Set()

/** Whether the execution did something that none did before. */
function isNew() {
  let fresh = false
  for (let edge = 0; edge < edges; edge++) {
    const count = hits[edge]
    if (count === 0) continue
    const bit = magnitude[count]
    if ((seen[edge] & bit) !== 0) continue
    seen[edge] |= bit
    features++
    fresh = true
  }
  return fresh
}

const memory = () => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

async function execute(bytes) {
  hits.fill(0)
  current.set(bytes)
  state[1] = bytes.length
  state[0]++
  const before = memory()
  const began = performance.now()
  try {
    const done = fuzz(bytes)
    if (done !== undefined) await done
    if (performance.now() - began > bounds.seconds * 1000) await timed(bytes)
    // Garbage of before may go meanwhile, but none can come.
    const taken = memory() - before
    if (taken > bounds.bytes) throw new Error(`it took ${Math.round(taken / 2 ** 20)} MiB`)
  } catch (error) {
    tell(error, bytes)
  }
}

/** Time is the processor's, and the least of three: what others do on the machine is nobody's fault. */
async function timed(bytes) {
  let least = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3; tries++) {
    const start = process.cpuUsage()
    try {
      await fuzz(bytes)
    } catch {
      // It is told as itself.
    }
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, (user + system) / 1e6)
  }
  if (least > bounds.seconds) throw new Error(`it took ${least.toFixed(1)} s`)
}

/** Each kind of finding once: the same message from the same place is the same. */
function tell(error, bytes) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const place = stack.split('\n').find((line) => line.includes('.build')) ?? ''
  const kind = `${text.replace(/\d+|"[^"]*"/g, '#')} ${place}`
  if (found.has(kind)) return
  found.add(kind)
  parentPort.postMessage({ finding: { what: text, stack, bytes } })
}

// What nobody waits for fails here: with the input that is at work, or one right before it.
process.on('uncaughtException', (error) => tell(error, current.slice(0, state[1])))
process.on('unhandledRejection', (error) => tell(error, current.slice(0, state[1])))

for (const bytes of inputs) {
  if (state[0] >= runs) break
  await execute(bytes)
  if (isNew() || corpus.length === 0) corpus.push(bytes)
}
const begun = corpus.length
while (state[0] < runs) {
  // Half of the time one of the newest: what they reach is explored the least.
  const newest = Math.max(1, corpus.length >> 3)
  const index = random(2) === 0 ? corpus.length - 1 - random(newest) : random(corpus.length)
  const bytes = mutated(corpus[index], corpus[random(corpus.length)], random, maxLength)
  await execute(bytes)
  if (isNew()) {
    corpus.push(bytes)
    parentPort.postMessage({ input: bytes })
  }
}
const reached = seen.reduce((count, bits) => count + (bits === 0 ? 0 : 1), 0)
parentPort.postMessage({ done: { reached, features, inputs: corpus.length, grown: corpus.length - begun } })
