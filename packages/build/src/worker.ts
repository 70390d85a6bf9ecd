/** What the pool's worker processes run. The first argument is how many bytes one may have in memory. */
import { Worker } from 'node:worker_threads'
import { OnnxError } from '@unplugin-onnx/core'
import { worker } from 'workerpool'
import type { Answer } from './pool'
import { compress } from './tasks/compress'
import { describe } from './tasks/describe'
import { emit } from './tasks/engine-problem'
import { evaluate } from './tasks/evaluate'
import { inspect } from './tasks/inspect'
import { runSamples } from './tasks/run-samples'
import { runSource, type Step } from './tasks/run-source'
import { search } from './tasks/search'
import { shard } from './tasks/shard'
import type { Tasks } from './tasks/task'
import { time } from './tasks/time'
import { verify } from './tasks/verify'
import { write } from './tasks/write'
import type { Watched } from './worker-end'

const workerData: Watched = { maxBytes: Number(process.argv[2]), parent: process.ppid }
new Worker(new URL('./watch.js', import.meta.url), { workerData }).unref()

const step: Step = (done, total) => emit({ kind: 'step', done, total })

/** Errors lose their class on the way between processes: OnnxErrors travel as data. */
const answering =
  <A extends unknown[], R>(task: (...args: A) => R | Promise<R>) =>
  async (...args: A): Promise<Answer<R>> => {
    try {
      return { ok: true, value: await task(...args) }
    } catch (cause) {
      if (!(cause instanceof OnnxError)) throw cause
      const { code, problem: message, cure, model, node, tensor } = cause
      return { ok: false, error: { code, message, cure, model, node, tensor } }
    }
  }

const tasks: {
  readonly [K in keyof Tasks]: (...args: Parameters<Tasks[K]>) => Promise<Answer<ReturnType<Tasks[K]>>>
} = {
  inspect: answering(inspect),
  runSource: answering((...args) => runSource(...args, step)),
  runSamples: answering((...args) => runSamples(...args, step)),
  write: answering(write),
  shard: answering(shard),
  search: answering((...args) => search(...args, step)),
  verify: answering((...args) => verify(...args, step)),
  time: answering(time),
  evaluate: answering(evaluate),
  describe: answering(describe),
  compress: answering(compress),
}

worker(tasks)
