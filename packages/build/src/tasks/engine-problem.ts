import { workerEmit } from 'workerpool'
import { engineMessage, hasAborted, isOfDisk } from '../errors'
import type { TaskEvent } from './task'

export const emit = (event: TaskEvent): void => workerEmit(event)

/**
 * onnxruntime's message, short enough for a sentence. An aborted WebAssembly instance is of no more use to anyone: the
 * process says so and ends, and the pool starts another.
 * @throws what is none of the engine's: a disk that is full says nothing about a model
 */
export async function engineProblem(cause: unknown): Promise<string> {
  if (isOfDisk(cause)) throw cause
  const short = engineMessage(cause)
  if (hasAborted(cause)) {
    emit({ kind: 'crash', reason: `onnxruntime-web aborted: ${short}` })
    // Never answers: an answer would free the process for a task that dies with it.
    await new Promise(() => setTimeout(() => process.exit(70), 50))
  }
  return short
}
