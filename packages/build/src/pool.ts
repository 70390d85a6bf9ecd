import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { OnnxError, type OnnxErrorOptions } from '@unplugin-onnx/core/catalog'
import type { Pool } from 'workerpool'
import { limiter } from './limit'
import type { TaskEvent, TaskRunner, Tasks } from './tasks/task'
import { WorkerDied } from './worker-died'

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
  /** Milliseconds that one task may take before its process is killed. Default: 5 minutes. */
  readonly timeout?: number | undefined
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
  readonly #timeout: number
  /** Tasks wait here and not in workerpool, whose queue stands still when a worker with others behind it dies. */
  readonly #slot: ReturnType<typeof limiter>
  #pool: Promise<Pool> | undefined
  #running = 0
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor({ size, timeout }: PoolOptions) {
    this.#size = Math.max(1, size ?? Math.min(2, availableParallelism()))
    this.#timeout = timeout ?? 300_000
    this.#slot = limiter(this.#size)
  }

  /**
   * Runs a task in a worker process.
   * @throws OnnxError as the task threw it, WorkerDied, PoolClosed
   */
  async exec<K extends keyof Tasks>(
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
        return pool
          .exec(task, args, {
            on: (event: TaskEvent | Printed) => {
              if ('kind' in event) {
                if (event.kind === 'crash') lastWords = event.reason
                onEvent?.(event)
              } else printed = `${printed}${event.stderr ?? ''}`.slice(-2000)
            },
          })
          .timeout(this.#timeout)
      })
      if (lastWords !== undefined) throw new WorkerDied(lastWords)
      if (answer.ok) return answer.value
      throw new OnnxError(answer.error)
    } catch (cause) {
      if (cause instanceof OnnxError || cause instanceof WorkerDied || cause instanceof PoolClosed)
        throw cause
      if (this.#closed) throw new PoolClosed()
      throw new WorkerDied(lastWords ?? deathOf(cause, this.#timeout, printed))
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

function deathOf(cause: unknown, timeout: number, printed: string): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return `it took longer than ${timeout / 1000} s`
  // V8 and C++ say why they give up; a memory limit is the usual reason.
  const last = /(?:FATAL ERROR|what\(\)): .*/.exec(printed)?.[0]
  if (last !== undefined) return `its process ended with ${last}`
  const signal = /signalCode: `(SIG\w+)`/.exec(message)?.[1]
  const code = /exitCode: `(\d+)`/.exec(message)?.[1]
  if (signal !== undefined) return `its process was ended by ${signal}`
  if (code !== undefined) return `its process ended with code ${code}`
  return message.split('\n')[0] ?? message
}
