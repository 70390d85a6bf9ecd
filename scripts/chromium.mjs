/**
 * A Chromium for tests and the demo: an installed Chrome, Chromium or Edge first; Debian's package where this is Debian
 * or Ubuntu and the user is root; else Playwright's own. `node scripts/chromium.mjs` prints its path.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { root, run } from './steps.mjs'

const onPath = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'microsoft-edge',
  'microsoft-edge-stable',
]

const elsewhere = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ...[process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA]
    .filter((folder) => folder !== undefined)
    .flatMap((folder) => [
      join(folder, 'Google/Chrome/Application/chrome.exe'),
      join(folder, 'Microsoft/Edge/Application/msedge.exe'),
    ]),
]

const isRoot = process.getuid?.() === 0

/** @returns {string | undefined} path of a browser that is there already */
function installed() {
  const folders = (process.env.PATH ?? '').split(process.platform === 'win32' ? ';' : ':')
  const candidates = [
    ...onPath.flatMap((name) => folders.map((folder) => join(folder, name))),
    ...elsewhere,
    chromium.executablePath(),
  ]
  return candidates.find((path) => path !== '' && existsSync(path) && starts(path))
}

/** Ubuntu's /usr/bin/chromium-browser may be a script that only asks for a snap. On Windows --version opens a window. */
const starts = (path) =>
  process.platform === 'win32' || spawnSync(path, ['--version'], { timeout: 30_000 }).status === 0

function isDebian() {
  return (
    existsSync('/etc/os-release') &&
    /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  )
}

/**
 * Finds a Chromium, or installs one.
 * @returns {Promise<string>} path of the executable
 */
export async function ensureChromium() {
  const { CHROME_PATH: chosen } = process.env
  if (chosen) {
    if (existsSync(chosen)) return chosen
    throw new Error(`CHROME_PATH names no file: ${chosen}`)
  }
  const found = installed()
  if (found) return found
  if (isRoot && isDebian()) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    run('apt-get', ['update', '-qq'], { quiet: true, env })
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], {
      quiet: true,
      env,
    })
  }
  if (!installed()) {
    const command = [
      join(root, 'node_modules/playwright-core/cli.js'),
      'install',
      ...(isRoot ? ['--with-deps'] : []),
      'chromium',
    ]
    run(process.execPath, command, { quiet: true })
  }
  const path = installed()
  if (path) return path
  throw new Error(
    'No Chromium was found and none could be installed. Install Chrome or Chromium, or set CHROME_PATH.',
  )
}

/** Flags that make a browser headless, quiet and, by SwiftShader, able to do WebGPU without a graphics card. */
export const chromiumArgs = [
  '--headless=new',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
  // A sandbox can't be had as root, nor in most containers.
  ...(isRoot || process.env.CI ? ['--no-sandbox'] : []),
]

if (process.argv[1] === import.meta.filename) process.stdout.write(`${await ensureChromium()}\n`)
