/** What `npm test` and `npm run demo` share: running a command, and bringing pnpm along. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/**
 * Runs a command and waits for it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, quiet?: boolean, env?: Record<string, string> }} [options] quiet: output only if it fails
 * @returns {number} the exit code
 */
export function run(command, args, { cwd = root, quiet = false, env = {} } = {}) {
  const windows = process.platform === 'win32'
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    shell: windows,
  })
  if (error) throw error
  if (quiet && status !== 0) process.stdout.write(`${stdout}${stderr}`)
  return status ?? 1
}

/** The pinned pnpm, through npx, so that nothing has to be installed by hand. */
export function pnpm(args, options) {
  return run('npx', ['--yes', packageManager, ...args], options)
}

/**
 * One step with a line of its own; a failing one ends the process.
 * @param {string} title
 * @param {() => number} action
 */
export function step(title, action) {
  const start = performance.now()
  process.stdout.write(`\n▸ ${title}\n`)
  const code = action()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (code !== 0) {
    process.stdout.write(`✗ ${title} failed after ${seconds} s\n`)
    process.exit(code)
  }
  process.stdout.write(`✓ ${title} (${seconds} s)\n`)
}

/** Dependencies and the four packages, from a bare clone. */
export function installAndBuild() {
  step('Install dependencies', () =>
    pnpm(['install', '--frozen-lockfile', '--reporter=append-only'], { quiet: true }),
  )
  step('Build the packages', () => pnpm(['run', 'build'], { quiet: true }))
}
