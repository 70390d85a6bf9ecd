/** turborepo-remote-cache, the real one, over a folder. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const { resolve } = createRequire(join(import.meta.dirname, '../../packages/build/package.json'))

/**
 * @param {string} folder keeps artifacts in `<team>/<key>`, and their tags in `<key>.tag`
 * @param {string} token that clients send
 * @returns {Promise<{ url: string, signal: (signal: NodeJS.Signals) => void, end: () => void }>}
 */
export async function startCacheServer(folder, token) {
  const cli = join(dirname(resolve('turborepo-remote-cache/package.json')), 'dist/cli.js')
  const child = spawn(process.execPath, [cli], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: '0',
      TURBO_TOKEN: token,
      STORAGE_PROVIDER: 'local',
      STORAGE_PATH: folder,
      STORAGE_PATH_USE_TMP_FOLDER: 'false',
      // It keeps tags for whoever has any key, and never looks at them.
      TURBO_REMOTE_CACHE_SIGNATURE_KEY: 'kept by the clients',
    },
  })
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  for await (const line of createInterface(child.stdout)) {
    const url = /Server listening at (http:[^"]+)/.exec(line)?.[1]
    if (url === undefined) continue
    child.stdout.resume()
    return { url, signal: (signal) => void child.kill(signal), end }
  }
  throw new Error('turborepo-remote-cache did not start')
}
