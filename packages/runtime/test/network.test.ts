/** What a network does to a model of many files, with a real server at the other end. */
import { createHash, randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type AssetShard, type AssetVariant, defineAsset, type LoadOptions, OnnxError } from '../src/index'
import { type FileServer, type Habits, serveFiles } from './file-server'

const MB = 1e6
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const graph = randomFillSync(new Uint8Array(40_000))
/** 100 MB in six files: more than are fetched at a time. */
let shards: Uint8Array[]
beforeAll(() => {
  shards = [25, 25, 20, 15, 10, 5].map((size) => randomFillSync(new Uint8Array(size * MB)))
})

let server: FileServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** A model of a graph and shards on a server. Not one that an engine would take: no test here opens a session. */
async function served(contents: readonly Uint8Array[], habits: Habits = {}) {
  const paths = contents.map((_, index) => `/${index}.shard`)
  const files = new Map<string, Uint8Array>([
    ['/graph', graph],
    ...contents.map((bytes, index) => [paths[index]!, bytes] as const),
  ])
  const started = await serveFiles(files, habits)
  server = started
  return { server: started, asset: assetOf(contents, (path) => started.url + path) }
}

function assetOf(contents: readonly Uint8Array[], urlOf: (path: string) => string) {
  const variant: AssetVariant = {
    target: 'node',
    provider: 'cpu',
    url: urlOf('/graph'),
    bytes: contents.reduce((sum, { length }) => sum + length, graph.length),
    sha256: sha256Of(graph),
    recipe: 'float32',
    shards: contents.map(
      (bytes, index): AssetShard => ({
        path: `${index}.data`,
        url: urlOf(`/${index}.shard`),
        bytes: bytes.length,
        sha256: sha256Of(bytes),
      }),
    ),
  }
  const engines = { node: { load: () => import('onnxruntime-node') } }
  return defineAsset({ name: 'large', inputs: [], outputs: [], variants: [variant], engines })
}

async function failure(promise: Promise<unknown>): Promise<OnnxError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(OnnxError)
  return thrown as OnnxError
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 30_000) throw new Error('it did not come to that in 30 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function expectWhole(
  { bytes, externalData }: Awaited<ReturnType<ReturnType<typeof assetOf>['load']>>,
  contents = shards,
) {
  expect(Buffer.compare(bytes, graph)).toBe(0)
  expect(externalData?.map(({ path }) => path)).toEqual(contents.map((_, index) => `${index}.data`))
  for (const [index, content] of contents.entries())
    expect(Buffer.compare(externalData![index]!.data, content)).toBe(0)
}

const progressOf = () => {
  const seen: number[] = []
  const onProgress: LoadOptions['onProgress'] = ({ loaded, total }) => {
    expect(loaded).toBeLessThanOrEqual(total)
    seen.push(loaded)
  }
  return { seen, onProgress }
}

describe('a model of 100 MB in shards', () => {
  it('comes in parallel, at most four files at a time, with one figure of progress that only rises', async () => {
    let most = 0
    const { asset, server } = await served(shards, {
      goesOn: () => {
        most = Math.max(most, server.open())
        return true
      },
    })
    const { seen, onProgress } = progressOf()
    expectWhole(await asset.load({ onProgress }))
    expect(most).toBe(4)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(100 * MB + graph.length)
    expect(server.asked).toHaveLength(7)
  })

  it('goes on where it was when the server breaks off at 50 % and is away for a second', async () => {
    let back = Number.POSITIVE_INFINITY
    const { asset, server } = await served(shards, {
      respond: (request) => {
        const isAway = back < Number.POSITIVE_INFINITY && Date.now() < back
        if (isAway) request.destroy()
        return isAway
      },
      goesOn: () => {
        if (back === Number.POSITIVE_INFINITY && sent() >= 50 * MB) back = Date.now() + 1000
        return Date.now() > back || back === Number.POSITIVE_INFINITY
      },
    })
    const sent = () => server.asked.reduce((sum, asked) => sum + asked.sent, 0)
    const { seen, onProgress } = progressOf()
    expectWhole(await asset.load({ onProgress }))
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    const resumed = server.asked.filter(({ status }) => status === 206)
    expect(resumed.length).toBeGreaterThan(0)
    for (const { range, ifRange } of resumed) {
      expect(range).toMatch(/^bytes=[1-9]\d*-$/)
      expect(ifRange).toMatch(/^"[0-9a-f]{16}"$/)
    }
    // What was on the wire when it broke is sent again, and no more.
    expect(sent()).toBeLessThan(110 * MB)
  })
})

