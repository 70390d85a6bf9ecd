import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import {
  type AssetDescriptor,
  type AssetVariant,
  defineAsset,
  type OnnxAsset,
  OnnxError,
  Tensor,
  type TypedTensor,
} from '../src/index'

interface Inputs {
  readonly x: TypedTensor<'float32'>
}
interface Outputs {
  readonly y: TypedTensor<'float32'>
}

const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-runtime-'))
afterAll(() => rmSync(folder, { recursive: true }))

const model = readFileSync(join(import.meta.dirname, 'fixtures/digits_mlp.onnx'))
const sha256 = createHash('sha256').update(model).digest('hex')
const flipped = Buffer.from(model)
flipped[1000] = (flipped[1000] ?? 0) ^ 1

function variant(name: string, bytes: Buffer, more: Partial<AssetVariant> = {}): AssetVariant {
  const file = join(folder, name)
  writeFileSync(file, bytes)
  return {
    target: 'node',
    provider: 'cpu',
    url: pathToFileURL(file).href,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    recipe: 'float32',
    ...more,
  }
}

const engines = {
  node: { load: () => import('onnxruntime-node') },
  wasm: { load: () => import('onnxruntime-web') },
}

const assetOn = (
  engines: AssetDescriptor['engines'],
  ...variants: AssetVariant[]
): OnnxAsset<Inputs, Outputs> =>
  defineAsset({
    name: 'digits.onnx',
    inputs: [{ name: 'x', type: 'float32', dims: ['batch', 64] }],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 10] }],
    variants,
    engines,
  })
const asset = (...variants: AssetVariant[]) => assetOn(engines, ...variants)

const whole = () => variant('whole.onnxv', model)
const inWasm = () => variant('whole.onnxv', model, { target: 'wasm', provider: 'wasm' })
const onWebgpu = () => variant('whole.onnxv', model, { target: 'webgpu', provider: 'webgpu' })

/** onnxruntime-node, but for the first session: that one fails when it runs. */
const failsAtRun = (): OnnxAsset<Inputs, Outputs> => {
  let sessions = 0
  const load = async () => {
    const { InferenceSession, ...rest } = await import('onnxruntime-node')
    const create = async (...args: Parameters<typeof InferenceSession.create>) => {
      const inner = await InferenceSession.create(...args)
      return sessions++ > 0
        ? inner
        : { run: () => Promise.reject(new Error('kernel bounced')), release: () => inner.release() }
    }
    return { ...rest, InferenceSession: { create } }
  }
  return assetOn({ node: { load } }, whole(), variant('second', model))
}

async function failure(promise: Promise<unknown>): Promise<OnnxError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(OnnxError)
  return thrown as OnnxError
}

