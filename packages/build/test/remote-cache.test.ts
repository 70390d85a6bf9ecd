import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '@unplugin-onnx/runtime'
import { packTar, type TarEntry } from 'modern-tar'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pack } from '../src/cache-remote/archive'
import { RemoteCache } from '../src/cache-remote/remote-cache'
import { type RemoteOptions, remoteSettings } from '../src/cache-remote/settings'
import { entryTag } from '../src/cache-remote/signature'
import { sha256 } from '../src/hash'
import {
  type Conversion,
  type Converter,
  createConverter,
  type ModelOptions,
  type ReportData,
  readReport,
} from '../src/index'
import { fixtures, packageRoot, temporaryFolder } from './models'
import { startRemoteCache, startServer } from './remote-servers'

const folder = temporaryFolder()
const store = join(folder, 'store')
const token = 'a-token-that-no-log-may-hold'
const signatureKey = 'a-signature-key-that-no-log-may-hold'
const model = join(fixtures, 'diabetes_mlp.onnx')
const quick: ModelOptions = { targets: ['wasm'], recipes: ['float16'], effort: 'fast', prefer: 'size' }

/** Longer than any machine is busy with something else. */
const patient = { timeout: 60_000, uploadTimeout: 60_000 }

let count = 0
const newFolder = (): string => {
  const made = join(folder, `folder-${count++}`)
  mkdirSync(made)
  return made
}

const converters: Converter[] = []
afterEach(async () => {
  await Promise.all(converters.splice(0).map((converter) => converter.close(true)))
})

/** A machine with nothing in its cache. */
function machine(remote: RemoteOptions) {
  const stages: string[] = []
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  const converter = createConverter({
    root: packageRoot,
    cacheDir: newFolder(),
    remote,
    concurrency: 1,
    logger: { info: say, warn: say },
    onProgress: ({ stage }) => void stages.push(stage),
  })
  converters.push(converter)
  return { converter, stages, said }
}

/** The remote cache alone. */
function remoteCache(options: Partial<RemoteOptions> & { url: string }) {
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  const { settings } = remoteSettings({ token, signatureKey, teamSlug: 'tests', ...patient, ...options })
  if (settings === undefined) throw new Error('the server would not be used')
  return { cache: new RemoteCache(settings, { info: say, warn: say }), settings, said }
}

const filesOf = ({ dir, manifest }: Conversion) =>
  manifest.variants.map(({ file }) => readFileSync(join(dir, file)))

let real: RemoteOptions
let made: Conversion
/** What the server has of the first conversion. */
let archive: Buffer
let artifact: string

beforeAll(async () => {
  const { url } = await startRemoteCache(store, token)
  real = { url, token, signatureKey, teamSlug: 'tests', ...patient }
  const { converter, said } = machine({ ...real, readOnly: false })
  made = await converter.convert(model, quick)
  await converter.close()
  expect(said).toEqual([expect.stringMatching(/^Remote cache: 0 entries fetched \(0 kB\), 1 uploaded/)])
  artifact = join(store, 'tests', made.key)
  archive = readFileSync(artifact)
}, 60_000)