describe('a file', () => {
  const small = randomFillSync(new Uint8Array(2 * MB))
  /** Breaks the first answers off after a part of the file. */
  const breaking = (times: number, after = 1 * MB) => {
    const broken = new Set<object>()
    return (asked: { readonly path: string; readonly sent: number }) => {
      if (asked.path !== '/0.shard' || asked.sent < after) return true
      if (broken.size < times) broken.add(asked)
      return !broken.has(asked)
    }
  }

  it('starts again where the server knows no ranges', async () => {
    const { asset, server } = await served([small], { ranges: false, goesOn: breaking(2) })
    const { seen, onProgress } = progressOf()
    expectWhole(await asset.load({ onProgress }), [small])
    expect(server.asked.filter(({ path }) => path === '/0.shard').map(({ status }) => status)).toEqual([
      200, 200, 200,
    ])
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })

  it('goes on without If-Range where the server gives no ETag', async () => {
    const { asset, server } = await served([small], { etag: false, goesOn: breaking(1) })
    expectWhole(await asset.load(), [small])
    expect(server.asked.at(-1)).toMatchObject({ status: 206, ifRange: undefined })
  })

  it('that another took the place of is fetched whole, and refused', async () => {
    const other = randomFillSync(new Uint8Array(2 * MB))
    const { asset, server } = await served([small], {
      goesOn: breaking(1),
      tamper: (path, bytes, times) => (path === '/0.shard' && times > 0 ? other : bytes),
    })
    expect((await failure(asset.load())).code).toBe('ONNX_HASH_MISMATCH')
    const [, second] = server.asked.filter(({ path }) => path === '/0.shard')
    expect(second).toMatchObject({ range: expect.stringContaining('bytes='), status: 200 })
  })

  it('is given up after four attempts that bring nothing', async () => {
    const { asset, server } = await served([small], {
      respond: (request, response) => {
        if (request.url !== '/0.shard') return false
        times++
        response.writeHead(503).end()
        return true
      },
    })
    let times = 0
    const error = await failure(asset.load())
    expect(error.code).toBe('ONNX_FETCH_FAILED')
    expect(error.message).toContain(`${server.url}/0.shard could not be loaded: the server answered 503.`)
    expect(times).toBe(4)
  })

  it("begins again where the server packs what it sends, since positions are not the file's then", async () => {
    let times = 0
    const packed = gzipSync(small)
    const { asset } = await served([small], {
      respond: (request, response) => {
        if (request.url !== '/0.shard') return false
        expect(request.headers.range).toBeUndefined()
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length })
        if (times++ > 0) response.end(packed)
        else response.write(packed.subarray(0, MB), () => setTimeout(() => response.destroy(), 20))
        return true
      },
    })
    expectWhole(await asset.load(), [small])
    expect(times).toBe(2)
  })

  it.each([408, 429, 503])('is asked for again after an answer %i, which passes', async (status) => {
    let times = 0
    const { asset } = await served([small], {
      respond: (request, response) => {
        if (request.url !== '/0.shard' || times > 1) return false
        times++
        response.writeHead(status).end()
        return true
      },
    })
    expectWhole(await asset.load(), [small])
    expect(times).toBe(2)
  })

  it('that is not there is asked for once', async () => {
    const { server } = await served([small])
    const missing = assetOf([small], (path) => `${server.url}${path === '/0.shard' ? '/gone' : path}`)
    expect((await failure(missing.load())).message).toContain(
      '/gone could not be loaded: the server answered 404.',
    )
    expect(server.asked.filter(({ path }) => path === '/gone')).toHaveLength(1)
  })

  it('that is damaged is fetched once more', async () => {
    const { asset, server } = await served([small, graph], { tamper: damaged(1) })
    expectWhole(await asset.load(), [small, graph])
    expect(server.asked.filter(({ path }) => path === '/0.shard')).toHaveLength(2)
    expect(server.asked).toHaveLength(4)
  })

  it('that stays damaged ends in an error that names it', async () => {
    const { asset, server } = await served([small], { tamper: damaged(9) })
    const error = await failure(asset.load())
    expect(error.code).toBe('ONNX_HASH_MISMATCH')
    expect(error.message).toContain(`${server.url}/0.shard is not the file that was built`)
    expect(server.asked.filter(({ path }) => path === '/0.shard')).toHaveLength(2)
  })

  const damaged =
    (times: number): NonNullable<Habits['tamper']> =>
    (path, bytes, before) => {
      if (path !== '/0.shard' || before >= times) return bytes
      const copy = bytes.slice()
      copy[1000]! ^= 1
      return copy
    }

  it.each(['shorter', 'longer'])('that is %s than it was built is refused', async (how) => {
    const { asset } = await served([small], {
      tamper: (path, bytes) =>
        path === '/graph' ? bytes : how === 'shorter' ? bytes.subarray(1) : Buffer.concat([bytes, graph]),
    })
    expect((await failure(asset.load())).code).toBe('ONNX_HASH_MISMATCH')
  })
})

