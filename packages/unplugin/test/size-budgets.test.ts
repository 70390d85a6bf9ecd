import type { Manifest, Variant } from '@unplugin-onnx/runtime'
import { describe, expect, it } from 'vitest'
import { bytesOf } from '../src/options/sizes'
import { validateOptions } from '../src/options/validate'
import { createBuiltModels } from '../src/size-budgets/built'
import { checkSizes, isOver, sizesExceeded, sizeTable } from '../src/size-budgets/check'

const variant = (target: string, sha256: string, bytes: number) =>
  ({ target, sha256, bytes, file: `${sha256}.onnxv`, recipe: 'int8' }) as unknown as Variant
const model = (file: string, ...variants: Variant[]) => ({
  file: `/app/${file}`,
  manifest: { variants } as unknown as Manifest,
})
const models = [
  model('models/det.onnx', variant('webgpu', 'a', 1000), variant('wasm', 'b', 2000)),
  model('models/copy.onnx', variant('webgpu', 'a', 1000), variant('wasm', 'b', 2000)),
  model('rec.onnx', variant('wasm', 'c', 500)),
]

describe('checkSizes', () => {
  it('holds each variant against each budget that fits its model and target', () => {
    const { checks, unused } = checkSizes(models, { '*.onnx': 500, 'models/*': { wasm: '1.9 kB' } }, '/app')
    expect(checks.map((check) => [check.model, check.target, isOver(check)])).toEqual([
      ['rec.onnx', 'wasm', false],
      ['models/det.onnx', 'wasm', true],
      ['models/copy.onnx', 'wasm', true],
    ])
    expect(unused).toEqual([])
  })

  it('counts a file that targets and copies share once in the total', () => {
    expect(checkSizes(models, { total: '3.5 kB' }, '/app').checks).toEqual([
      { model: 'total', bytes: 3500, budget: 3500 },
    ])
  })

  it('says which budgets hold nothing', () => {
    expect(checkSizes(models, { 'model/dett.onnx': 1, 'rec.onnx': { wams: 1 } }, '/app').unused).toEqual([
      "budgets['model/dett.onnx'] fits no model of this build. Did you mean det.onnx?",
      'budgets[\'rec.onnx\'] names a target "wams", and its models are converted for wasm.',
    ])
  })

  it('lines the table up, and leaves hostile names text', () => {
    const hostile = [model('a\u001b[31m\n.onnx', variant('wasm', 'd', 12_345_678))]
    const { checks } = checkSizes([...models, ...hostile], { '*.onnx': '1 kB', total: '1 GB' }, '/app')
    expect(sizeTable(checks)).toBe(
      [
        'rec.onnx            wasm         500 B  of          1,000 B  within',
        'a\\x1b[31m\\x0a.onnx  wasm  12,345,678 B  of          1,000 B  12,344,678 B over',
        'total                     12,349,178 B  of  1,000,000,000 B  within',
      ].join('\n'),
    )
    expect(sizesExceeded(checks)?.code).toBe('ONNX_SIZE_BUDGET_EXCEEDED')
    expect(sizesExceeded(checks.slice(0, 1))).toBeUndefined()
  })

  it('takes a model that is converted again for what it is now', () => {
    const built = createBuiltModels()
    built.add(model('rec.onnx', variant('wasm', 'c', 500)))
    built.add(model('rec.onnx', variant('wasm', 'e', 600)))
    expect(checkSizes(built.all(), { total: 0 }, '/app').checks[0]?.bytes).toBe(600)
  })
})

describe('sizes', () => {
  it.each([
    [12, 12],
    ['12', 12],
    ['500kB', 500_000],
    ['1.5 MB', 1_500_000],
    ['1 GiB', 1_073_741_824],
    ['2 KiB', 2048],
  ])('%s are %i bytes', (size, bytes) => expect(bytesOf(size)).toBe(bytes))

  it.each([-1, Number.NaN, '3 XB', 'MB', '', '-3 MB', {}])('%s is none', (size) =>
    expect(bytesOf(size)).toBeUndefined(),
  )

  it('are checked among the options', () => {
    const budgets = { total: '8 MB', '*.onnx': { wasm: '3 MB' }, 'a.onnx': 1000 }
    expect(validateOptions({ budgets }, 'onnx()')).toEqual({ budgets })
    expect(() => validateOptions({ budgets: { total: {} } }, 'onnx()')).toThrow(/budgets\.total/)
    expect(() => validateOptions({ budgets: { '*.onnx': { wasm: '3 XB' } } }, 'onnx()')).toThrow(
      /"budgets\['\*\.onnx'\]\['wasm'\]" of onnx\(\) must be a number of bytes, or one with a unit, such as '500MB'/,
    )
  })
})
