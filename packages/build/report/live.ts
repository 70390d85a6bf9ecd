import type { ReportData } from '../src/report/data'

const interval = 1000

/**
 * Asks a dev server again and again for what was converted meanwhile. Asking, not a stream: it outlives restarts of the
 * server, and holds no connection that would keep it from closing.
 * @param onState whether the server answers
 */
export function follow(
  url: string,
  onReports: (reports: readonly ReportData[]) => void,
  onState: (alive: boolean) => void,
): void {
  let tag: string | null = null
  const ask = async () => {
    try {
      const response = await fetch(url, {
        headers: tag === null ? {} : { 'if-none-match': tag },
        cache: 'no-store',
      })
      if (response.status === 200) {
        tag = response.headers.get('etag')
        onReports((await response.json()) as ReportData[])
      }
      onState(response.status === 200 || response.status === 304)
    } catch {
      onState(false)
    }
  }
  const tick = async () => {
    if (!document.hidden) await ask()
    setTimeout(tick, interval)
  }
  void tick()
}
