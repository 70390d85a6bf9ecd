/** What the pool's worker processes run. The first argument is how many bytes one may have in memory. */
import { setFlagsFromString } from 'node:v8'
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
import { workFolder } from './tasks/work-folder'
import { write } from './tasks/write'
import type { Watched } from './worker-end'

const workerData: Watched = { maxBytes: Number(process.argv[2]), parent: process.ppid }
new Worker(new URL('./watch.js', import.meta.url), { workerData }).unref()

// V8 compiles a WebAssembly function once more, optimized, as soon as it has run for a fraction of a millisecond: of a whole
// onnxruntime that is seconds, more than most conversions run. Kernels that matter still get there within milliseconds.
setFlagsFromString('--wasm-tiering-budget=50000000')

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
  runSource: answering((model, inspection, engine, calibration, overrides, work) =>
    runSource(model, inspection, engine, calibration, overrides, workFolder(model, work), step),
  ),
  runSamples: answering((model, inspection, engine, calibration, overrides, work) =>
    runSamples(model, inspection, engine, calibration, overrides, workFolder(model, work), step),
  ),
  write: answering((model, request, work, engine) => write(model, request, workFolder(model, work), engine)),
  shard: answering(shard),
  search: answering((model, request, engine, options, classes, samples, work) =>
    search(model, request, engine, options, classes, samples, workFolder(model, work), step),
  ),
  verify: answering((model, file, engine, options, classes, run, work) =>
    verify(file, engine, options, classes, run, workFolder(model, work), step),
  ),
  time: answering((model, file, engine, options, work) =>
    time(file, engine, options, workFolder(model, work)),
  ),
  evaluate: answering((model, inspection, file, evaluation, engine, options, work) =>
    evaluate(model, inspection, file, evaluation, engine, options, workFolder(model, work)),
  ),
  describe: answering((model, variants, engine, samples, work) =>
    describe(model, variants, engine, samples, workFolder(model, work)),
  ),
  compress: answering(compress),
}

worker(tasks)