describe('open, in Node', () => {
  it('runs a model from disk in onnxruntime-node and says which variant it took', async () => {
    const session = await asset(inWasm(), whole()).open()
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(64), [1, 64]) })
    expect(y.dims).toEqual([1, 10])
    expect(session.variant).toMatchObject({ target: 'node', provider: 'cpu' })
    expect(session.skipped).toEqual([])
    expect(session.inputNames).toEqual(['x'])
    await session.dispose()
    expect((await failure(session.run({ x: new Float32Array(64) }))).code).toBe('ONNX_DISPOSED')
  })

  it('runs a model in onnxruntime-web where asked to, or where the build holds nothing else', async () => {
    const { wasm: _, ...nodeOnly } = engines
    const { node: __, ...webOnly } = engines
    const data = Float32Array.from({ length: 64 }, (_, i) => i / 63)
    const native = await asset(inWasm(), whole()).open({ provider: 'cpu' })
    const { y: wanted } = await native.run({ x: data })
    for (const opening of [
      asset(inWasm(), whole()).open({ provider: 'wasm' }),
      assetOn(webOnly, whole(), inWasm()).open(),
    ]) {
      const session = await opening
      const { y } = await session.run({ x: data })
      expect(session.variant.provider).toBe('wasm')
      for (const [i, value] of wanted.data.entries()) expect(y.data[i]).toBeCloseTo(value, 4)
    }
    const session = await assetOn(nodeOnly, { ...whole(), url: 'file:///gone' }, inWasm(), whole()).open()
    expect(session.skipped.map(({ reason }) => reason)).toEqual([expect.stringContaining('gone')])
    const error = await failure(assetOn(nodeOnly, inWasm(), onWebgpu()).open())
    expect(error.code).toBe('ONNX_NO_VARIANT')
    expect(error.message).toContain('wasm: the build holds no onnxruntime for wasm.')
    expect((await failure(assetOn({ webgpu: engines.wasm }, onWebgpu()).open())).message).toContain(
      'webgpu: it runs in browsers only.',
    )
  })

  it('gives a bare typed array the shape that the model states', async () => {
    const session = await asset(whole()).open()
    const data = Float32Array.from({ length: 192 }, (_, i) => (i % 64) / 64)
    const { y } = await session.run({ x: data })
    expect(y.dims).toEqual([3, 10])
    const { y: same } = await session.run({ x: new Tensor('float32', data, [3, 64]) })
    expect(y.data).toEqual(same.data)
  })

  it('refuses feeds that do not fit, and says what does', async () => {
    const session = await asset(whole()).open()
    const run = (feeds: object) => failure(session.run(feeds as never))
    expect((await run({})).message).toContain(
      "input 'x' is missing. Feed 'x' with a float32 tensor of shape [batch, 64].",
    )
    expect((await run({ z: 1 })).message).toContain("it has no input 'z'. Its inputs are x.")
    expect((await run({ x: new Float32Array(65) })).message).toContain("input 'x' got 65 elements.")
    expect((await run({ x: new Tensor('int32', new Int32Array(64), [1, 64]) })).message).toContain(
      'a int32 tensor',
    )
    expect((await run({ x: new Tensor('float32', new Float32Array(63), [1, 63]) })).message).toContain(
      '[1, 63]',
    )
    expect((await run({ x: 'text' })).code).toBe('ONNX_FEED_INVALID')
  })

  it('refuses a file with one flipped byte', async () => {
    const error = await failure(asset(variant('flipped', flipped, { sha256 })).open())
    expect(error.code).toBe('ONNX_HASH_MISMATCH')
    expect(error.message).toContain('sha256')
  })

  it('refuses a file that is shorter or longer than what was built', async () => {
    const short = asset(variant('short', model.subarray(1), { sha256, bytes: model.length }))
    expect((await failure(short.open())).code).toBe('ONNX_HASH_MISMATCH')
  })

  it('goes on with the next variant when one is damaged, and keeps the reason', async () => {
    const session = await asset(variant('flipped', flipped, { sha256 }), whole()).open()
    expect(session.variant.url).toContain('whole')
    expect(session.skipped[0]?.reason).toContain('sha256')
  })

  it('goes on with the next variant when onnxruntime refuses one', async () => {
    const session = await asset(variant('text', Buffer.from('no model')), whole()).open()
    expect(session.skipped[0]?.reason).toContain('onnxruntime created no session on cpu')
  })

  it('goes on with the next variant when the first run fails', async () => {
    const session = await failsAtRun().open()
    const { y } = await session.run({ x: new Float32Array(64) })
    expect(y.dims).toEqual([1, 10])
    expect(session.variant.url).toContain('second')
    expect(session.skipped).toEqual([{ target: 'node', provider: 'cpu', reason: 'kernel bounced' }])
  })

  it('stays with its variant when the first run fails on every other too, for then it is the feeds', async () => {
    // The descriptor says less than the model knows, so that only onnxruntime can refuse the feeds.
    const variants = [whole(), variant('second', model)]
    let sessions = 0
    const load = async () => {
      const { InferenceSession, ...rest } = await import('onnxruntime-node')
      const create = (...args: Parameters<typeof InferenceSession.create>) => {
        sessions++
        return InferenceSession.create(...args)
      }
      return { ...rest, InferenceSession: { create } }
    }
    const loose = defineAsset<{ x: Tensor }, Outputs>({
      name: 'digits.onnx',
      inputs: [{ name: 'x', type: 'float32' }],
      outputs: [],
      variants,
      engines: { node: { load } },
    })
    const session = await loose.open()
    const wrong = { x: new Tensor('float32', new Float32Array(63), [1, 63]) }
    await expect(session.run(wrong)).rejects.toThrow(/invalid dimensions|Got: 63/)
    await expect(session.run(wrong)).rejects.toThrow(/invalid dimensions|Got: 63/)
    // The second failure opens no session again.
    expect(sessions).toBe(2)
    expect(session.variant).toBe(variants[0])
    expect(session.skipped).toEqual([])
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(64), [1, 64]) })
    expect(y.dims).toEqual([1, 10])
  })

  it('keeps no bytes of the model while a session is open', async () => {
    const given: WeakRef<object>[] = []
    const load = async () => {
      const { InferenceSession, ...rest } = await import('onnxruntime-node')
      const create = (...args: Parameters<typeof InferenceSession.create>) => {
        given.push(new WeakRef(args[0] as unknown as Uint8Array))
        return InferenceSession.create(...args)
      }
      return { ...rest, InferenceSession: { create } }
    }
    const model = assetOn({ node: { load } }, whole())
    const sessions = await Promise.all([model.open(), model.open()])
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let round = 0; round < 20 && given.some((each) => each.deref()); round++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      collect()
    }
    expect(given.map((each) => each.deref())).toEqual([undefined, undefined])
    for (const session of sessions)
      expect((await session.run({ x: new Float32Array(64) })).y.dims).toEqual([1, 10])
  })

  it('gives up at once when aborted, though the engine is still at it, and releases what comes of it', async () => {
    let released = 0
    let created = () => {}
    const creating = new Promise<void>((resolve) => {
      created = resolve
    })
    const load = async () => {
      const { InferenceSession, ...rest } = await import('onnxruntime-node')
      const create = async (...args: Parameters<typeof InferenceSession.create>) => {
        await creating
        const inner = await InferenceSession.create(...args)
        return { release: () => inner.release().then(() => released++) }
      }
      return { ...rest, InferenceSession: { create } }
    }
    const abort = new AbortController()
    const opening = assetOn({ node: { load } }, whole(), whole()).open({ signal: abort.signal })
    setTimeout(() => abort.abort('left'), 50)
    await expect(opening).rejects.toBe('left')
    expect(released).toBe(0)
    created()
    for (let waited = 0; released === 0 && waited < 200; waited++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    expect(released).toBe(1)
  })

  it('falls back after the signal that opened it has gone off', async () => {
    const abort = new AbortController()
    const session = await failsAtRun().open({ signal: abort.signal })
    abort.abort()
    await session.run({ x: new Float32Array(64) })
    expect(session.variant.url).toContain('second')
  })

  it('opens nothing once the signal has gone off', async () => {
    const abort = new AbortController()
    const reason = new Error('the user left')
    const opening = assetOn(
      {
        node: {
          load: async () => {
            abort.abort(reason)
            return import('onnxruntime-node')
          },
        },
      },
      whole(),
      whole(),
    ).open({ signal: abort.signal })
    await expect(opening).rejects.toBe(reason)
    await expect(asset(whole()).open({ signal: AbortSignal.abort('left') })).rejects.toBe('left')
  })

  it('lists every reason when no variant is left', async () => {
    const error = await failure(
      asset(whole(), variant('text', Buffer.from('no model'), { target: 'other' })).open({ target: 'third' }),
    )
    expect(error.code).toBe('ONNX_NO_VARIANT')
    expect(error.message).toContain('node: another was asked for. other: another was asked for.')
  })

  it('says that a missing file is missing', async () => {
    const error = await failure(asset({ ...whole(), url: pathToFileURL(join(folder, 'gone')).href }).open())
    expect(error.code).toBe('ONNX_FETCH_FAILED')
    expect(error.message).toContain('gone')
  })

  it('loads verified bytes for people who create their sessions themselves', async () => {
    const { bytes, variant: taken } = await asset(whole()).load()
    expect(Buffer.from(bytes).equals(model)).toBe(true)
    expect(taken.recipe).toBe('float32')
  })
})

