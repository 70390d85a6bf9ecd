import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { OnnxError, type OnnxErrorOptions } from '@unplugin-onnx/core/catalog'
import type { Pool } from 'workerpool'
import { limiter } from './limit'
import type { TaskEvent, TaskRunner, Tasks } from './tasks/task'
import { WorkerDied } from './worker-died'
import { deathOf } from './worker-end'
import { type WorkerLimits, workerLimits } from './worker-limits'

/** What a worker answers: a result, or an OnnxError as data. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: OnnxErrorOptions }

/** The pool was closed with the task still open. */
export class PoolClosed extends Error {
  override readonly name = 'PoolClosed'
}

export interface PoolOptions {
  /** Worker processes at most. Default: one for each core, at most 2. */
  readonly size?: number | undefined
  /** What one task may take before its process is killed. */
  readonly limits?: WorkerLimits | undefined
}

/** Between builds in watch mode workers are kept for this long; then a process that forgot close() may end. */
const idleMilliseconds = 2_000

/** Built, the worker lies beside this file; run from source, as tests do, it lies in dist. */
const workerFile = [new URL('./worker.js', import.meta.url), new URL('../dist/worker.js', import.meta.url)]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path))

/**
 * A bounded pool of worker processes. Processes, not threads: a native crash in onnxruntime then costs one candidate and not
 * the bundler. They start with the first task and end when there has been none for two seconds.
 */
export class WorkerPool implements TaskRunner {
  readonly #size: number
  readonly limits: Required<WorkerLimits>
  /** Tasks wait here and not in workerpool, whose queue stands still when a worker with others behind it dies. */
  readonly #slot: ReturnType<typeof limiter>
  #pool: Promise<Pool> | undefined
  #running = 0
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor({ size, limits }: PoolOptions) {
    this.#size = Math.max(1, size ?? Math.min(2, availableParallelism()))
    this.limits = workerLimits(limits)
    this.#slot = limiter(this.#size)
  }

  /**
   * Runs a task in a worker process, and once more where that one crashed or was killed: what a candidate is worth must not
   * hang on what happens to a process. Limits are no accident.
   * @throws OnnxError as the task threw it, WorkerDied, PoolClosed
   */
  async exec<K extends keyof Tasks>(
    task: K,
    args: Parameters<Tasks[K]>,
    onEvent?: (event: TaskEvent) => void,
  ): Promise<ReturnType<Tasks[K]>> {
    try {
      return await this.#once(task, args, onEvent)
    } catch (cause) {
      if (!(cause instanceof WorkerDied) || (cause.end !== 'crashed' && cause.end !== 'killed')) throw cause
      return await this.#once(task, args, onEvent)
    }
  }

  async #once<K extends keyof Tasks>(
    task: K,
    args: Parameters<Tasks[K]>,
    onEvent?: (event: TaskEvent) => void,
  ): Promise<ReturnType<Tasks[K]>> {
    if (this.#closed) throw new PoolClosed()
    clearTimeout(this.#idle)
    this.#running++
    let lastWords: string | undefined
    let printed = ''
    try {
      const answer: Answer<ReturnType<Tasks[K]>> = await this.#slot(async () => {
        if (this.#closed) throw new PoolClosed()
        const pool = await this.#open()
        if (this.#closed) throw new PoolClosed()
        const running = pool.exec(task, args, {
          on: (event: TaskEvent | Printed) => {
            if ('kind' in event) {
              if (event.kind === 'crash') lastWords = event.reason
              onEvent?.(event)
            } else printed = `${printed}${event.stderr ?? ''}`.slice(-2000)
          },
        })
        const milliseconds = this.limits.conversionSeconds * 1000
        // Longer is for ever, and a timer that is longer ends at once.
        return milliseconds < 2 ** 31 ? running.timeout(milliseconds) : running
      })
      if (lastWords !== undefined) throw new WorkerDied(lastWords, 'gave up')
      if (answer.ok) return answer.value
      throw new OnnxError(answer.error)
    } catch (cause) {
      if (cause instanceof OnnxError || cause instanceof WorkerDied || cause instanceof PoolClosed)
        throw cause
      if (this.#closed) throw new PoolClosed()
      if (lastWords !== undefined) throw new WorkerDied(lastWords, 'gave up')
      throw deathOf({ cause, printed }, this.limits)
    } finally {
      this.#running--
      if (this.#running === 0 && !this.#closed) {
        this.#idle = setTimeout(() => void this.#terminate(), idleMilliseconds)
      }
    }
  }

  /** Kills all workers, busy or not. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idle)
    await this.#terminate()
  }

  #open(): Promise<Pool> {
    this.#pool ??= import('workerpool').then(({ pool }) =>
      pool(workerFile, {
        workerType: 'process',
        maxWorkers: this.#size,
        workerTerminateTimeout: 500,
        forkArgs: [String(this.limits.workerMemory)],
        forkOpts: { serialization: 'advanced' },
        // onnxruntime prints where it likes, and nobody wants that between a bundler's lines. It is read for last words.
        emitStdStreams: true,
      }),
    )
    return this.#pool
  }

  async #terminate(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await (await pool)?.terminate(true)
  }
}

/** What a worker process wrote to its terminal, as workerpool hands it on. */
interface Printed {
  readonly stdout?: string
  readonly stderr?: string
}
