/** Servers for tests of the remote cache: the real one, over a folder, and one that does as it is told. */
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll } from 'vitest'

const cli = join(
  dirname(createRequire(import.meta.url).resolve('turborepo-remote-cache/package.json')),
  'dist/cli.js',
)

/** What is to be ended when the test file is done. */
const ends: (() => void)[] = []
afterAll(() => {
  for (const end of ends) end()
})

/** Starts turborepo-remote-cache, which keeps its artifacts in `<folder>/<team>/<key>` and their tags beside them. */
export async function startRemoteCache(folder: string, token: string): Promise<{ readonly url: string }> {
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
  ends.push(() => child.kill('SIGKILL'))
  for await (const line of createInterface(child.stdout)) {
    const url = /Server listening at (http:[^"]+)/.exec(line)?.[1]
    if (url === undefined) continue
    child.stdout.resume()
    return { url }
  }
  throw new Error('turborepo-remote-cache did not start')
}

export interface ToldServer {
  readonly url: string
  /** What it was asked, in order. */
  readonly requests: readonly IncomingMessage[]
}

/** Starts a server that answers as the listener does. */
export async function startServer(listener: RequestListener): Promise<ToldServer> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    return listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}
