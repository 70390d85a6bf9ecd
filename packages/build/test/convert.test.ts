import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Manifest } from '@unplugin-onnx/runtime'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Agreement } from '../src/accuracy'
import type { Feeds } from '../src/arrays'
import { hashCalibration, normalizeCalibration, openCalibration, synthesize } from '../src/calibration'
import { openModel } from '../src/engine'
import { findEngine } from '../src/engine-package'
import { readExternalFile } from '../src/external'
import { budgets, type Conversion, createConverter } from '../src/index'
import { calibrationOf, ocrTrio, packageRoot, sileroTrio, temporaryFolder, trained } from './models'

const converter = createConverter({ root: packageRoot, cacheDir: join(temporaryFolder(), 'cache') })
afterAll(() => converter.close())

const targets = ['webgpu', 'wasm', 'node']
const conversions = new Map<string, Conversion>()
const models = [...trained, ...ocrTrio, ...sileroTrio]

describe.each(models.map((file) => [basename(file), file] as const))('%s', (name, file) => {
  beforeAll(async () => {
    const calibration = calibrationOf(file)
    conversions.set(
      file,
      await converter.convert(file, { targets, effort: 'fast', ...(calibration ? { calibration } : {}) }),
    )
  })
  const conversion = () => conversions.get(file)!

  it('has a variant for every target, smaller than the source and within the budget', () => {
    const { variants, source } = conversion().manifest
    // WebGPU computes a layer of these wrongly: no variant, and a warning that says so.
    const wrong = conversion().manifest.warnings.some((each) => /^webgpu computes .* wrongly/.test(each))
    expect(wrong).toBe(/silero_vad_v[56]/.test(name))
    const forAllDevices = variants.filter(({ requires }) => requires === undefined)
    expect(forAllDevices.map((variant) => variant.target)).toEqual(wrong ? ['wasm', 'node'] : targets)
    for (const { bytes, accuracy, brotliBytes } of variants) {
      expect(bytes).toBeLessThan(source.bytes)
      expect(brotliBytes).toBeLessThan(source.brotliBytes)
      expect(accuracy.sqnr).toBeGreaterThanOrEqual(budgets.balanced.sqnr)
      expect(accuracy.cosine).toBeGreaterThanOrEqual(budgets.balanced.cosine)
    }
  })

  it('names a reason for every candidate, chosen or not', () => {
    const { candidates, variants } = conversion().manifest
    for (const { target, recipe, requires } of variants) {
      const own = candidates.filter(
        (candidate) => candidate.target === target && `${candidate.requires}` === `${requires}`,
      )
      expect(own.filter(({ chosen }) => chosen).map((candidate) => candidate.recipe)).toEqual([recipe])
      for (const { reason } of own) expect(reason).toMatch(/^\S.{8,}\.$/s)
    }
  })

  it('loads and runs in the engine of each target, and gives what the source gives', async () => {
    const { manifest, dir } = conversion()
    const external = manifest.source.external.map(({ location }) => ({
      path: location,
      data: readExternalFile(file, name, location),
    }))
    const outputs = manifest.outputs.map((output) => output.name)
    for (const variant of manifest.variants) {
      const engine = await findEngine(variant.target === 'node' ? 'node' : 'wasm', packageRoot, name)
      const source = await openModel(engine, readFileSync(file), external)
      const converted = await openModel(engine, readFileSync(join(dir, variant.file)), [], variant.session)
      const feeds = await feedsFor(file, manifest)
      const agreement = new Agreement(new Set())
      expect(
        agreement.add(await source.run(feeds, outputs), await converted.run(feeds, outputs)),
      ).toBeUndefined()
      expect(agreement.result().cosine).toBeGreaterThan(0.95)
      await source.close()
      await converted.close()
    }
  })
})

/** The last sample but one of the calibration data; without any, a synthesized one that the build has not verified on. */
async function feedsFor(file: string, { inputs }: Manifest): Promise<Feeds> {
  const path = calibrationOf(file)
  const inspection = { inputs, outputs: [], vocabularies: [] }
  if (path === undefined) return synthesize(inspection, {}, { sample: 7 }).feeds
  const data = await hashCalibration(packageRoot, normalizeCalibration(path, file), file)
  const source = await openCalibration(data!, { name: file, inspection })
  try {
    const samples = await source.samples({ samples: 32, elements: 4_000_000 })
    return await samples.at(Math.max(0, samples.length - 2))
  } finally {
    await source.close()
  }
}

describe('all models together', () => {
  it('take about a quarter of the bytes on all but a few of the models that were trained for these tests', () => {
    const shares = trained.flatMap((file) => {
      const { variants, source } = conversions.get(file)!.manifest
      return variants.map(({ bytes }) => bytes / source.bytes)
    })
    for (const share of shares) expect(share).toBeLessThan(0.56)
    expect(shares.filter((share) => share < 0.4).length).toBeGreaterThan(0.8 * shares.length)
  })
})
