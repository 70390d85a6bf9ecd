import { limiter } from '../limit'
import { describe } from '../tasks/describe'
import { runSource, type Step } from '../tasks/run-source'
import { search } from '../tasks/search'
import type { ModelFile, TaskRunner, Tasks } from '../tasks/task'
import { time } from '../tasks/time'
import { verify } from '../tasks/verify'
import { write } from '../tasks/write'
import type { WorkInMemory } from './work-in-memory'

type Runs = {
  readonly [K in keyof Tasks]?: (
    args: Parameters<Tasks[K]>,
    step: Step,
  ) => ReturnType<Tasks[K]> | Promise<ReturnType<Tasks[K]>>
}

/** Runs tasks where it is called, one after the other: a worker of a page has one engine, and times are taken alone. */
export function runInMemory(work: WorkInMemory, model: ModelFile): TaskRunner {
  const oneByOne = limiter(1)
  const runs: Runs = {
    runSource: ([file, inspection, engine, calibration, overrides], step) =>
      runSource(file, inspection, engine, calibration, overrides, work, step),
    write: ([file, request, , engine]) => write(file, request, work, engine),
    search: ([file, request, engine, options, classes, samples], step) =>
      search(file, request, engine, options, classes, samples, work, step),
    verify: ([, file, engine, options, classes, run], step) =>
      verify(file, engine, options, classes, run, work, step),
    time: ([, file, engine, options]) => time(file, engine, options, work),
    describe: ([file, variants, engine, samples]) => describe(file, variants, engine, samples, work),
    // Browsers have no brotli to write with: sizes are those of the files.
    compress([files]) {
      const bytes = files.reduce(
        (sum, file) => sum + (file === model.path ? model.bytes : (work.files.get(file)?.length ?? 0)),
        0,
      )
      return { bytes, brotliBytes: bytes }
    },
  }
  return {
    limits: { conversionSeconds: Number.POSITIVE_INFINITY, workerMemory: Number.POSITIVE_INFINITY },
    exec: (task, args, onEvent) =>
      oneByOne(async () => {
        const run = runs[task]
        if (run === undefined) throw new Error(`a page does not do this: ${task}`)
        return run(args, (done, total) => onEvent?.({ kind: 'step', done, total }))
      }),
  }
}
