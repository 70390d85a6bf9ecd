/** Variants larger than a file may be: cut into a model and shards, verified and kept as they are shipped. */
import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel, readModel, Tensor } from '@unplugin-onnx/core'
import type { Variant } from '@unplugin-onnx/runtime'
import { afterAll, describe, expect, it } from 'vitest'
import { Agreement } from '../src/accuracy'
import { synthesize } from '../src/calibration'
import { openModel } from '../src/engine'
import { findEngine } from '../src/engine-package'
import { type Conversion, createConverter, type ModelOptions } from '../src/index'
import { calibrationOf, fixtures, packageRoot, sileroTrio, temporaryFolder } from './models'

const warnings: string[] = []
const logger = { info: () => {}, warn: (message: string) => warnings.push(message) }
const folder = temporaryFolder()
const converter = createConverter({ root: packageRoot, cacheDir: join(folder, 'cache'), logger })
afterAll(() => converter.close())

const maxBytes = 64 * 1024
const convert = (file: string, options: ModelOptions = {}): Promise<Conversion> =>
  converter.convert(file, { targets: ['wasm', 'node'], effort: 'fast', shards: { maxBytes }, ...options })
const fixture = (name: string) => join(fixtures, `${name}.onnx`)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe.each([fixture('digits_cnn'), fixture('kws_gru')])('%s', (file) => {
  it('is a small model and shards within the limit, named by their content', async () => {
    const calibration = calibrationOf(file)
    const { manifest, dir } = await convert(file, { ...(calibration && { calibration }) })
    for (const { bytes, shards = [], file: graph, sha256: hash } of manifest.variants) {
      expect(shards.length).toBeGreaterThan(0)
      const rest = readFileSync(join(dir, graph))
      expect(sha256(rest)).toBe(hash)
      for (const shard of shards) {
        const content = readFileSync(join(dir, shard.file))
        expect(sha256(content)).toBe(shard.sha256)
        expect(content.length).toBe(shard.bytes)
        expect(shard.path).toBe(`${shard.sha256.slice(0, 16)}.data`)
        const tensors = [...readModel(rest).initializers()].filter(
          ({ initializer }) => initializer?.external?.location === shard.path,
        )
        if (tensors.length > 1) expect(content.length).toBeLessThanOrEqual(maxBytes)
      }
      expect(shards.reduce((sum, shard) => sum + shard.bytes, rest.length)).toBe(bytes)
      expect(rest.length).toBeLessThan(bytes / 2)
    }
  })

  it('gives in both engines what the source gives, opened with its shards', async () => {
    const calibration = calibrationOf(file)
    const { manifest, dir, cached } = await convert(file, { ...(calibration && { calibration }) })
    expect(cached).toBe(true)
    const outputs = manifest.outputs.map(({ name }) => name)
    const { feeds } = synthesize({ inputs: manifest.inputs, vocabularies: [] }, {}, { sample: 7 })
    for (const { target, file: graph, shards = [], session } of manifest.variants) {
      const engine = await findEngine(target === 'node' ? 'node' : 'wasm', packageRoot, 'test')
      const external = shards.map((each) => ({ path: each.path, data: readFileSync(join(dir, each.file)) }))
      const source = await openModel(engine, readFileSync(file))
      const variant = await openModel(engine, readFileSync(join(dir, graph)), external, session)
      const agreement = new Agreement(new Set())
      expect(
        agreement.add(await source.run(feeds, outputs), await variant.run(feeds, outputs)),
      ).toBeUndefined()
      expect(agreement.result().cosine).toBeGreaterThan(0.95)
      await source.close()
      await variant.close()
    }
  })
})

it('is one file without shards, or under the limit', async () => {
  for (const shards of [false, {}] as const) {
    const { manifest, dir } = await convert(fixture('digits_mlp'), { shards })
    for (const { file, shards, bytes } of manifest.variants) {
      expect(shards).toBeUndefined()
      expect(readFileSync(join(dir, file)).length).toBe(bytes)
    }
  }
})