describe('download over http', () => {
  const withServer = async <T>(
    respond: (response: import('node:http').ServerResponse) => void,
    action: (url: string) => Promise<T>,
  ): Promise<T> => {
    const server = createServer((_, response) => respond(response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    try {
      return await action(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/m.onnxv`)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  it('reports progress that rises to the whole', async () => {
    const seen: number[] = []
    await withServer(
      (response) => {
        response.write(model.subarray(0, 20_000))
        setTimeout(() => response.end(model.subarray(20_000)), 30)
      },
      (url) =>
        asset({ ...whole(), url }).load({ onProgress: ({ loaded, total }) => seen.push(loaded / total) }),
    )
    expect(seen.length).toBeGreaterThan(1)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(1)
  })

  it('stops in mid-download when aborted, with the reason of the signal', async () => {
    const abort = new AbortController()
    const reason = new Error('the user left')
    const opening = withServer(
      (response) => response.write(model.subarray(0, 1000)),
      (url) =>
        asset({ ...whole(), url }, whole()).open({
          signal: abort.signal,
          onProgress: () => abort.abort(reason),
        }),
    )
    await expect(opening).rejects.toBe(reason)
  })

  it.each([
    ['an HTML page', 200, 'the server answered with an HTML page'],
    ['a 404', 404, 'the server answered 404'],
  ])('says that the server answered with %s', async (_, status, text) => {
    const error = await withServer(
      (response) =>
        response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end('<html></html>'),
      (url) => failure(asset({ ...whole(), url }).open()),
    )
    expect(error.code).toBe('ONNX_FETCH_FAILED')
    expect(error.message).toContain(text)
  })
})

describe('types', () => {
  it('follow the model', () => {
    type Run = Awaited<ReturnType<OnnxAsset<Inputs, Outputs>['open']>>['run']
    expectTypeOf<Parameters<Run>[0]['x']>().toEqualTypeOf<TypedTensor<'float32'> | Float32Array>()
    expectTypeOf<Awaited<ReturnType<Run>>['y']>().toEqualTypeOf<TypedTensor<'float32'>>()
    // @ts-expect-error: the model has no such input
    const wrong: Parameters<Run>[0] = { picture: new Float32Array(64) }
    expect(wrong).toBeDefined()
  })
})
