/** How worker processes come to an end before their task does. */
import { WorkerDied } from './worker-died'

/** What a worker's watching thread has to know. */
export interface Watched {
  /** Bytes that the process may have in memory. */
  readonly maxBytes: number
  /** Id of the process that started it. */
  readonly parent: number
}

/** What a process that has too much in memory ends itself with: nothing else sends it. Windows knows few signals. */
export const overMemory: NodeJS.Signals = process.platform === 'win32' ? 'SIGTERM' : 'SIGUSR2'

/** What is known of a worker's death: workerpool's error, and what the process printed before. */
export interface Death {
  readonly cause: unknown
  readonly printed: string
}

/** @param limits of the pool, for the message */
export function deathOf(
  { cause, printed }: Death,
  limits: { readonly conversionSeconds: number; readonly workerMemory: number },
): WorkerDied {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new WorkerDied(
      `it took longer than ${limits.conversionSeconds} s (limits.conversionSeconds)`,
      'time',
    )
  const signal = /signalCode: `(SIG\w+)`/.exec(message)?.[1]
  if (signal === overMemory)
    return new WorkerDied(
      `it took more than ${megabytes(limits.workerMemory)} of memory (limits.workerMemory)`,
      'memory',
    )
  // V8 and C++ say why they give up; a memory limit is the usual reason.
  const last = /(?:FATAL ERROR|what\(\)): .*/.exec(printed)?.[0]
  if (last !== undefined)
    return new WorkerDied(
      `its process ended with ${last}`,
      /memory|heap|bad_alloc/i.test(last) ? 'memory' : 'crashed',
    )
  if (signal !== undefined)
    return new WorkerDied(`its process was ended by ${signal}`, outsiders.has(signal) ? 'killed' : 'crashed')
  const code = /exitCode: `(\d+)`/.exec(message)?.[1]
  if (code !== undefined) return new WorkerDied(`its process ended with code ${code}`, 'crashed')
  // workerpool hands a task to a process of which it hasn't heard yet that it is gone.
  if (/^Worker(?:pool Worker error| is terminated)/.test(message))
    return new WorkerDied('its process was gone', 'killed')
  return new WorkerDied(message.split('\n')[0] ?? message, 'gave up')
}

/** Signals that a process gets from others only. */
const outsiders: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'])

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`
