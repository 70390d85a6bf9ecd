import { hostname } from 'node:os'
import { sha256 } from './hash'

/** Process ids mean something on their own machine only, and caches may lie on a shared disk. */
export const machine = sha256(hostname()).slice(0, 8)

/** What a process left behind on another machine is given up after so many milliseconds. */
export const staleFolder = 24 * 3600_000

/** Whether a process of this machine runs. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}
