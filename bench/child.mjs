/** Runs a command in a process of its own and says how long it took and how much memory it had at most. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const cli = join(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')

/**
 * The peak is what the kernel says (VmHWM), read until the process ends: everything counts, engine and buffers included.
 * @returns {Promise<{ seconds: number, peak: number, code: number | null, output: string }>} peak in MB
 */
export function measured(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output = (output + chunk).slice(-20_000)
    })
    child.stderr.on('data', (chunk) => {
      output = (output + chunk).slice(-20_000)
    })
    let peak = 0
    const look = setInterval(() => {
      try {
        const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
        if (found) peak = Number(found[1]) / 1024
      } catch {
        // It has just ended, or this isn't Linux.
      }
    }, 10)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(look)
      resolve({ seconds: (performance.now() - start) / 1000, peak, code, output })
    })
  })
}
