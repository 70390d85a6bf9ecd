import { type Remote, wrap } from 'comlink'
import { type Answer, type Problem, problemOf } from './answer'
import { errors } from './errors'
import { ownScript } from './trusted'
import type { Api } from './worker'
import workerUrl from './worker?worker&url'

/** What stands in for an answer that never came, because somebody ended the work. */
export const cancelled: Problem = { code: '', message: 'It was cancelled', cure: '' }

/** The worker, and a new one where the last was ended. */
export interface Host {
  /** Asks the worker; where it ends before it answers, the answer is why. */
  ask<T>(question: (api: Remote<Api>) => Promise<Answer<T>>): Promise<Answer<T>>
  /** Ends what the worker is at. The next question finds a new one, which knows nothing of models that were open. */
  restart(problem: Problem): void
}

export function createHost(onStart: (host: Host) => void): Host {
  let worker: Worker
  let api: Remote<Api>
  let end: (problem: Problem) => void
  let ended: Promise<Problem>
  const start = () => {
    const own = new Worker(ownScript(workerUrl), { type: 'module', name: 'models' })
    worker = own
    api = wrap<Api>(own)
    ended = new Promise((resolve) => {
      end = resolve
    })
    own.addEventListener('error', (event) => {
      end(problemOf(errors.failed('', event.message || 'its worker could not be loaded')))
    })
    onStart(host)
  }
  const host: Host = {
    ask: <T>(question: (api: Remote<Api>) => Promise<Answer<T>>) =>
      Promise.race([question(api), ended.then((problem): Answer<T> => ({ ok: false, problem }))]),
    restart(problem) {
      worker.terminate()
      end(problem)
      start()
    },
  }
  start()
  return host
}
