import type { ReportData } from '../src/report/data'

const interval = 1000

/** What a dev server answers: reports only where there are newer ones than those it is told of. */
interface News {
  readonly version: string
  readonly reports?: readonly ReportData[]
}

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
  let known = ''
  const ask = async () => {
    try {
      const response = await fetch(`${url}?since=${encodeURIComponent(known)}`, { cache: 'no-store' })
      const news = (await response.json()) as News
      known = news.version
      if (news.reports !== undefined) onReports(news.reports)
      onState(true)
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
