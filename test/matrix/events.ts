/** What happens now and then, to be waited for once each. */
export function eventQueue<T>() {
  const happened: Promise<T>[] = []
  const waiting: { resolve(event: T | Promise<T>): void }[] = []
  const give = (event: Promise<T>) => {
    // Whoever waits hears of a failure; nobody else has to.
    event.catch(() => {})
    const next = waiting.shift()
    if (next) next.resolve(event)
    else happened.push(event)
  }
  return {
    push: (event: T) => give(Promise.resolve(event)),
    fail: (error: unknown) => give(Promise.reject(error)),
    next: (): Promise<T> => happened.shift() ?? new Promise((resolve) => waiting.push({ resolve })),
  }
}