describe('a cache that a team shares', () => {
  it('gives a machine with an empty cache what another one converted', async () => {
    const { converter, stages, said } = machine(real)
    const got = await converter.convert(model, quick)
    expect(got).toMatchObject({ cached: true, fetched: true, key: made.key, manifest: made.manifest })
    expect(stages).toEqual(['hash', 'inspect', 'fetch', 'done'])
    expect(filesOf(got)).toEqual(filesOf(made))
    expect(readFileSync(join(got.dir, 'report.json'))).toEqual(readFileSync(join(made.dir, 'report.json')))
    expect(converter.transfers()).toMatchObject({ fetched: 1, fetchedBytes: archive.length, uploaded: 0 })
    expect(await converter.convert(model, quick)).not.toHaveProperty('fetched')
    await converter.close()
    expect(said).toHaveLength(1)
  })

  it('puts what only the local cache has on the server, and nothing twice', async () => {
    const options: RemoteOptions = { ...real, teamSlug: 'others', readOnly: false }
    const { converter } = machine({ ...real, readOnly: true })
    await converter.convert(model, quick)
    expect(readdirSync(store)).toEqual(['tests'])
    const { settings } = remoteSettings(options)
    const logger = { info() {}, warn() {} }
    const uploaded: number[] = []
    for (let machines = 0; machines < 2; machines++) {
      const cache = new RemoteCache(settings!, logger)
      for (let builds = 0; builds < 2; builds++) cache.offer(made.key, made.dir, made.manifest)
      await cache.close()
      uploaded.push(cache.transfers.uploaded)
    }
    expect(uploaded).toEqual([1, 0])
    expect(readFileSync(join(store, 'others', made.key))).toEqual(archive)
  })

  it('puts a conversion together from the parts that machines have made, each for one target', async () => {
    const options: ModelOptions = { ...quick, targets: ['wasm', 'portable'] }
    const shared = { ...real, teamSlug: 'parts', readOnly: false }
    await Promise.all(
      ['wasm', 'portable'].map(async (target) => {
        const { converter, stages } = machine(shared)
        const { manifest } = await converter.convertPart(model, target, options)
        expect(new Set(manifest.variants.map((variant) => variant.target))).toEqual(new Set([target]))
        expect(stages).toContain('convert')
        await converter.close()
        expect(converter.transfers()).toMatchObject({ uploaded: 1 })
      }),
    )
    const { converter, stages } = machine(shared)
    const joined = await converter.convert(model, options)
    expect(joined).toMatchObject({ cached: true, fetched: true })
    expect(stages).toEqual(['hash', 'inspect', 'fetch', 'done'])
    await converter.close()
    // The next one finds it whole.
    expect(converter.transfers()).toMatchObject({ fetched: 2, uploaded: 1, failed: 0 })
    const next = machine(shared)
    expect(await next.converter.convert(model, options)).toMatchObject({ fetched: true })
    expect(next.converter.transfers()).toMatchObject({ fetched: 1 })

    const alone = createConverter({ root: packageRoot, cacheDir: newFolder() })
    converters.push(alone)
    const direct = await alone.convert(model, options)
    expect(joined.key).toBe(direct.key)
    expect(joined.manifest).toEqual(direct.manifest)
    expect(filesOf(joined)).toEqual(filesOf(direct))
    const { candidates, layers, ...report } = await readReport(direct)
    // Times differ from run to run.
    const untimed = ({ latency: _, ...candidate }: ReportData['candidates'][number]) => candidate
    const of = await readReport(joined)
    expect(of).toMatchObject({ ...report, layers })
    expect(of.candidates.map(untimed)).toEqual(candidates.map(untimed))
  })

  it('takes nothing from a poisoned server, and builds what is right', async () => {
    const tag = readFileSync(`${artifact}.tag`, 'utf8')
    const forged = entryTag({ ...remoteCache(real).settings, signatureKey: 'another key' }, made.key)
    writeFileSync(`${artifact}.tag`, forged.update(archive).digest('base64'))
    try {
      const { converter, stages, said } = machine(real)
      const got = await converter.convert(model, quick)
      expect(got.cached).toBe(false)
      expect(stages).toContain('convert')
      expect(filesOf(got)).toEqual(filesOf(made))
      expect(converter.transfers()).toMatchObject({ fetched: 0, rejected: 1 })
      expect(said).toEqual([expect.stringMatching(/signature does not hold/)])
    } finally {
      writeFileSync(`${artifact}.tag`, tag)
    }
  })

  it('writes only where writing is switched on, with a token and a signature key', async () => {
    const server = await startServer((_, response) => void response.writeHead(404).end())
    for (const options of [{}, { readOnly: true }, { readOnly: false, token: '' }]) {
      const { cache } = remoteCache({ url: server.url, ...options })
      cache.offer(made.key, made.dir, made.manifest)
      await cache.close()
    }
    expect(server.requests).toHaveLength(0)
    expect(remoteSettings({ url: server.url, token, readOnly: false })).toEqual({
      warnings: [expect.stringMatching(/isn't used.*signatureKey/)],
    })
    expect(remoteSettings({ url: server.url, token })).toMatchObject({
      note: expect.any(String),
      warnings: [],
    })
    const { cache } = remoteCache({ url: server.url, readOnly: false })
    cache.offer(made.key, made.dir, made.manifest)
    await cache.close()
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'PUT'])
  })

  it('shows no secret in an error of its options', () => {
    for (const wrong of [
      { url: `https://me:${token}@cache.example.com` },
      { url: `ftp://${token}` },
      { url: 'https://cache.example.com', token: `${token}\u00e9` },
      { url: 'https://cache.example.com', signatureKey: [signatureKey] as unknown as string },
    ]) {
      const problem = (() => {
        try {
          return remoteSettings(wrong)
        } catch (error) {
          return error
        }
      })()
      expect(problem).toMatchObject({ code: 'ONNX_OPTION_INVALID' })
      expect(String((problem as Error).stack)).not.toMatch(/no-log-may-hold/)
    }
  })
})

