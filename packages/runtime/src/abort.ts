/** Settles as the promise does, or at once with the signal's reason when that goes off. */
export function orAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal?.reason)
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop)
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop))
  })
}