it('shares all files with its next version but those of what changed', async () => {
  const options: ModelOptions = { recipes: ['float32'], accuracy: { sqnr: 1 }, targets: ['wasm'] }
  const file = join(folder, 'next.onnx')
  cpSync(fixture('kws_conformer'), file)
  const before = await convert(file, options)
  const model = readModel(readFileSync(file))
  const changed = [...model.initializers()].find(({ initializer }) => initializer!.byteLength > 8000)!
  const bytes = changed.initializer!.bytes().slice()
  bytes[0]! ^= 1
  const { dataType, dims } = changed.initializer!
  const next = Tensor.fromBytes(dataType, dims, bytes)
  const { name, graph } = changed
  const fresh = graph.addInitializer(graph.uniqueName(name), next)
  changed.replaceAllUsesWith(fresh)
  graph.removeInitializer(changed)
  writeFileSync(file, encodeModel(model))
  const after = await convert(file, options)
  const hashes = ({ manifest }: Conversion) => manifest.variants[0]!.shards!.map(({ sha256: hash }) => hash)
  const kept = hashes(after).filter((hash) => hashes(before).includes(hash))
  expect(hashes(before).length).toBeGreaterThan(5)
  expect(kept.length).toBeGreaterThanOrEqual(hashes(before).length - 3)
  expect(kept.length).toBeLessThan(hashes(before).length)
})

it('is made again where a shard in the cache is damaged', async () => {
  const file = fixture('digits_cnn')
  const calibration = calibrationOf(file)
  const { dir, manifest } = await convert(file, { ...(calibration && { calibration }) })
  const [shard] = manifest.variants[0]!.shards!
  const bytes = readFileSync(join(dir, shard!.file))
  bytes[10]! ^= 1
  writeFileSync(join(dir, shard!.file), bytes)
  const other = createConverter({ root: packageRoot, cacheDir: join(folder, 'cache'), logger })
  try {
    const again = await other.convert(file, {
      targets: ['wasm', 'node'],
      effort: 'fast',
      shards: { maxBytes },
      ...(calibration && { calibration }),
    })
    expect(again.cached).toBe(false)
    expect(sha256(readFileSync(join(again.dir, shard!.file)))).toBe(shard!.sha256)
    expect(warnings).toContainEqual(
      expect.stringContaining(`${shard!.file} has other content than was written`),
    )
    // Nothing lies there that is not shipped.
    const files = manifest.variants.flatMap((each) => [each.file, ...each.shards!.map((one) => one.file)])
    expect(readdirSync(again.dir).sort()).toEqual(
      [...new Set([...files, 'manifest.json', 'manifest.sha256', 'report.json'])].sort(),
    )
  } finally {
    await other.close()
  }
})

it('stays one file where its weights are in branches, and says so', async () => {
  const { manifest, dir } = await convert(sileroTrio[1]!, { targets: ['wasm'], recipes: ['float16'] })
  const [{ file, bytes, shards }] = manifest.variants as [Variant]
  expect(shards).toBeUndefined()
  expect(readFileSync(join(dir, file)).length).toBe(bytes)
  expect(manifest.warnings).toContain(
    'It is one file and not cut into shards: its weights are no initializers of the main graph.',
  )
})

it('says that a file is over the limit where a tensor alone is', async () => {
  const { manifest } = await convert(fixture('digits_mlp'), {
    targets: ['wasm'],
    recipes: ['float32'],
    shards: { maxBytes: 8192 },
  })
  const large = manifest.variants[0]!.shards!.filter(({ bytes }) => bytes > 8192)
  expect(large.length).toBeGreaterThan(0)
  for (const { bytes } of large)
    expect(manifest.warnings).toContain(
      `A file has ${bytes} bytes, over shards.maxBytes: a tensor alone is larger.`,
    )
})

it.each([
  [true, 'neither false nor an object'],
  [{ maxBytes: 100 }, 'no whole number from 4096 up'],
  [{ maxbytes: 5000 }, 'maxBytes'],
])('refuses %j', async (shards, text) => {
  await expect(convert(fixture('digits_mlp'), { shards } as never)).rejects.toThrow(text)
})