/** Archives that a right signature is put on. */
const header = (name: string, size: number) => ({ name, size, type: 'file' as const })
const text = (name: string, content: string): TarEntry => ({
  header: header(name, Buffer.byteLength(content)),
  body: content,
})

describe('an entry that does not hold', () => {
  const other = sha256('another key')
  const expected = () => ({ model: made.manifest.source.sha256, maxBytes: 1e6 })
  const manifestText = (change: (manifest: Manifest) => object = (manifest) => manifest) =>
    JSON.stringify(change(made.manifest))
  const file = () => made.manifest.variants[0]!.file
  const content = () => readFileSync(join(made.dir, file()))

  /** What comes of an archive under a key. */
  async function served(body: Uint8Array, tag: string | undefined, key: string, options = {}) {
    const server = await startServer((_, response) => {
      response.writeHead(200, { ...(tag !== undefined && { 'x-artifact-tag': tag }) }).end(body)
    })
    const { cache, said } = remoteCache({ url: server.url, ...options })
    const work = newFolder()
    const got = await cache.fetch(key, expected(), work)
    return { got, said, work, rejected: cache.transfers.rejected }
  }
  const tagOf = (body: Uint8Array, key: string, options: Partial<RemoteOptions> = {}) =>
    entryTag(remoteCache({ url: real.url, ...options }).settings, key)
      .update(body)
      .digest('base64')

  it('is one under another key, of another team, with another key or no tag, changed or cut', async () => {
    const right = tagOf(archive, made.key)
    const { variants } = made.manifest
    expect(await served(archive, right, made.key)).toMatchObject({
      got: { manifest: { variants } },
      said: [],
    })
    const changed = Buffer.from(archive)
    changed[changed.length >> 1]! ^= 1
    const cases: [Uint8Array, string | undefined, string, object?][] = [
      [archive, right, other],
      [archive, tagOf(archive, made.key, { teamSlug: 'others' }), made.key],
      [archive, tagOf(archive, made.key, { signatureKey: 'another' }), made.key],
      [archive, undefined, made.key],
      [archive, '', made.key],
      [archive, right.slice(0, -4), made.key],
      [changed, right, made.key],
      [archive.subarray(0, -1024), right, made.key],
      [Buffer.concat([archive, Buffer.alloc(1e6)]), right, made.key],
      // Turborepo's own tag: of hash, team and body, with nothing between them.
      [archive, tagOf(Buffer.concat([Buffer.from(`${made.key}tests`), archive]), ''), made.key],
    ]
    for (const [body, tag, key, options] of cases) {
      const { got, said, work, rejected } = await served(body, tag, key, options)
      expect([got, rejected, said.length]).toEqual(['failed', 1, 1])
      expect(readdirSync(work).filter((name) => name !== 'entry.tar')).toEqual([])
    }
  })

  it('is one of another model, or whose files are not what its manifest names, whoever signed it', async () => {
    const variant: TarEntry = { header: header(file(), content().length), body: content() }
    const report = text('report.json', '{}')
    const manifest = text('manifest.json', manifestText())
    const renamed = (name: string) =>
      text(
        'manifest.json',
        manifestText(({ variants, ...rest }) => ({
          ...rest,
          variants: variants.map((each) => ({ ...each, file: name })),
        })),
      )
    const named = (name: string): TarEntry => ({ ...variant, header: header(name, content().length) })
    const link = (type: 'link' | 'symlink' | 'directory'): TarEntry => ({
      header: { name: file(), size: 0, type, linkname: '../../outside' },
    })
    const archives: Record<string, TarEntry[]> = {
      'no manifest first': [report, manifest, variant],
      'no report': [manifest, variant],
      'no variant': [manifest, report],
      'twice the same': [manifest, report, variant, variant],
      'a file that is not named': [manifest, report, variant, text('more.txt', 'more')],
      'a second manifest': [manifest, report, manifest, variant],
      'another content': [manifest, report, { ...variant, body: Buffer.alloc(content().length) }],
      'another size': [manifest, report, text(file(), 'short')],
      'a symbolic link': [manifest, report, link('symlink'), variant],
      'a hard link': [manifest, report, link('link')],
      'a folder': [manifest, report, link('directory'), variant],
      'a path that leads out': [renamed('../outside.onnxv'), report, named('../outside.onnxv')],
      'an absolute path': [renamed('/tmp/outside.onnxv'), report, named('/tmp/outside.onnxv')],
      'a path of Windows': [renamed('..\\outside.onnxv'), report, named('..\\outside.onnxv')],
      'a device of Windows': [renamed('nul.onnxv'), report, named('nul.onnxv')],
      'the name of the manifest': [renamed('manifest.json'), report, named('manifest.json')],
      'no JSON': [text('manifest.json', '{'), report, variant],
      'no manifest at all': [text('manifest.json', '[]'), report, variant],
      'no variants': [
        text(
          'manifest.json',
          manifestText((each) => ({ ...each, variants: [] })),
        ),
        report,
      ],
      'another model': [
        text(
          'manifest.json',
          manifestText((each) => ({ ...each, source: { ...each.source, sha256: other } })),
        ),
        report,
        variant,
      ],
    }
    const outside = readdirSync(folder)
    for (const [what, entries] of Object.entries(archives)) {
      const body = await packTar(entries)
      const { got, said, rejected } = await served(body, tagOf(body, made.key), made.key)
      expect([what, got, rejected, said.length]).toEqual([what, 'failed', 1, 1])
    }
    expect(readdirSync(folder).filter((name) => !/^folder-/.test(name))).toEqual(
      outside.filter((name) => !/^folder-/.test(name)),
    )
    const right = await packTar([manifest, report, variant])
    expect((await served(right, tagOf(right, made.key), made.key)).said).toEqual([])
  })

  it('is replaced by one that was converted', async () => {
    const kept: Buffer[] = []
    const server = await startServer(async (request, response) => {
      if (request.method !== 'PUT')
        return void response.writeHead(200, { 'x-artifact-tag': 'AAAA' }).end('no')
      for await (const chunk of request) kept.push(chunk as Buffer)
      response.end('{}')
    })
    const { cache } = remoteCache({ url: server.url, readOnly: false })
    await cache.fetch(made.key, expected(), newFolder())
    cache.offer(made.key, made.dir, made.manifest)
    await cache.close()
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'PUT'])
    expect(Buffer.concat(kept)).toEqual(archive)
    const { headers } = server.requests[1]!
    expect(headers['x-artifact-tag']).toBe(tagOf(archive, made.key))
    expect(headers['content-length']).toBe(String(archive.length))
  })
})

