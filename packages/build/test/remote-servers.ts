/** Servers for tests of the remote cache: the real one, over a folder, and one that does as it is told. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'
import { startCacheServer } from '../../../test/harness/cache-server.mjs'

/** What is to be ended when the test file is done. */
const ends: (() => void)[] = []
afterAll(() => {
  for (const end of ends) end()
})

/** Starts turborepo-remote-cache, which keeps its artifacts in `<folder>/<team>/<key>` and their tags beside them. */
export async function startRemoteCache(folder: string, token: string): Promise<{ readonly url: string }> {
  const { url, end } = await startCacheServer(folder, token)
  ends.push(end)
  return { url }
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
