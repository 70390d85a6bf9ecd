/** Downloads over a real HTTP server that cuts, damages, refuses and stalls. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type AssetFile, type AssetVariant, defineAsset, type OnnxError } from '../src/index'

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

interface Asked {
  readonly path: string
  readonly from: number
}
type Fault = (
  response: ServerResponse,
  bytes: Buffer,
  asked: Asked,
  count: number,
) => boolean | Promise<boolean>

let files = new Map<string, Buffer>()
let fault: Fault = () => false
let asked: Asked[] = []
const open = new Set<ServerResponse>()
let most = 0

const server = createServer((request: IncomingMessage, response) => void answer(request, response))
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/'
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const bytes = files.get(path)
  if (!bytes) {
    response.writeHead(404).end()
    return
  }
  open.add(response)
  most = Math.max(most, open.size)
  response.on('close', () => open.delete(response))
  asked.push({ path, from })
  const count = asked.filter((each) => each.path === path).length
  if (await fault(response, bytes, { path, from }, count)) return
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': bytes.length - from,
    ...(from > 0 && { 'content-range': range }),
  })
  response.end(bytes.subarray(from))
}
let origin = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
afterEach(() => {
  files = new Map()
  fault = () => false
  asked = []
  most = 0
})

/** Half of a file, and the connection is gone. */
const cut = (response: ServerResponse, bytes: Buffer, { from }: Asked): true => {
  const half = from + ((bytes.length - from) >> 1)
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from })
  response.write(bytes.subarray(from, half), () => setTimeout(() => response.destroy(), 20))
  return true
}

function file(path: string, bytes: Buffer): AssetFile {
  files.set(path, bytes)
  return { url: origin + path, bytes: bytes.length, sha256: sha256(bytes) }
}

/** An asset of one variant: a graph of some bytes, and shards. */
function asset(graph: Buffer, ...shards: Buffer[]) {
  const first = file('/graph', graph)
  const rest = shards.map((bytes, index) => ({ ...file(`/shard${index}`, bytes), path: `weights${index}` }))
  const total = [graph, ...shards].reduce((sum, { length }) => sum + length, 0)
  const variant: AssetVariant = {
    target: 'wasm',
    provider: 'wasm',
    recipe: 'int8',
    ...first,
    bytes: total,
    ...(rest.length > 0 && { shards: rest }),
  }
  const engines = { wasm: { load: () => import('onnxruntime-web') } }
  return defineAsset({ name: 'big', inputs: [], outputs: [], variants: [variant], engines })
}

const failure = (promise: Promise<unknown>): Promise<OnnxError> =>
  promise.then(
    () => expect.unreachable('it was loaded'),
    (cause: unknown) => cause as OnnxError,
  )

it('goes on where the server cut off, through 100 MB of shards, four at a time', async () => {
  const shards = Array.from({ length: 10 }, () => randomBytes(10e6))
  const model = asset(randomBytes(5000), ...shards)
  fault = (response, bytes, each, count) => count === 1 && bytes.length > 5000 && cut(response, bytes, each)
  const seen: number[] = []
  const { externalData } = await model.load({ onProgress: ({ loaded }) => seen.push(loaded) })
  for (const [index, bytes] of shards.entries()) {
    expect(externalData?.[index]?.path).toBe(`weights${index}`)
    expect(bytes.equals(externalData?.[index]?.data ?? Buffer.alloc(0))).toBe(true)
  }
  expect(asked.filter(({ from }) => from === 5e6)).toHaveLength(10)
  expect(asked).toHaveLength(21)
  expect(most).toBe(4)
  expect(seen.at(-1)).toBe(100_005_000)
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
}, 60_000)

it('begins again where the server knows no ranges, or packs what it sends', async () => {
  const bytes = randomBytes(100_000)
  fault = (response, whole, each, count) => {
    if (count === 1) return cut(response, whole, each)
    response.writeHead(200, { 'content-length': whole.length }).end(whole)
    return true
  }
  expect(bytes.equals((await asset(bytes).load()).bytes)).toBe(true)
  expect(asked.map(({ from }) => from)).toEqual([0, 50_000])

  asked = []
  fault = (response, whole, _each, count) => {
    const packed = gzipSync(whole)
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length })
    if (count === 1)
      response.write(packed.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 20))
    else response.end(packed)
    return true
  }
  expect(bytes.equals((await asset(bytes).load()).bytes)).toBe(true)
  expect(asked.map(({ from }) => from)).toEqual([0, 0])
})

