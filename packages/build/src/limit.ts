/** Runs at most `count` of the given actions at a time; the rest wait in order. */
export function limiter(count: number): <T>(action: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (action) => {
    if (running >= count) await new Promise<void>((resume) => waiting.push(resume))
    else running++
    try {
      return await action()
    } finally {
      // The place is handed on rather than freed, so that no newcomer overtakes the queue.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
