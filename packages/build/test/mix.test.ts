/** The search for weights that have to stay in float16, on a real model whose int8 weights miss the budget. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readModel } from '@unplugin-onnx/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Conversion, type Converter, createConverter } from '../src/index'
import { fixtures, packageRoot, temporaryFolder } from './models'

const folder = temporaryFolder()
const model = join(fixtures, 'digits_mobile.onnx')
const calibration = join(fixtures, 'digits_mobile.npz')

let converter: Converter
beforeAll(() => {
  converter = createConverter({ root: packageRoot, cacheDir: join(folder, 'cache') })
})
afterAll(() => converter.close())

const candidate = ({ manifest }: Conversion, recipe: string) =>
  manifest.candidates.find((each) => each.recipe === recipe)

describe('a mix of int8 and float16', () => {
  it('reaches a budget that int8 alone misses, with fewer bytes than float16', async () => {
    const conversion = await converter.convert(model, {
      targets: ['wasm'],
      calibration,
      accuracy: { sqnr: 42 },
    })
    const plain = candidate(conversion, 'int8')
    const mixed = candidate(conversion, 'int8-mixed')
    const float16 = candidate(conversion, 'float16')
    expect(plain).toMatchObject({ chosen: false })
    expect(plain?.accuracy?.sqnr).toBeLessThan(42)
    expect(mixed).toMatchObject({ chosen: true })
    expect(mixed?.accuracy?.sqnr).toBeGreaterThanOrEqual(42)
    expect(mixed?.bytes).toBeGreaterThan(plain?.bytes ?? Number.POSITIVE_INFINITY)
    expect(mixed?.bytes).toBeLessThan(float16?.bytes ?? 0)
  })

  it('says of each weight that it spares what it would cost, and leaves just those in float16', async () => {
    const conversion = await converter.convert(model, {
      targets: ['wasm'],
      calibration,
      accuracy: { sqnr: 42 },
    })
    const spared = (candidate(conversion, 'int8-mixed')?.skipped ?? []).filter(({ reason }) =>
      /^stays in float16: it .*alone in int8 would leave -?[\d.]+ dB at the outputs$/.test(reason),
    )
    expect(spared.length).toBeGreaterThan(0)
    const [variant] = conversion.manifest.variants
    const written = readModel(readFileSync(join(conversion.dir, variant?.file ?? '')))
    const quantized = [...written.initializers()]
      .filter((value) => value.initializer?.dataType === 'int8')
      .map((value) => value.name)
    expect(quantized.length).toBeGreaterThan(0)
    for (const { node } of spared) expect(quantized).not.toContain(node)
  })

  it('is made where it is the only recipe asked for', async () => {
    const { manifest } = await converter.convert(model, {
      targets: ['wasm'],
      calibration,
      accuracy: { sqnr: 42 },
      recipes: ['int8-mixed'],
    })
    expect(manifest.variants.map(({ recipe }) => recipe)).toEqual(['int8-mixed'])
  })

  it('of 4 and 8 bits is smaller than int8 where 4 bits alone miss the budget', async () => {
    const options = { targets: ['wasm'], calibration, accuracy: { sqnr: 20 } } as const
    const conversion = await converter.convert(model, options)
    expect(candidate(conversion, 'int4-folded')).toMatchObject({ chosen: false })
    const mixed = candidate(conversion, 'int4-mixed')
    expect(mixed).toMatchObject({ chosen: true })
    expect(mixed?.accuracy?.sqnr).toBeGreaterThanOrEqual(20)
    expect(mixed?.bytes).toBeLessThan(candidate(conversion, 'int8')?.bytes ?? 0)
  })

  it('spares nothing where int8 alone is within the budget', async () => {
    const options = { targets: ['wasm'], calibration, accuracy: { sqnr: 20 } } as const
    const plain = await converter.convert(model, { ...options, recipes: ['int8', 'int8-mixed'] })
    const asked = await converter.convert(model, { ...options, recipes: ['int8-mixed'] })
    expect(plain.manifest.variants[0]?.recipe).toBe('int8')
    expect(candidate(plain, 'int8-mixed')).toBeUndefined()
    expect(asked.manifest.variants[0]).toMatchObject({
      recipe: 'int8-mixed',
      sha256: plain.manifest.variants[0]?.sha256,
    })
  })
})