describe('who waits for a model', () => {
  /** Every file comes half, and then no more. */
  const stuck = (): Habits => ({
    respond: (request, response) => {
      const isShard = request.url !== '/graph'
      if (isShard) response.writeHead(200, { 'content-length': 2 * MB }).write(new Uint8Array(MB))
      return isShard
    },
  })
  const halves = Array.from({ length: 6 }, () => new Uint8Array(2 * MB))

  it('leaves nothing running when it goes', async () => {
    const { asset, server } = await served(halves, stuck())
    const abort = new AbortController()
    const reason = new Error('the user left')
    const opening = asset.open({ signal: abort.signal })
    await until(() => server.open() === 4)
    abort.abort(reason)
    // No file ever comes whole: who waited for one would wait for good.
    await expect(opening).rejects.toBe(reason)
    await until(() => server.open() === 0)
    // Nor does the next file begin.
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(server.open()).toBe(0)
  })

  it('leaves nothing running when a file fails', async () => {
    const { asset, server } = await served(halves, {
      respond: (request, response) => {
        if (request.url === '/2.shard') {
          setTimeout(() => response.writeHead(404).end(), 50)
          return true
        }
        return stuck().respond!(request, response)
      },
    })
    expect((await failure(asset.load())).code).toBe('ONNX_FETCH_FAILED')
    await until(() => server.open() === 0)
  })

  it('leaves nothing running when it goes between two attempts', async () => {
    let times = 0
    const { asset, server } = await served([graph], {
      respond: (request, response) => {
        if (request.url === '/graph') return false
        times++
        response.destroy()
        return true
      },
    })
    const loading = asset.load({ signal: AbortSignal.timeout(150) })
    await expect(loading).rejects.toMatchObject({ name: 'TimeoutError' })
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(times).toBe(1)
    expect(server.open()).toBe(0)
  })

  it('shares one download with all others, and each hears of progress', async () => {
    const { asset, server } = await served(shards.slice(4))
    const watchers = [progressOf(), progressOf(), progressOf()]
    const all = await Promise.all(watchers.map(({ onProgress }) => asset.load({ onProgress })))
    expect(server.asked).toHaveLength(3)
    expect(new Set(all.map(({ bytes }) => bytes)).size).toBe(1)
    for (const { seen } of watchers) expect(seen.at(-1)).toBe(15 * MB + graph.length)
  })

  it('takes nothing from the others when it goes', async () => {
    const { asset, server } = await served(shards.slice(4))
    const abort = new AbortController()
    const going = asset.load({ signal: abort.signal, onProgress: () => abort.abort(new Error('left')) })
    const staying = asset.load()
    await expect(going).rejects.toThrow('left')
    expectWhole(await staying, shards.slice(4))
    expect(server.asked).toHaveLength(3)
  })

  it('gets it at once where it was preloaded', async () => {
    const { asset, server } = await served(shards.slice(4))
    await asset.preload()
    expect(server.asked).toHaveLength(3)
    expectWhole(await asset.load(), shards.slice(4))
    expect(server.asked).toHaveLength(3)
    // From then on the memory is free again.
    await asset.load()
    expect(server.asked).toHaveLength(6)
  })
})

describe('in Node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-shards-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('shards are read from disk, and nothing is fetched', async () => {
    const contents = shards.slice(4)
    writeFileSync(join(folder, 'graph'), graph)
    for (const [index, bytes] of contents.entries()) writeFileSync(join(folder, `${index}.shard`), bytes)
    const { fetch } = globalThis
    globalThis.fetch = () => Promise.reject(new Error('fetched'))
    try {
      const { seen, onProgress } = progressOf()
      const asset = assetOf(contents, (path) => pathToFileURL(join(folder, path)).href)
      expectWhole(await asset.load({ onProgress }), contents)
      expect(seen.at(-1)).toBe(15 * MB + graph.length)
      writeFileSync(join(folder, '1.shard'), contents[1]!.subarray(1))
      expect((await failure(asset.load())).code).toBe('ONNX_HASH_MISMATCH')
    } finally {
      globalThis.fetch = fetch
    }
  })
})
