import type { Candidate, Manifest, Variant } from '@unplugin-onnx/runtime'
import { describe, expect, it } from 'vitest'
import { type DiffedModel, diffModels } from '../src/diff/diff'
import { code, diffMarkdown, text } from '../src/diff/markdown'

const variant = (target: string, recipe: string, bytes: number, more: Partial<Variant> = {}): Variant => ({
  target,
  provider: 'wasm',
  file: `${recipe}.onnxv`,
  bytes,
  brotliBytes: bytes / 2,
  sha256: `${recipe}-${bytes}`,
  recipe,
  accuracy: { sqnr: 30, cosine: 1, maxError: 0 },
  ...more,
})
const candidate = (
  target: string,
  recipe: string,
  reason: string,
  more: Partial<Candidate> = {},
): Candidate => ({
  target,
  recipe,
  bytes: 0,
  chosen: false,
  reason,
  ...more,
})
const model = (
  name: string,
  variants: Variant[],
  candidates: Candidate[] = [],
  sha256 = 'source',
): DiffedModel => ({
  name,
  manifest: {
    version: 1,
    source: { file: name, bytes: 10_000, brotliBytes: 9_000, sha256, external: [] },
    variants,
    candidates,
  } as unknown as Manifest,
})

const det = (bytes: number, more: Partial<Variant> = {}) => [
  variant('webgpu', 'int8', bytes, more),
  variant('wasm', 'int8', bytes, more),
]

describe('diffModels', () => {
  it('names model, target and bytes where weights changed', () => {
    const diff = diffModels(
      [model('det.onnx', [variant('wasm', 'int8', 1000)]), model('rec.onnx', det(700))],
      [model('det.onnx', [variant('wasm', 'int8', 1024)]), model('rec.onnx', det(700))],
    )
    expect(diff.variants).toMatchObject([
      { model: 'det.onnx', target: 'wasm', contents: true, base: { bytes: 1000 }, head: { bytes: 1024 } },
    ])
    expect(diff.same).toEqual(['rec.onnx'])
    expect(diff.totals).toEqual([
      { target: 'wasm', base: { bytes: 1700, brotliBytes: 850 }, head: { bytes: 1724, brotliBytes: 862 } },
      { target: 'webgpu', base: { bytes: 700, brotliBytes: 350 }, head: { bytes: 700, brotliBytes: 350 } },
    ])
  })

  it('takes times for no change, and another score for one', () => {
    const before = variant('wasm', 'int8', 1000, { latency: { milliseconds: 1, ratio: 0.5 } })
    const slower = { ...before, latency: { milliseconds: 2, ratio: 0.9 } }
    const worse = { ...before, task: { source: 1, variant: 0.9 } }
    const diffTo = (after: Variant) => diffModels([model('a.onnx', [before])], [model('a.onnx', [after])])
    expect(diffTo(slower).variants).toEqual([])
    expect(diffTo(worse).variants).toMatchObject([{ contents: false }])
  })

  it('sees shards that changed', () => {
    const sharded = (sha256: string) =>
      variant('wasm', 'int8', 1000, { shards: [{ path: 'a', file: 'a', bytes: 10, sha256 }] })
    const diff = diffModels([model('a.onnx', [sharded('x')])], [model('a.onnx', [sharded('y')])])
    expect(diff.variants).toHaveLength(1)
  })

  it('compares two single models whatever they are called, and of several tells new ones and removed ones', () => {
    expect(diffModels([model('old.onnx', det(5))], [model('new.onnx', det(5))])).toMatchObject({
      added: [],
      removed: [],
      same: ['new.onnx'],
    })
    expect(
      diffModels(
        [model('a.onnx', det(5)), model('b.onnx', det(6))],
        [model('b.onnx', det(6)), model('c.onnx', det(7))],
      ),
    ).toMatchObject({ added: ['c.onnx'], removed: ['a.onnx'], same: ['b.onnx'] })
  })

  it('keeps variants for some devices only apart', () => {
    const half = variant('webgpu', 'float16', 10, { requires: ['shader-f16'] })
    const diff = diffModels([model('a.onnx', det(5))], [model('a.onnx', [half, ...det(5)])])
    expect(diff.variants).toMatchObject([{ target: 'webgpu with shader-f16', head: { recipe: 'float16' } }])
  })
})

describe('diffMarkdown', () => {
  it('shows a table, what targets come to, and decisions with their reasons', async () => {
    const base = [
      model(
        'models/det.onnx',
        det(1_000_000, { task: { source: 1, variant: 0.98 } }),
        ['webgpu', 'wasm'].map((target) =>
          candidate(target, 'int8', 'It is the smallest.', { chosen: true }),
        ),
      ),
      model('models/rec.onnx', det(500), [
        candidate('wasm', 'int8', 'It is the smallest.', { skipped: [{ node: 'conv_1', reason: 'loud' }] }),
      ]),
      model('models/cls.onnx', det(10)),
      model('models/gone.onnx', det(20)),
    ]
    const head = [
      model(
        'models/det.onnx',
        ['webgpu', 'wasm'].map((target) =>
          variant(target, 'int8-mixed', 1_250_000, {
            accuracy: { sqnr: 26.04, cosine: 1, maxError: 0 },
            task: { source: 1, variant: 0.975 },
          }),
        ),
        ['webgpu', 'wasm'].flatMap((target) => [
          candidate(target, 'int8-mixed', 'It is the smallest within the budget.', { chosen: true }),
          candidate(target, 'int8', '17.0 dB is below the 25 dB of the budget.'),
        ]),
        'other',
      ),
      model('models/rec.onnx', det(501), [
        candidate('wasm', 'int8', 'It is the smallest.', { skipped: [{ node: 'conv_2', reason: 'louder' }] }),
      ]),
      model('models/cls.onnx', det(10)),
      model('models/new.onnx', det(30)),
    ]
    await expect(diffMarkdown(diffModels(base, head))).toMatchFileSnapshot('golden/diff.md')
  })

  it('says so where nothing changed', () => {
    expect(diffMarkdown(diffModels([model('a.onnx', det(5))], [model('a.onnx', det(5))]))).toBe(
      'No variant of 1 model changed.\n',
    )
    expect(diffMarkdown(diffModels([model('a.onnx', det(5))], [model('a.onnx', det(5), [], 'other')]))).toBe(
      'No variant of 1 model changed. Other bytes, and the same variants: `a.onnx`.\n',
    )
  })

  it('leaves hostile names and reasons text', async () => {
    const name = 'a`|<img src=x onerror=alert(1)>\n| @everyone | \u202e``.onnx'
    const base = [model(name, [variant('wasm', 'int8', 5)], [candidate('wasm', 'int8', '')])]
    const skipped = [{ node: '``<script>', reason: '[x](http://e.vil) <b> @all | **bold**\n# head' }]
    const head = [model(name, [variant('wasm', 'int8', 6)], [candidate('wasm', 'int8', '', { skipped })])]
    await expect(diffMarkdown(diffModels(base, head))).toMatchFileSnapshot('golden/diff-hostile.md')
  })
})

describe('code', () => {
  it.each([
    ['a', '`a`'],
    ['a`b', '``a`b``'],
    ['`a', '`` `a ``'],
    ['', '` `'.replace(' ', '  ')],
  ])('%j is %j', (given, expected) => expect(code(given)).toBe(expected))
})

describe('text', () => {
  it('has no Markdown left', () => {
    expect(text('*a* _b_ [c](d) <e> @f g://h #i')).toBe(
      '\\*a\\* \\_b\\_ \\[c\\](d) &lt;e\\> &#64;f g:&#47;/h #i',
    )
  })
})
