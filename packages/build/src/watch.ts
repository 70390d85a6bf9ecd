/**
 * What watches over a worker process from a thread beside it. Engines compute for minutes without coming back to the event
 * loop, so that the process itself would notice nothing.
 */
import { workerData } from 'node:worker_threads'
import type { Watched } from './worker-end'
import { overMemory } from './worker-end'

const { maxBytes, parent } = workerData as Watched

/** Milliseconds between two looks: memory grows by some hundred MB in this time at most. */
const pause = 50

setInterval(() => {
  if (process.memoryUsage.rss() > maxBytes) process.kill(process.pid, overMemory)
  // Nobody waits for an answer any more. Disconnected from its parent, an idle process ends by itself.
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, pause)