it('fetches a damaged shard once more, and then says which one it is', async () => {
  const [graph, shard] = [randomBytes(5000), randomBytes(70_000)]
  const damaged = Buffer.from(shard)
  damaged.writeUInt8(damaged.readUInt8(40_000) ^ 1, 40_000)
  const damage: Fault = (response, _bytes, { path }, count) => {
    if (path !== '/shard0' || count > 1) return false
    response.end(damaged)
    return true
  }
  const model = asset(graph, shard)
  fault = damage
  expect(shard.equals((await model.load()).externalData?.[0]?.data ?? Buffer.alloc(0))).toBe(true)
  expect(asked.filter(({ path }) => path === '/shard0')).toHaveLength(2)

  asked = []
  fault = (response, bytes, each) => damage(response, bytes, each, 1)
  const error = await failure(model.load())
  expect(error.code).toBe('ONNX_HASH_MISMATCH')
  expect(error.message).toContain(`${origin}/shard0 is not the file that was built`)
  expect(asked.filter(({ path }) => path === '/shard0')).toHaveLength(2)
})

it('tries again after an answer that passes, and not after one that stays', async () => {
  const bytes = randomBytes(1000)
  for (const status of [503, 429]) {
    asked = []
    fault = (response, _bytes, _asked, count) => {
      if (count < 3) response.writeHead(status).end()
      return count < 3
    }
    expect(bytes.equals((await asset(bytes).load()).bytes)).toBe(true)
    expect(asked).toHaveLength(3)
  }
  for (const [status, times] of [
    [403, 1],
    [500, 4],
  ] as const) {
    asked = []
    fault = (response) => {
      response.writeHead(status).end()
      return true
    }
    const error = await failure(asset(bytes).load())
    expect(error.code).toBe('ONNX_FETCH_FAILED')
    expect(error.message).toContain(`the server answered ${status}`)
    expect(asked).toHaveLength(times)
  }
}, 30_000)

it('leaves nothing running when it is aborted, with the reason it was given', async () => {
  const model = asset(randomBytes(1000), ...Array.from({ length: 6 }, () => randomBytes(50_000)))
  fault = (response, bytes) => {
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 900))
    return true
  }
  const controller = new AbortController()
  const loading = model.load({ signal: controller.signal })
  while (open.size < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  const reason = new Error('left the page')
  controller.abort(reason)
  await expect(loading).rejects.toBe(reason)
  for (let waited = 0; open.size > 0 && waited < 5000; waited += 5) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(open.size).toBe(0)
  const before = asked.length
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(asked).toHaveLength(before)
})

it('stops the other shards when one is missing', async () => {
  const model = asset(randomBytes(1000), randomBytes(50_000), randomBytes(50_000))
  files.delete('/shard1')
  fault = (response, bytes, { path }) => {
    if (path !== '/shard0') return false
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 900))
    return true
  }
  expect((await failure(model.load())).message).toContain(`${origin}/shard1 could not be loaded`)
  for (let waited = 0; open.size > 0 && waited < 5000; waited += 5) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(open.size).toBe(0)
})

it('downloads once for all who want it at a time, and goes on while one of them does', async () => {
  const bytes = randomBytes(100_000)
  const model = asset(bytes)
  let go = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  fault = async () => {
    await gate
    return false
  }
  const controller = new AbortController()
  const progress: number[] = []
  const leaving = model.load({ signal: controller.signal })
  const staying = model.load({ onProgress: ({ loaded }) => progress.push(loaded) })
  while (open.size < 1) await new Promise((resolve) => setTimeout(resolve, 5))
  controller.abort()
  await expect(leaving).rejects.toThrow('abort')
  go()
  expect(bytes.equals((await staying).bytes)).toBe(true)
  expect(progress.at(-1)).toBe(bytes.length)
  expect(asked).toHaveLength(1)
  // Once all have it, nobody holds the bytes.
  await model.load()
  expect(asked).toHaveLength(2)
})