describe('a server that is of no use', () => {
  const expected = { model: sha256('a model'), maxBytes: 1e6 }
  const keys = Array.from({ length: 12 }, (_, index) => sha256(String(index)))

  /** Asks for one entry after the other, as a build with more models than that. */
  async function askAll(options: Partial<RemoteOptions> & { url: string }) {
    const { cache, said } = remoteCache(options)
    const got: unknown[] = []
    for (const key of keys) got.push(await cache.fetch(key, expected, newFolder()))
    await cache.close()
    expect(got).toEqual(keys.map(() => 'failed'))
    expect(said.join('\n')).not.toMatch(/no-log-may-hold/)
    return said
  }

  it.each<[string, number, RegExp]>([
    ['that refuses the token', 401, /refuses the token \(401\)/],
    ['that finds entries too large', 413, /too large for it \(413\)/],
    ['that is full', 507, /full \(507\)/],
    ['that is down behind its gateway', 502, /answers with an error \(502\)/],
  ])('%s is asked three times', async (_, status, warning) => {
    const server = await startServer((_, response) => void response.writeHead(status).end('no'))
    const said = await askAll(server)
    expect(server.requests).toHaveLength(3)
    expect(said).toEqual([expect.stringMatching(warning), expect.stringMatching(/it isn't asked any more/)])
    // Builds have a converter for each environment.
    await remoteCache(server).cache.fetch(keys[0]!, expected, newFolder())
    expect(server.requests).toHaveLength(3)
  })

  it('that redirects gets no other server to see the token', async () => {
    const elsewhere = await startServer((_, response) => void response.end('got it'))
    for (const status of [301, 302, 303, 307, 308]) {
      const server = await startServer(
        ({ url }, response) => void response.writeHead(status, { location: `${elsewhere.url}${url}` }).end(),
      )
      const said = await askAll(server)
      expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${token}`)
      expect(said[0]).toMatch(/redirects to another address/)
    }
    expect(elsewhere.requests).toHaveLength(0)
  })

  it('that is not there, or breaks off, is asked three times', async () => {
    const server = await startServer(({ socket }) => void socket.destroy())
    await askAll(server)
    expect(server.requests).toHaveLength(3)
    // Nobody listens on port 1.
    expect((await askAll({ url: 'http://127.0.0.1:1' }))[0]).toMatch(/failed \((ECONNREFUSED|bad port)\)/)
  })

  it.each<[string, Parameters<typeof startServer>[0]]>([
    ['never answers', () => {}],
    ['never goes on', (_, response) => void response.writeHead(200).write('begun')],
    [
      'sends a byte now and then',
      (_, response) => {
        response.writeHead(200)
        const drip = setInterval(() => response.write('.'), 20)
        response.on('close', () => clearInterval(drip))
      },
    ],
  ])('that %s is left at once when time is up', async (_, listener) => {
    const server = await startServer(listener)
    const closed: Promise<unknown>[] = []
    const { cache, said } = remoteCache({ ...server, timeout: 100 })
    const all = Promise.all(keys.map((key) => cache.fetch(key, expected, newFolder())))
    await expect.poll(() => server.requests.length).toBeGreaterThan(0)
    for (const { socket } of server.requests)
      if (!socket.destroyed) closed.push(new Promise((resolve) => socket.once('close', resolve)))
    expect(await all).toEqual(keys.map(() => 'failed'))
    await Promise.all(closed)
    // Those that were under way at the same time, and none after the third.
    expect(server.requests.length).toBeLessThan(keys.length)
    expect(said).toEqual([
      expect.stringMatching(/too slow/),
      expect.stringMatching(/it isn't asked any more/),
    ])
  })

  it('that sends without end is broken off at what an entry can be', async () => {
    let sent = 0
    const server = await startServer((_, response) => {
      response.writeHead(200, { 'x-artifact-tag': 'AAAA' })
      const chunk = Buffer.alloc(1 << 18)
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', more)
      more()
    })
    const { cache, said } = remoteCache(server)
    expect(await cache.fetch(keys[0]!, expected, newFolder())).toBe('failed')
    expect(said).toEqual([expect.stringMatching(/larger than it can be/)])
    expect(sent).toBeLessThan(2e8)
  })

  it('that takes no upload holds a build no longer than it may', async () => {
    const server = await startServer(({ method }, response) => {
      if (method === 'HEAD') response.writeHead(404).end()
    })
    const { cache, said } = remoteCache({ ...server, readOnly: false, uploadTimeout: 50 })
    cache.offer(made.key, made.dir, made.manifest)
    await expect.poll(() => server.requests.length).toBe(2)
    const broken = new Promise((resolve) => server.requests[1]!.socket.once('close', resolve))
    await cache.close()
    await broken
    expect(said).toEqual([expect.stringMatching(/took longer than 0.05 s/)])
  })

  it('is asked again after an answer, and an entry that is not there is one', async () => {
    let asked = 0
    const server = await startServer(
      (_, response) => void response.writeHead(asked++ % 3 === 2 ? 404 : 500).end(),
    )
    const { cache } = remoteCache(server)
    const got: unknown[] = []
    for (const key of keys) got.push(await cache.fetch(key, expected, newFolder()))
    expect(got.filter((each) => each === 'missing')).toHaveLength(4)
    expect(server.requests).toHaveLength(keys.length)
  })
})

describe('an archive', () => {
  it('of one entry is the same every time', async () => {
    const twice = await Promise.all(
      [1, 2].map(() => new Response(pack(made.dir, made.manifest)).arrayBuffer()),
    )
    for (const bytes of twice) expect(Buffer.from(bytes)).toEqual(archive)
  })
})
