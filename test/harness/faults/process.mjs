/** Processes that are watched: what they print, when they end, and whether anything of theirs lives on. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** In the environment of every process of a run, so that its descendants are known whoever their parent is by now. */
const mark = 'UNPLUGIN_ONNX_FAULT_RUN'

/**
 * @typedef {{ pid: number, output: () => string, said: (text: string) => Promise<void>, kill: (signal: NodeJS.Signals) => void,
 *   ended: Promise<{ code: number | null, signal: NodeJS.Signals | null, output: string, seconds: number, hung: boolean }> }} Started
 */

/**
 * Starts a command; what hasn't ended after so many seconds has hung, and is killed.
 * @param {string} run names the run that it belongs to
 * @param {readonly string[]} command
 * @param {{ cwd?: string, patience?: number }} [options]
 * @returns {Started}
 */
export function start(run, [file, ...args], { cwd, patience = 90 } = {}) {
  const began = performance.now()
  const child = spawn(file, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_PATH: '', NODE_ENV: '', FORCE_COLOR: '0', [mark]: run },
  })
  let output = ''
  const waiting = new Set()
  const hear = (chunk) => {
    output += chunk
    for (const look of waiting) look()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  let hung = false
  const timer = setTimeout(() => {
    hung = true
    killAll(run)
  }, patience * 1000)
  const ended = new Promise((resolve) =>
    // 'close' would wait for whoever has the pipes: a worker that lives on is to be found, and not waited for.
    child.once('exit', async (code, signal) => {
      clearTimeout(timer)
      await sleep(20)
      for (const look of waiting) look(true)
      resolve({ code, signal, output, seconds: (performance.now() - began) / 1000, hung })
    }),
  )
  return {
    pid: child.pid,
    output: () => output,
    kill: (signal) => child.kill(signal),
    ended,
    /** Resolves when it has printed this, or has ended. */
    said: (text) =>
      new Promise((resolve) => {
        const look = (over = false) => {
          if (!over && !output.includes(text)) return
          waiting.delete(look)
          resolve(undefined)
        }
        waiting.add(look)
        look(child.exitCode !== null || child.signalCode !== null)
      }),
  }
}

/** Ids of the processes of a run that live, by what they run. */
export function living(run, pattern = /./) {
  const found = []
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${mark}=${run}\0`)) continue
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) continue
      if (pattern.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))) found.push(Number(pid))
    } catch {
      // It has just ended.
    }
  }
  return found
}

/** Worker processes of a run. */
export const workers = (run) => living(run, /dist\/worker\.js/)

export function killAll(run) {
  for (const pid of living(run)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }
}

/** What still lives of a run after a while; workers look every 50 ms whether anybody waits for them. */
export async function orphans(run) {
  for (let waited = 0; waited < 30_000 && living(run).length > 0; waited += 50) await sleep(50)
  const left = living(run)
  killAll(run)
  return left
}
